"""A platform whose contents move to a Ceph cluster: kept, read, damaged, found out; the gateway dies and comes back. Issue 6; AP-14."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError

from nexus.objects.blobs.remote import PART_BYTES
from simulators.ceph import CephCluster
from simulators.installation import Installation, until

PLAIN = b"NAME=DURAND^PAULINE;BIRTH=19540312;"
SCAN = PLAIN * 12_000
SERIES = os.urandom(PART_BYTES + 700_000)
PARTS = (os.urandom(6 << 20), os.urandom(400_000))
SMALL = b"a note of a ward"
PREFIX = "story/"
ENDS = "_shadow_."
"""What the gateway splits off a large object, it names without the object's name."""


@pytest.fixture(scope="module")
def story(tmp_path_factory, ceph):
    """A platform that began on its own disk, and was moved to Ceph by copying its files."""
    root = tmp_path_factory.mktemp("ceph")
    made = Installation(root / "nexus", scrub_days=0)
    made.found("--demonstration").up()
    try:
        steward = made.person("david", "data_steward", "site:chu-lille")
        steward.call("objects.bucket.create", name="ward", site="chu-lille")
        key = steward.access_key("quality")
        made.s3(key).put_object(Bucket="ward", Key="from-before", Body=SCAN)
        made.down()
        copy_with_rclone(made.data / "blobs", ceph)
        shutil.rmtree(made.data / "blobs")
        told = "".join(f"{name} = {json.dumps(value)}\n" for name, value in ceph.settings(root, PREFIX).items())
        (made.data / "nexus.toml").write_text((made.data / "nexus.toml").read_text() + told)
        made.up()
        yield made, made.s3(key, read_timeout=120)
    finally:
        made.destroy()


def copy_with_rclone(blobs: Path, ceph: CephCluster) -> None:
    """As `docs/how-to/keep-copies.md` says."""
    if shutil.which("rclone") is None:
        pytest.skip("rclone is not installed (Debian package rclone)")
    at = ceph.endpoint
    told = {
        "RCLONE_CONFIG_CEPH_TYPE": "s3",
        "RCLONE_CONFIG_CEPH_PROVIDER": "Ceph",
        "RCLONE_CONFIG_CEPH_ENDPOINT": at.url,
        "RCLONE_CONFIG_CEPH_ACCESS_KEY_ID": at.access_key,
        "RCLONE_CONFIG_CEPH_SECRET_ACCESS_KEY": at.secret_key.reveal().decode(),
    }
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = ["rclone", "--ca-cert", str(at.authorities), "copy", "--exclude", "unfinished/**", str(blobs)]
    subprocess.run([*command, f"ceph:{at.bucket}/{PREFIX}"], env=surroundings | told, check=True, timeout=120)


def fsck(platform: Installation, *options: str) -> tuple[int, dict]:
    done = platform.nexus("objects", "fsck", "--json", *options, check=False)
    return done.returncode, json.loads(done.stdout)


def got(s3, key: str) -> bytes:
    return s3.get_object(Bucket="ward", Key=key)["Body"].read()


def test_what_lay_on_the_disk_before_is_read_from_ceph(story):
    platform, s3 = story
    assert got(s3, "from-before") == SCAN
    code, found = fsck(platform, "--read")
    assert (code, found["blobs"], found["lost"]) == (0, 1, 0)


