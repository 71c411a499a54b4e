"""Real clients, unchanged, against a real server: granian, TLS 1.3, a certificate of our own authority (EMC-47)."""

import io
import os
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
import s3fs
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from minio import Minio

from simulators.s3_door import REGION
from simulators.s3_site import MIB, a_bucket, open_site, run, tool

BIG = os.urandom(MIB) * 11


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with open_site(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def s3(site):
    return site.boto3()


# boto3


def test_boto3_writes_reads_lists_copies_tags_and_deletes(s3):
    bucket = a_bucket(s3, "boto3-basics")
    s3.put_object(Bucket=bucket, Key="a b/é+&.txt", Body=b"hello", Metadata={"n": "1"}, ContentType="text/plain")
    got = s3.get_object(Bucket=bucket, Key="a b/é+&.txt")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"hello", {"n": "1"}, "text/plain")
    assert got["ServerSideEncryption"] == "aws:kms"
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"] == "a b/é+&.txt"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/é+&.txt"})
    s3.put_object_tagging(Bucket=bucket, Key="copy", Tagging={"TagSet": [{"Key": "t", "Value": "é"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "t", "Value": "é"}]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="none")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "a b/é+&.txt"}]})
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_boto3_checksums_travel_in_trailers_and_come_back(s3, algorithm):
    bucket = a_bucket(s3, f"boto3-{algorithm.lower()}")
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello" * 1000, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello" * 1000, "boto3 verifies the checksum as it reads"
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_boto3_managed_transfer_uses_parts_and_ranges(s3, tmp_path):
    bucket = a_bucket(s3, "boto3-transfer")
    (tmp_path / "big").write_bytes(BIG)
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_file(str(tmp_path / "big"), bucket, "big", Config=parts)
    s3.download_file(bucket, "big", str(tmp_path / "back"), Config=parts)
    assert (tmp_path / "back").read_bytes() == BIG
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=parts)
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == len(BIG)


def test_boto3_pages_through_versions(s3):
    bucket = a_bucket(s3, "boto3-versions")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for n in range(5):
        s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % n)
    s3.delete_object(Bucket=bucket, Key="k")
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}))
    versions = [v for page in pages for v in page.get("Versions", [])]
    assert [s3.get_object(Bucket=bucket, Key="k", VersionId=v["VersionId"])["Body"].read() for v in versions] == [
        b"4", b"3", b"2", b"1", b"0"
    ]  # fmt: skip
    assert sum(len(page.get("DeleteMarkers", [])) for page in pages) == 1


def test_boto3_writes_on_conditions(s3):
    bucket = a_bucket(s3, "boto3-conditions")
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")


