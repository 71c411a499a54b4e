"""Readers and writers of tables, a backup program and the JavaScript SDK, unchanged, against a real server over TLS.

Each runs in a process of its own: their engines in Rust and Go read the certificate authority from the environment, once.
"""

import json
import os
import sys
import textwrap
from pathlib import Path

import pytest

from simulators.s3_site import MIB, a_bucket, open_site, run, tool

PEERS = Path(__file__).parents[1] / "peers"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with open_site(tmp_path_factory.mktemp("tables")) as made:
        yield made


@pytest.fixture
def s3(site):
    return site.boto3()


def python(site, code: str, *arguments: str) -> str:
    return run(sys.executable, "-c", textwrap.dedent(code), *arguments, env=site.environment)


def test_polars_writes_and_scans_parquet(site, s3):
    bucket = a_bucket(s3, "polars")
    code = """
        import sys, polars as pl
        place = f"s3://{sys.argv[1]}/visits"
        frame = pl.DataFrame({"person": range(50_000), "year": [2020 + n % 5 for n in range(50_000)]})
        for year, part in frame.group_by("year"):
            part.write_parquet(f"{place}/year-{year[0]}.parquet")
        found = pl.scan_parquet(f"{place}/*.parquet").filter(pl.col("year") == 2023).select(pl.len()).collect()
        print(found.item())
    """
    assert python(site, code, bucket).strip() == "10000"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 5


def test_delta_lake_commits_and_only_one_of_two_writers_wins(site, s3):
    """Its commits are conditional writes (`If-None-Match: *`): two writers of one version must not both succeed."""
    bucket = a_bucket(s3, "delta")
    code = """
        import os, sys, pyarrow as pa
        from deltalake import DeltaTable, write_deltalake
        place = f"s3://{sys.argv[1]}/measurements"
        # A conditional write that is sent again because its answer was late finds itself: leave it time on a busy machine.
        options = {"aws_conditional_put": "etag", "timeout": "120s", "connect_timeout": "60s"}
        rows = lambda n: pa.table({"id": list(range(n))})
        write_deltalake(place, rows(1000), storage_options=options)
        write_deltalake(place, rows(500), mode="append", storage_options=options)
        table = DeltaTable(place, storage_options=options)
        stale = DeltaTable(place, storage_options=options)
        table.delete("id >= 400")
        try:
            stale.delete("id < 100")
            second = "won"
        except Exception as error:
            second = type(error).__name__
        fresh = DeltaTable(place, storage_options=options)
        print(fresh.version(), fresh.to_pyarrow_table().num_rows, second, DeltaTable(place, version=1, storage_options=options).to_pyarrow_table().num_rows, flush=True)
        os._exit(0)  # threads of its libraries may end an interpreter that takes leave of them, one time in three: all is said
    """
    version, rows, second, before = python(site, code, bucket).split()
    assert second != "won", "the second writer has not seen the first one's change"
    assert (version, rows, before) == ("2", "800", "1500")


def test_iceberg_appends_and_travels_back(site, s3, tmp_path):
    bucket = a_bucket(s3, "iceberg")
    code = """
        import os, sys, pyarrow as pa
        from pyiceberg.catalog.sql import SqlCatalog
        bucket, database = sys.argv[1:]
        catalog = SqlCatalog(
            "test",
            uri=f"sqlite:///{database}",
            warehouse=f"s3://{bucket}/warehouse",
            **{
                "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
                "s3.endpoint": os.environ["AWS_ENDPOINT_URL"],
                "s3.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
                "s3.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
                "s3.region": os.environ["AWS_REGION"],
            },
        )
        catalog.create_namespace("omop")
        rows = pa.table({"person_id": pa.array(range(1000), pa.int64())})
        table = catalog.create_table("omop.person", schema=rows.schema)
        table.append(rows)
        first = table.current_snapshot().snapshot_id
        table.append(rows)
        print(table.scan().to_arrow().num_rows, table.scan(snapshot_id=first).to_arrow().num_rows)
    """
    assert python(site, code, bucket, str(tmp_path / "catalog.db")).split() == ["2000", "1000"]


def test_restic_backs_up_checks_and_restores(site, s3, tmp_path):
    restic = tool("restic")
    bucket = a_bucket(s3, "restic")
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "big").write_bytes(os.urandom(MIB) * 9)
    (source / "sub" / "é").write_text("small")
    env = {
        **site.environment,
        "RESTIC_PASSWORD": "a password of the tests",
        "RESTIC_REPOSITORY": f"s3:{site.url}/{bucket}/repository",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }
    base = (restic, "--cacert", str(site.ca))
    run(*base, "init", env=env)
    run(*base, "backup", str(source), env=env)
    run(*base, "check", "--read-data", env=env)
    run(*base, "restore", "latest", "--target", str(tmp_path / "back"), env=env)
    restored = tmp_path / "back" / source.relative_to("/")
    assert (restored / "big").read_bytes() == (source / "big").read_bytes()
    assert (restored / "sub" / "é").read_text() == "small"
    run(*base, "forget", "--keep-last", "1", "--prune", env=env)


def test_the_javascript_sdk_puts_gets_lists_and_uploads_in_parts(site, s3):
    node = tool("node")
    if not (PEERS / "node_modules" / "@aws-sdk").is_dir():
        pytest.skip("the JavaScript SDK is not installed (make setup)")
    bucket = a_bucket(s3, "javascript")
    seen = json.loads(run(node, str(PEERS / "s3_client.mjs"), bucket, env=site.environment))
    assert seen == {
        "text": "héllo",
        "keys": ["a b/é", "big"],
        "size": 5 * MIB + 3,
        "range": "llo",
        "missing": "NoSuchKey",
    }