def test_what_is_put_in_one_or_in_parts_comes_back_and_the_store_is_whole(story):
    platform, s3 = story
    for key, body in (("scan", SCAN), ("series", SERIES), ("note", SMALL), ("spare", SCAN[::-1])):
        s3.put_object(Bucket="ward", Key=key, Body=body)
    upload = s3.create_multipart_upload(Bucket="ward", Key="parts")["UploadId"]
    named = {"Bucket": "ward", "Key": "parts", "UploadId": upload}
    sent = [
        {"PartNumber": number, "ETag": s3.upload_part(**named, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(PARTS, 1)
    ]
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": sent})
    assert [got(s3, key) for key in ("scan", "series", "note")] == [SCAN, SERIES, SMALL]
    assert got(s3, "parts") == b"".join(PARTS)
    start = PART_BYTES - 1_000
    piece = s3.get_object(Bucket="ward", Key="series", Range=f"bytes={start}-{start + 1_999}")["Body"].read()
    assert piece == SERIES[start : start + 2_000]
    code, found = fsck(platform, "--read")
    assert (code, found["bad_copies"], found["lost"]) == (0, 0, 0)
    assert found["blobs"] >= 6
    assert "blob engine" in platform.nexus("doctor", check=False).stdout


def test_ceph_sees_ciphertext_under_names_that_say_nothing(story, ceph):
    names = ceph.names(PREFIX) | ceph.names(ENDS)
    kept = b"".join([ceph.bytes_of(name) for name in sorted(names)])
    assert len(kept) > len(SCAN) + len(SERIES) + sum(map(len, PARTS))
    seen = "\n".join(names).encode() + kept
    for secret in (b"DURAND", b"PAULINE", b"ward", b"scan", b"chu-lille", SERIES[:64], SERIES[-64:], PARTS[0][:64]):
        assert secret not in seen, secret


def test_what_is_deleted_is_gone_from_ceph(story, ceph):
    _, s3 = story
    before = ceph.names(PREFIX)
    s3.delete_object(Bucket="ward", Key="spare")
    with pytest.raises(ClientError) as gone:
        got(s3, "spare")
    assert gone.value.response["Error"]["Code"] == "NoSuchKey"
    until(lambda: len(before - ceph.names(PREFIX)) == 1, what="the removal of its blob", seconds=60)


def test_while_the_gateway_is_dead_the_answer_says_so_and_small_contents_are_read_on(story, ceph):
    platform, s3 = story
    for key, body in (("scan", SCAN), ("series", SERIES), ("note", SMALL)):  # also where this test runs alone
        s3.put_object(Bucket="ward", Key=key, Body=body)
    ceph.kill_gateway()
    try:
        for attempt in (lambda: got(s3, "scan"), lambda: s3.put_object(Bucket="ward", Key="late", Body=SCAN)):
            with pytest.raises(ClientError) as away:
                attempt()
            assert away.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            assert away.value.response["Error"]["Code"] in ("ServiceUnavailable", "SlowDown")
            assert str(ceph.port) not in str(away.value), "where the engine is, is no client's affair"
        assert got(s3, "note") == SMALL
        assert {each["Key"] for each in s3.list_objects_v2(Bucket="ward")["Contents"]} >= {"scan", "note", "series"}
        assert "the engine of the blobs does not answer" in platform.nexus("doctor", check=False).stdout
        code, found = fsck(platform)
        assert (code, found["lost"]) == (1, 0), "away is not lost"
        assert found["silent"] and found["away"] == 1, "it is asked once, and said once"
    finally:
        ceph.start_gateway()
    assert got(s3, "scan") == SCAN
    s3.put_object(Bucket="ward", Key="late", Body=SCAN)
    assert got(s3, "late") == SCAN
    assert fsck(platform, "--read")[0] == 0


def test_what_was_acknowledged_is_there_after_every_process_of_the_cluster_was_killed(story, ceph):
    _, s3 = story
    s3.put_object(Bucket="ward", Key="just-before", Body=SERIES)
    ceph.kill_everything()
    ceph.start_again()
    assert got(s3, "just-before") == SERIES


def test_damage_below_the_gateway_is_never_data_and_fsck_names_it(story, ceph):
    platform, s3 = story
    before = ceph.names(PREFIX)
    s3.put_object(Bucket="ward", Key="rotten", Body=SCAN)
    (name,) = ceph.names(PREFIX) - before
    data = bytearray(ceph.bytes_of(name))
    data[200_000] ^= 1
    ceph.overwrite(name, bytes(data))
    assert fsck(platform)[0] == 0, "without reading it, nobody can know"
    code, found = fsck(platform, "--read")
    assert (code, found["bad_copies"], found["lost"]) == (1, 1, 1)
    assert found["problems"][0]["bucket"] == "ward"
    with pytest.raises((IncompleteReadError, ResponseStreamingError, ClientError)):
        got(s3, "rotten")
    assert got(s3, "scan") == SCAN


def test_a_blob_that_somebody_removed_in_ceph_is_lost_and_named(story, ceph):
    platform, s3 = story
    before = ceph.names(PREFIX)
    s3.put_object(Bucket="ward", Key="removed", Body=SCAN)
    (name,) = ceph.names(PREFIX) - before
    engine = ceph.engine(PREFIX)
    engine.remove([name.rpartition("/")[2]])
    engine.close()
    code, found = fsck(platform)
    assert (code, found["lost"]) == (1, 1)
    assert "NOT whole" in platform.nexus("objects", "fsck", check=False).stderr
    with pytest.raises(ClientError):
        got(s3, "removed")