def test_boto3_signs_payloads_too(site):
    s3 = site.boto3(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    bucket = a_bucket(s3, "boto3-signed")
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_presigned_urls_work_with_a_plain_http_client(site, s3):
    bucket = a_bucket(s3, "presigned")
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    with httpx.Client(verify=_trusting(site.ca)) as client:
        assert client.put(put, content=b"hello").status_code == 200
        assert client.get(get).content == b"hello"
        assert client.get(get.replace("a%20b", "b")).status_code == 403


def _trusting(ca):
    import ssl

    return ssl.create_default_context(cafile=str(ca))


# Command lines


def test_the_aws_command_line_copies_lists_syncs_and_removes(site, s3, tmp_path):
    bucket = a_bucket(s3, "aws-cli")
    env = {
        "AWS_ACCESS_KEY_ID": site.key, "AWS_SECRET_ACCESS_KEY": site.secret, "AWS_DEFAULT_REGION": REGION,
        "AWS_CA_BUNDLE": str(site.ca), "AWS_ENDPOINT_URL": site.url, "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "big").write_bytes(BIG)
    (source / "sub" / "small.txt").write_text("small")
    aws = tool("aws")
    run(aws, "s3", "sync", str(source), f"s3://{bucket}/data", env=env)
    assert "small.txt" in run(aws, "s3", "ls", f"s3://{bucket}/data/sub/", env=env)
    run(aws, "s3", "cp", f"s3://{bucket}/data/big", str(tmp_path / "back"), env=env)
    assert (tmp_path / "back").read_bytes() == BIG
    run(aws, "s3", "mv", f"s3://{bucket}/data/sub/small.txt", f"s3://{bucket}/moved.txt", env=env)
    assert "aws:kms" in run(aws, "s3api", "head-object", "--bucket", bucket, "--key", "moved.txt", env=env)
    run(aws, "s3", "rb", f"s3://{bucket}", "--force", env=env)
    assert bucket not in run(aws, "s3", "ls", env=env)


def test_s3cmd_puts_gets_lists_and_deletes(site, s3, tmp_path):
    s3cmd = tool("s3cmd")
    bucket = a_bucket(s3, "s3cmd-bucket")
    host = site.url.removeprefix("https://")
    (tmp_path / "s3cfg").write_text(
        f"[default]\naccess_key = {site.key}\nsecret_key = {site.secret}\nhost_base = {host}\nhost_bucket = {host}\n"
        f"bucket_location = {REGION}\nuse_https = True\nca_certs_file = {site.ca}\nsignature_v2 = False\n"
        "multipart_chunk_size_mb = 5\n"
    )
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "small é.txt").write_text("small")
    base = (s3cmd, "-c", str(tmp_path / "s3cfg"), "--no-progress")
    run(*base, "put", str(tmp_path / "big"), f"s3://{bucket}/big")
    run(*base, "put", str(tmp_path / "small é.txt"), f"s3://{bucket}/dir/small é.txt")
    assert "dir/small é.txt" in run(*base, "ls", "--recursive", f"s3://{bucket}")
    run(*base, "get", f"s3://{bucket}/big", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == BIG
    assert "File size: 5" in run(*base, "info", f"s3://{bucket}/dir/small é.txt")
    run(*base, "cp", f"s3://{bucket}/big", f"s3://{bucket}/copy")
    run(*base, "del", "--recursive", "--force", f"s3://{bucket}")
    run(*base, "rb", f"s3://{bucket}")


def test_rclone_copies_checks_and_purges(site, s3, tmp_path):
    rclone = tool("rclone")
    bucket = a_bucket(s3, "rclone-bucket")
    env = {
        "RCLONE_CONFIG": str(tmp_path / "none.conf"), "RCLONE_CONFIG_NX_TYPE": "s3", "RCLONE_CONFIG_NX_PROVIDER": "Other",
        "RCLONE_CONFIG_NX_ACCESS_KEY_ID": site.key, "RCLONE_CONFIG_NX_SECRET_ACCESS_KEY": site.secret,
        "RCLONE_CONFIG_NX_REGION": REGION, "RCLONE_CONFIG_NX_ENDPOINT": site.url,
        "RCLONE_CONFIG_NX_NO_CHECK_BUCKET": "true",
    }  # fmt: skip
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "big").write_bytes(BIG)
    (source / "sub" / "a b+é").write_text("small")
    base = (rclone, "--ca-cert", str(site.ca), "--s3-chunk-size", "5M", "--s3-upload-cutoff", "6M")
    run(*base, "copy", str(source), f"nx:{bucket}/data", env=env)
    run(*base, "check", "--download", str(source), f"nx:{bucket}/data", env=env)
    run(*base, "copy", f"nx:{bucket}/data", str(tmp_path / "back"), env=env)
    assert (tmp_path / "back" / "sub" / "a b+é").read_text() == "small"
    run(*base, "purge", f"nx:{bucket}/data", env=env)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


# Tables


def test_pyarrow_writes_and_reads_parquet(site, s3):
    bucket = a_bucket(s3, "pyarrow-bucket")
    files = _pyarrow(site)
    table = pa.table({"id": list(range(200_000)), "value": [n * 0.5 for n in range(200_000)]})
    pq.write_table(table, f"{bucket}/warehouse/part=1/a.parquet", filesystem=files)
    back = pq.read_table(f"{bucket}/warehouse/part=1/a.parquet", columns=["id"], filesystem=files)
    assert back.equals(table.select(["id"]))
    assert [f.path for f in files.get_file_info(pa.fs.FileSelector(f"{bucket}/warehouse", recursive=True)) if f.is_file]
    files.delete_dir(f"{bucket}/warehouse")


def _pyarrow(site):
    pa.fs.initialize_s3() if not getattr(_pyarrow, "ready", False) else None
    _pyarrow.ready = True
    return pa.fs.S3FileSystem(
        access_key=site.key,
        secret_key=site.secret,
        region=REGION,
        endpoint_override=site.url.removeprefix("https://"),
        scheme="https",
        tls_ca_file_path=str(site.ca),
        force_virtual_addressing=False,
    )


def test_duckdb_reads_parquet(site, s3, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    extension = pytest.importorskip("duckdb_extension_httpfs", reason="DuckDB's httpfs extension is not installed")
    folder = Path(extension.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    if not folder.is_dir():
        pytest.skip(f"the httpfs extension at hand is not built for DuckDB {duckdb.__version__}")
    db = duckdb.connect(config={"extension_directory": str(tmp_path / "extensions")})
    db.execute(f"LOAD '{folder / 'httpfs.duckdb_extension'}'")
    bucket = a_bucket(s3, "duckdb-bucket")
    pq.write_table(pa.table({"id": list(range(100_000))}), tmp_path / "a.parquet")
    s3.upload_file(str(tmp_path / "a.parquet"), bucket, "t/a.parquet")
    db.execute(f"SET ca_cert_file='{site.ca}'; SET enable_server_cert_verification=true")
    db.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{site.key}', SECRET '{site.secret}', REGION '{REGION}',"
        f" ENDPOINT '{site.url.removeprefix('https://')}', URL_STYLE 'path')"
    )
    assert db.sql(f"SELECT sum(id) FROM 's3://{bucket}/t/*.parquet'").fetchone() == (4_999_950_000,)


def test_minio_py_puts_lists_copies_and_removes(site, s3):
    bucket = a_bucket(s3, "minio-py")
    client = Minio(
        endpoint=site.url.removeprefix("https://"),
        access_key=site.key,
        secret_key=site.secret,
        region=REGION,
        http_client=urllib3.PoolManager(ca_certs=str(site.ca)),
    )
    client.put_object(bucket_name=bucket, object_name="a/é", data=io.BytesIO(BIG), length=len(BIG), part_size=5 * MIB)
    assert client.get_object(bucket_name=bucket, object_name="a/é").read() == BIG
    assert [found.object_name for found in client.list_objects(bucket_name=bucket, recursive=True)] == ["a/é"]
    client.remove_object(bucket_name=bucket, object_name="a/é")
    assert list(client.list_objects(bucket_name=bucket, recursive=True)) == []


def test_s3fs_is_a_file_system(site, s3):
    bucket = a_bucket(s3, "s3fs")
    files = s3fs.S3FileSystem(
        key=site.key,
        secret=site.secret,
        endpoint_url=site.url,
        client_kwargs={"region_name": REGION, "verify": str(site.ca)},
        skip_instance_cache=True,
    )
    with files.open(f"{bucket}/folder/table.csv", "wb") as file:
        file.write(b"a,b\n" * 1_000)
    assert files.cat(f"{bucket}/folder/table.csv") == b"a,b\n" * 1_000
    assert files.ls(f"{bucket}/folder") == [f"{bucket}/folder/table.csv"]
    with files.open(f"{bucket}/folder/table.csv", "rb") as file:
        file.seek(2_000)
        assert file.read(4) == b"a,b\n"
    files.rm(f"{bucket}/folder", recursive=True)
    assert not files.exists(f"{bucket}/folder/table.csv")


def test_s5cmd_copies_lists_and_removes(site, s3, tmp_path):
    bucket = a_bucket(s3, "s5cmd")
    env = {
        "AWS_ACCESS_KEY_ID": site.key,
        "AWS_SECRET_ACCESS_KEY": site.secret,
        "AWS_REGION": REGION,
        "SSL_CERT_FILE": str(site.ca),
    }
    for name in ("one", "two"):
        (tmp_path / "up" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "up" / name).write_bytes(name.encode())
    s5cmd = [tool("s5cmd"), "--endpoint-url", site.url]
    run(*s5cmd, "cp", f"{tmp_path}/up/", f"s3://{bucket}/up/", env=env)
    assert {line.split()[-1] for line in run(*s5cmd, "ls", f"s3://{bucket}/up/", env=env).splitlines()} == {
        "one",
        "two",
    }
    run(*s5cmd, "cp", f"s3://{bucket}/up/*", f"{tmp_path}/down/", env=env)
    assert (tmp_path / "down" / "two").read_bytes() == b"two"
    run(*s5cmd, "rm", f"s3://{bucket}/up/*", env=env)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
