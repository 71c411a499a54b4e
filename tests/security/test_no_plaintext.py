"""Nothing confidential is in any file, in no common encoding: not while running, not after a crash, not after a stop.

Canaries are planted through the real doors; the platform's own keys are taken out through the key service and looked for as
bytes. R-153, and the first of what others get wrong: plaintext on disk in a bucket reported as encrypted.
"""

import asyncio
import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.app import custody, schema, settings
from nexus.app.custody import Part
from nexus.app.datadir import locked, open_directory
from nexus.app.keyservice import RunningKeyService
from nexus.app.parts import SUPERVISOR, platform_operation
from nexus.kernel.clock import SystemClock
from nexus.kernel.secret import Secret
from simulators.installation import PASSPHRASE, Installation

MARK = secrets.token_hex(6).upper()
CANARIES = {
    "patient name": f"CANARY^NAME^{MARK}",
    "small body": f"canary-small-body-{MARK}",
    "large body": f"canary-large-body-{MARK}",
    "part of an upload": f"canary-part-{MARK}",
    "object key": f"canary-key-{MARK}",
    "metadata": f"canary-metadata-{MARK}",
    "tag": f"canary-tag-{MARK}",
    "content type": f"application/x-canary-{MARK.lower()}",
}
PART_BYTES = 5 << 20


@pytest.fixture(scope="module")
def installation(own_platform: Installation) -> Installation:
    return own_platform


@pytest.fixture(scope="module")
def workload(installation: Installation) -> dict[str, bytes]:
    """Plants the canaries; returns what to look for, by what it is."""
    steward = installation.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name="secret", site="chu-lille")
    s3 = installation.s3(steward.access_key("quality"))
    name = CANARIES["object key"]
    meta = {"Metadata": {"note": CANARIES["metadata"], "patient": CANARIES["patient name"]}}
    tagged = {"Tagging": f"t={CANARIES['tag']}", "ContentType": CANARIES["content type"]}
    s3.put_object(Bucket="secret", Key=f"{name}/small", Body=CANARIES["small body"].encode(), **meta, **tagged)
    large = (CANARIES["large body"].encode() + b" ") * 40_000
    s3.put_object(Bucket="secret", Key=f"{name}/large", Body=large, **meta)
    upload = s3.create_multipart_upload(Bucket="secret", Key=f"{name}/parts", **meta)["UploadId"]
    part = (CANARIES["part of an upload"].encode() + b" ").ljust(PART_BYTES, b".")
    s3.upload_part(Bucket="secret", Key=f"{name}/parts", UploadId=upload, PartNumber=1, Body=part)
    assert s3.get_object(Bucket="secret", Key=f"{name}/large")["Body"].read() == large
    found = {what: text.encode() for what, text in CANARIES.items()}
    for person in installation.persons.values():
        for at, secret in enumerate(person.secrets):
            found[f"secret {at} of {person.login}"] = secret.encode()
    return {**found, "passphrase": PASSPHRASE.encode(), "login": b"david@hub.example"}


def forms(value: bytes) -> Iterator[bytes]:
    """A value as it may turn up: as it is, and in the encodings that programs like."""
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for shift in range(3):  # in the middle of something else that was encoded
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(shift) + value)[4 if shift else 0 : -4]
    yield value.decode("latin-1").encode("utf-16-le")


def leaks(installation: Installation, sought: dict[str, bytes]) -> list[str]:
    """Where something was found: what, and in which file."""
    files = installation.everything_on_disk()
    needles = [(what, form) for what, value in sought.items() for form in set(forms(value))]
    return [f"{what} in {path}" for path, content in files.items() for what, form in needles if form in content]


def test_the_search_finds_what_is_there(installation, workload, tmp_path):
    """The positive control: without it, a search that looks nowhere would pass."""
    planted = installation.data / "run" / "planted"
    planted.write_bytes(b"xx" + base64.b64encode(b"  " + workload["tag"]) + workload["small body"].hex().encode())
    try:
        found = leaks(installation, workload)
    finally:
        planted.unlink()
    assert {leak.split(" in ")[0] for leak in found if "planted" in leak} == {"small body", "tag"}


def test_nothing_is_in_clear_while_the_platform_runs(installation, workload):
    assert leaks(installation, workload) == []


def test_nothing_is_in_clear_in_messages(installation, workload):
    journal = (installation.data / "run" / "nexus.log").read_bytes()
    assert journal, "the platform writes messages here"
    assert not [what for what, value in workload.items() if value in journal]


def test_nothing_is_in_clear_after_a_crash_and_the_platform_comes_back(installation, workload):
    installation.kill_everything()
    assert leaks(installation, workload) == []
    installation.up()
    assert leaks(installation, workload) == []


def test_no_key_of_the_platform_is_in_any_file_as_bytes(installation, workload):
    installation.down()
    try:
        keys = asyncio.run(_take_keys_out(installation.data))
        assert len(keys) >= 5 and all(len(value) >= 32 for value in keys.values())
        assert leaks(installation, keys) == []
        assert leaks(installation, workload) == []
    finally:
        installation.up()


async def _take_keys_out(data: Path) -> dict[str, bytes]:
    """What only the passphrase gives: the platform's own keys, and the keys of its buckets."""
    directory = open_directory(data)
    chosen = settings.load(directory.description, {})
    clock = SystemClock()
    op = platform_operation(SUPERVISOR, clock)
    with locked(directory) as lock:
        async with RunningKeyService(directory, chosen, lock) as kms:
            await kms.unseal(Secret(PASSPHRASE.encode()), op)
            taken = {part.value: (await custody.open_part(kms, directory, part, op)).reveal() for part in Part}
            index = custody.read_index(directory)
            database = schema.open_database(directory, Secret(taken[Part.DATABASE]), index.audit_public, clock)
            try:
                with database.read() as tx:
                    buckets = tx.all("SELECT id, site, wrapped_key FROM objects_bucket")
            finally:
                database.close()
            for bucket, site, wrapped in buckets:
                context = {"bucket": bucket, "service": "objects", "site": site}
                taken[f"key of {bucket}"] = (await kms.unwrap(wrapped, context, op)).reveal()
    return taken


def test_the_memory_files_and_arguments_of_processes_show_no_secret(installation, workload):
    for process in installation.status()["processes"]:
        for file in ("cmdline", "environ"):
            shown = Path(f"/proc/{process['pid']}/{file}").read_bytes()
            assert not [what for what, value in workload.items() if value in shown], process["name"]


def test_files_belong_to_the_platform_alone(installation):
    for path in installation.data.rglob("*"):
        if path.name not in ("ca.pem",):
            assert path.lstat().st_mode & 0o077 == 0, path
    assert installation.data.stat().st_mode & 0o077 == 0
