"""The database of a platform is locked, damaged or too new; the directory is taken: precise errors, no hang, no harm. R-153."""

import asyncio
import fcntl
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import botocore.exceptions
import pytest

from nexus.app.cli.exits import ExitCode
from nexus.app.datadir import DataDirectory, is_locked
from nexus.kernel.database import Bookkeeping
from nexus.kernel.engines.sqlite import BUSY_TIMEOUT_MS
from simulators.installation import PASSPHRASE, Installation, until
from simulators.open_safe import open_safe

BUCKET, KEY = "kept", "patients/1"
BODY = os.urandom(300_000)
WAL_WRITE_LOCK = 120
"""Byte of `nexus.db-shm` that whoever writes holds locked (the WAL-index format of SQLite)."""
LOCKED_S = 2.0
PAGE_BYTES = 4_096


@pytest.fixture(scope="module")
def installation(own_platform: Installation) -> Installation:
    return own_platform


@pytest.fixture(scope="module")
def access(installation):
    steward = installation.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name=BUCKET, site="chu-lille")
    access = steward.access_key("quality")
    installation.s3(access).put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    return access


def all_is_well(installation, access) -> bool:
    s3 = installation.s3(access)
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
    s3.put_object(Bucket=BUCKET, Key="after", Body=b"after")
    return True


@pytest.fixture(scope="module")
def stopped(installation, access):
    installation.down()
    return installation


@contextmanager
def put_back(path: Path):
    """Whatever happens to a file of a stopped platform, afterwards it is as it was."""
    before = path.read_bytes()
    try:
        yield before
    finally:
        path.write_bytes(before)


def refused_to_start(installation, code: ExitCode) -> str:
    """What `nexus up` says; nothing is left running."""
    done = installation.nexus("up", "--detach", "--passphrase-file", str(installation.passphrase), check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    until(lambda: not is_locked(DataDirectory(installation.data, "")), what="its end")
    return done.stderr


def test_a_database_that_another_process_locks_makes_requests_wait_not_fail(installation, access):
    assert LOCKED_S * 1_000 < BUSY_TIMEOUT_MS
    with (installation.data / "nexus.db-shm").open("r+b") as index:
        until(lambda: _lock(index), what="a moment without a writer")
        free = threading.Timer(LOCKED_S, fcntl.lockf, (index, fcntl.LOCK_UN, 1, WAL_WRITE_LOCK))
        began = time.monotonic()
        free.start()
        all_is_well(installation, access)
        assert LOCKED_S <= time.monotonic() - began < BUSY_TIMEOUT_MS / 1_000
        free.join()


def test_a_second_platform_on_the_same_directory_is_refused_and_the_first_goes_on(installation, access):
    done = installation.nexus("up", "--detach", "--passphrase-file", str(installation.passphrase), check=False)
    assert done.returncode == ExitCode.CONFLICT and "data.in-use" in done.stderr
    assert all_is_well(installation, access)


def test_a_directory_of_a_newer_version_is_refused(stopped):
    with put_back(stopped.data / "nexus.toml") as before:
        (stopped.data / "nexus.toml").write_bytes(before.replace(b"format = 1", b"format = 2"))
        assert "data.newer-format" in refused_to_start(stopped, ExitCode.CONFLICT)


def test_a_database_of_a_newer_version_is_refused(stopped):
    async def age() -> None:
        async with open_safe(stopped.data, PASSPHRASE) as safe:
            newer = "UPDATE kernel_schema_version SET version = version + 1 WHERE service = 'objects'"
            await safe.database.bookkeep(Bookkeeping.MIGRATION, lambda tx: tx.execute(newer))

    with put_back(stopped.data / "nexus.db"):
        asyncio.run(age())
        assert "database.newer-version" in refused_to_start(stopped, ExitCode.CONFLICT)


def test_a_database_that_is_damaged_where_a_start_reads_is_refused(stopped):
    with put_back(stopped.data / "nexus.db") as before:
        (stopped.data / "nexus.db").write_bytes(flipped(before, 200))
        assert "database.damaged" in refused_to_start(stopped, ExitCode.DAMAGED)


def test_a_database_that_is_damaged_where_only_readers_come_answers_with_an_error_and_no_bytes(stopped, access):
    async def page_of_versions() -> int:
        async with open_safe(stopped.data, PASSPHRASE) as safe, asyncio.timeout(60):
            with safe.database.read() as tx:
                return tx.one("SELECT rootpage FROM sqlite_schema WHERE name = 'objects_version'")[0] - 1

    at = asyncio.run(page_of_versions()) * PAGE_BYTES + 200
    database = stopped.data / "nexus.db"
    database.write_bytes(flipped(database.read_bytes(), at))
    s3 = stopped.up().s3(access)
    for request in (
        lambda: s3.get_object(Bucket=BUCKET, Key=KEY),
        lambda: s3.list_objects_v2(Bucket=BUCKET),
        lambda: s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"other"),
    ):
        with pytest.raises(botocore.exceptions.ClientError) as raised:
            request()
        assert raised.value.response["Error"]["Code"] == "InternalError"
        operation = raised.value.response["ResponseMetadata"]["RequestId"]
        [entry] = stopped.founder("alice").call("audit.entry.list", for_purpose="audit", operation=operation)["entries"]
        assert (entry["content"]["outcome"], entry["content"]["details"]["code"]) == ("failed", "database.damaged")


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def _lock(index) -> bool:
    fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, WAL_WRITE_LOCK)
    return True
