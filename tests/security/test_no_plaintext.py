"""Nothing confidential is in any file, in no common encoding: not while running, not after a crash, not after a stop.

Canaries are planted through the real doors; the platform's own keys are taken out through the key service and looked for as
bytes. R-153, and the first of what others get wrong: plaintext on disk in a bucket reported as encrypted.
"""

import asyncio
import base64
import http.client
import json
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import botocore.exceptions
import pytest

from nexus.app.cli.rest_client import Refused
from simulators.installation import PASSPHRASE, Installation, in_days, until
from simulators.open_safe import open_safe

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
    "body cut off by a crash": f"canary-cut-off-{MARK}",
    "name of a person": f"Canary Person {MARK}",
    "address of a person": f"canary.{MARK.lower()}@hub.example",
}
IN_ENTRIES = {"object key", "name of a person", "address of a person", "login", "patient name"}
"""What entries of the audit log may say, sealed: who did what to which object. Everything else has no place there."""
CUT_OFF_BYTES = 8 << 20
PART_BYTES = 5 << 20


@pytest.fixture(scope="module")
def installation(own_platform: Installation) -> Installation:
    return own_platform


@pytest.fixture(scope="module")
def workload(installation: Installation) -> dict[str, bytes]:
    """Plants the canaries; returns what to look for, by what it is."""
    steward = installation.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name="secret", site="chu-lille")
    access = steward.access_key("quality")
    s3 = installation.s3(access)
    name = CANARIES["object key"]
    meta = {"Metadata": {"note": CANARIES["metadata"], "patient": CANARIES["patient name"]}}
    tagged = {"Tagging": f"t={CANARIES['tag']}", "ContentType": CANARIES["content type"]}
    s3.put_object(Bucket="secret", Key=f"{name}/small", Body=CANARIES["small body"].encode(), **meta, **tagged)
    large = (CANARIES["large body"].encode() + b" ") * 40_000
    s3.put_object(Bucket="secret", Key=f"{name}/large", Body=large, **meta)
    upload = s3.create_multipart_upload(Bucket="secret", Key=f"{name}/parts", **meta)["UploadId"]
    part = (CANARIES["part of an upload"].encode() + b" ").ljust(PART_BYTES, b".")
    s3.upload_part(Bucket="secret", Key=f"{name}/parts", UploadId=upload, PartNumber=1, Body=part)
    whole = {"Bucket": "secret", "Key": f"{name}/whole"}
    upload = {**whole, "UploadId": s3.create_multipart_upload(**whole, **meta)["UploadId"]}
    parts = [{"PartNumber": 1, "ETag": s3.upload_part(**upload, PartNumber=1, Body=part)["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="secret", Key=f"{name}/large")["Body"].read() == large
    shown = {
        **CANARIES,
        **_keys_and_people_come_and_go(installation),
        "another secret of an access key": access["secret"],
    }
    found = {what: text.encode() for what, text in shown.items()}
    for person in installation.persons.values():
        for at, secret in enumerate(person.secrets):
            found[f"secret {at} of {person.login}"] = secret.encode()
    return {**found, "passphrase": PASSPHRASE.encode(), "login": b"david@hub.example"}


def _keys_and_people_come_and_go(installation: Installation) -> dict[str, str]:
    """The life of keys, of a person and of credentials; the credentials that were shown once."""
    alice = installation.founder("alice")
    key = alice.call("kms.key.create", owner="site:chu-lille", purpose="comes and goes", rotation_days=30)["id"]
    for step in ("rotate", "disable", "enable"):
        alice.call(f"kms.key.{step}", key_id=key)
    name, email = CANARIES["name of a person"], CANARIES["address of a person"]
    invited = alice.call("iam.person.create", login=f"canary-{MARK.lower()}", name=name, email=email)
    token = alice.call("iam.token.create", identity=alice.id, label="canary", expires_at=in_days(1))
    access = alice.access_key("audit")
    return {
        "invitation": invited["code"],
        "service token": token["token"],
        "secret of an access key": access["secret"],
        "code of a founder": installation.codes["alice"],
    }


def forms(value: bytes) -> Iterator[bytes]:
    """A value as it may turn up: as it is, and in the encodings that programs like."""
    yield value
    yield value.hex().encode()
    yield value.hex().upper().encode()
    for shift in range(3):  # in the middle of something else that was encoded
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(shift) + value)[4 if shift else 0 : -4]
    yield value.decode("latin-1").encode("utf-16-le")


def leaks(installation: Installation, sought: dict[str, bytes], folder: Path | None = None) -> list[str]:
    """Where something was found: what, and in which file (of the platform, unless another folder is named)."""
    files = installation.everything_on_disk()
    if folder is not None:
        files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
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
    upload = _begin_an_upload(installation)
    unfinished = installation.data / "blobs" / "unfinished"
    until(lambda: any(path.stat().st_size for path in unfinished.iterdir()), what="an upload under way")
    installation.kill_everything()
    upload.close()
    assert list(unfinished.iterdir()), "the crash came in the middle of an upload"
    assert leaks(installation, workload) == []
    installation.up()
    assert leaks(installation, workload) == []


def _begin_an_upload(installation: Installation) -> http.client.HTTPSConnection:
    """Half of an object; the other half never comes."""
    s3 = installation.s3(installation.persons["david"].access_key("quality"))
    address = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": "secret", "Key": "cut-off"}))
    trusted = ssl.create_default_context(cafile=str(installation.data / "tls" / "ca.pem"))
    connection = http.client.HTTPSConnection(address.hostname, address.port, context=trusted, timeout=30)
    connection.putrequest("PUT", f"{address.path}?{address.query}")
    connection.putheader("Content-Length", str(2 * CUT_OFF_BYTES))
    connection.endheaders()
    connection.send((CANARIES["body cut off by a crash"].encode() + b" ").ljust(64, b".") * (CUT_OFF_BYTES // 64))
    return connection


def test_nothing_is_in_clear_in_a_backup(installation, workload, tmp_path):
    assert installation.json("backup", "create", str(tmp_path / "backup"))["finished"]
    assert len(list((tmp_path / "backup").rglob("*"))) > 10
    assert leaks(installation, workload, tmp_path) == []


def test_entries_of_the_log_say_who_and_what_but_hold_no_credential_and_no_content(installation, workload):
    alice, entries, cursor = installation.founder("alice"), [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = alice.call("audit.entry.list", for_purpose="audit", limit=500, **more)
        entries += page["entries"]
        if not (cursor := page["next"]):
            break
    text = json.dumps(entries, ensure_ascii=False).encode()
    assert workload["object key"] in text, "the positive control"
    assert [what for what, value in workload.items() if what not in IN_ENTRIES and value in text] == []


def test_error_answers_of_both_doors_repeat_no_content_and_no_credential(installation, workload):
    said = b"".join(_s3_errors(installation)) + b"".join(_rest_errors(installation))
    assert said.count(b"InvalidArgument") + said.count(b"InvalidTag") + said.count(b"NoSuchBucket") >= 2
    assert b"unauthenticated" in said and b"invalid" in said, "the positive control"
    assert [what for what, value in workload.items() if value in said] == []


def _s3_errors(installation: Installation) -> Iterator[bytes]:
    s3 = installation.s3(installation.persons["david"].access_key("quality"))
    note = CANARIES["metadata"]
    for request in (
        lambda: s3.put_object(Bucket="not-there", Key="a", Body=CANARIES["small body"].encode(), Metadata={"n": note}),
        lambda: s3.put_object(Bucket="secret", Key="a", Metadata={"n": note * 200}),
        lambda: s3.put_object(Bucket="secret", Key="a", Tagging=f"t={CANARIES['tag']}&t={CANARIES['tag']}"),
        lambda: s3.put_object(Bucket="secret", Key="a", Body=CANARIES["small body"], ChecksumCRC32="AAAAAA=="),
        lambda: s3.get_object(Bucket="secret", Key="a", VersionId=CANARIES["metadata"]),
    ):
        with pytest.raises(botocore.exceptions.ClientError) as raised:
            request()
        yield json.dumps(raised.value.response, default=str).encode()


def _rest_errors(installation: Installation) -> Iterator[bytes]:
    alice = installation.founder("alice")
    password = alice.password
    for name, request in (
        ("iam.session.create", {"login": "alice", "password": password, "totp": "000000"}),
        ("iam.session.create", {"login": "alice", "password": [password], "totp": "000000"}),
        ("iam.person.create", {"login": CANARIES["name of a person"], "name": "x", "email": "x"}),
        ("iam.access-key.create", {"identity": alice.id, "purpose": password, "expires_at": in_days(1)}),
    ):
        with pytest.raises(Refused) as raised:
            alice.reply(name, **request)
        error = raised.value.error
        yield f"{error.kind} {error.code} {error.message} {error.hint}".encode()


def test_no_key_of_the_platform_is_in_any_file_as_bytes(installation, workload):
    installation.down()
    try:
        keys = asyncio.run(_take_keys_out(installation.data))
        assert len(keys) >= 4 and all(len(value) >= 32 for value in keys.values())
        assert leaks(installation, keys) == []
        assert not [path for path, content in installation.everything_on_disk().items() if b"PRIVATE KEY" in content]
        assert leaks(installation, workload) == []
    finally:
        installation.up()


async def _take_keys_out(data: Path) -> dict[str, bytes]:
    async with open_safe(data, PASSPHRASE) as safe:
        return await safe.keys()


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
