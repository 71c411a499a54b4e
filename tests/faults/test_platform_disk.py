"""The disk of a running platform is full: precise errors, no read without its entry, and then all goes on. R-153."""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import botocore.exceptions
import httpx
import pytest

from simulators.installation import Installation, until

DISK_MIB = 48
BUCKET, KEY = "small-disk", "patients/1"
BODY = os.urandom(300_000)
LARGE_BYTES = 8 << 20
AT_ONCE_S = 2.0
REQUESTS_TO_FILL = 3_000


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A small disk of its own."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small disk takes root and mount(8)")
    place = tmp_path_factory.mktemp("disk")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def installation(disk: Path):
    installation = Installation(disk)
    try:
        yield installation.found().up()
        installation.down()
    finally:
        installation.destroy()


@pytest.fixture(scope="module")
def s3(installation):
    steward = installation.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name=BUCKET, site="chu-lille")
    client = installation.s3(steward.access_key("quality"), read_timeout=25)
    client.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    return client


@contextmanager
def full(disk: Path, *, leave: int = 0):
    """No space is left on the disk, but for `leave` bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            with suppress(OSError):  # in the end, that no space is left
                while True:
                    file.write(bytes(1 << 20))
            if leave:
                file.truncate(file.tell() - leave)
            yield
        finally:
            filler.unlink()


def put(s3, size: int, key: str = "more"):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=os.urandom(size))


def refused(request) -> dict[str, str]:
    """The error of a request that is refused with status 503, at once."""
    began = time.monotonic()
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        request()
    assert time.monotonic() - began < AT_ONCE_S
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    return raised.value.response["Error"]


def refused_soon(request) -> dict[str, str]:
    """`refused`, once the room is used up that a fold of the write-ahead log gave back meanwhile."""
    for _ in range(REQUESTS_TO_FILL):
        try:
            request()
        except botocore.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            return error.response["Error"]
    raise AssertionError("the disk never filled up again")


def test_a_blob_that_does_not_fit_is_refused_precisely_and_leaves_nothing(installation, disk, s3):
    blobs = installation.data / "blobs"
    before = {path for path in blobs.rglob("*") if path.is_file()}
    with full(disk, leave=2 << 20):
        error = refused(lambda: put(s3, LARGE_BYTES))
        assert error["Code"] == "ServiceUnavailable" and "full" in error["Message"]
        assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
        assert {path for path in blobs.rglob("*") if path.is_file()} == before
    put(s3, LARGE_BYTES)


def test_on_a_full_disk_nothing_is_read_that_is_not_recorded_and_then_all_goes_on(installation, disk, s3):
    alice = installation.founder("alice")
    read, written, last = [], [], {}
    with full(disk, leave=1 << 20):
        for number in range(REQUESTS_TO_FILL):  # until the log finds no room
            try:
                answer = s3.get_object(Bucket=BUCKET, Key=KEY)
                assert answer["Body"].read() == BODY
                read.append(answer["ResponseMetadata"]["RequestId"])
                put(s3, 3_000, f"small/{number}")
                written.append(f"small/{number}")
            except botocore.exceptions.ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
                last = error.response["Error"]
                break
        assert last.get("Code") == "ServiceUnavailable", "the disk never filled up"
        for request in (
            lambda: s3.get_object(Bucket=BUCKET, Key=KEY),
            lambda: s3.list_objects_v2(Bucket=BUCKET),
            lambda: put(s3, 3_000),
        ):
            assert refused_soon(request)["Code"] == "ServiceUnavailable"
    assert read and written
    until(lambda: put(s3, 3_000), what="the next write")
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
    for key in written:
        assert len(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) == 3_000
    reads = alice.call("audit.entry.list", for_purpose="audit", action="objects.object.read", limit=500)["entries"]
    assert set(read[-100:]) <= {entry["content"]["operation"] for entry in reads}


def test_a_door_without_a_disk_to_write_to_says_so_to_load_balancers(installation, disk):
    address = f"{installation.status()['s3']}/-/ready"
    asked = httpx.Client(verify=False, timeout=10)

    def missing() -> list[str]:
        return asked.get(address).json().get("missing", [])

    with full(disk):
        until(lambda: "disk" in missing(), what="the disk that is missing")
    until(lambda: asked.get(address).status_code == 200, what="readiness")


def test_after_all_of_it_the_log_is_published_and_verifies(installation, s3):
    alice = installation.founder("alice")
    size = alice.call("audit.log.read", for_purpose="audit")["size"]
    until(lambda: alice.call("audit.log.read", for_purpose="audit")["checkpoint_size"] >= size, what="a checkpoint")
    outcome = alice.call("audit.log.verify", for_purpose="audit")
    assert outcome["ok"], outcome["problems"]
