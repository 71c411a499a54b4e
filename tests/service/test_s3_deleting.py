"""Deletes over S3: one by one, in bulk, of versions, on conditions (EMC-47)."""

import base64
import hashlib

import pytest

from simulators.s3_door import machine, open_s3_door


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


async def enable_versioning(client):
    body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert (await client("PUT", "/records?versioning", body)).status == 200


def deletion(*objects, quiet=False):
    rows = "".join(f"<Object>{row}</Object>" for row in objects)
    return f"<Delete>{'<Quiet>true</Quiet>' if quiet else ''}{rows}</Delete>".encode()


async def delete_many(client, body):
    return await client(
        "POST", "/records?delete", body, {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()}
    )


async def test_many_objects_go_at_once_and_each_has_its_entry(door, client):
    for key in ("a", "b", "c"):
        await client("PUT", f"/records/{key}", b"x")
    before = len(door.audit.entries)
    answer = await delete_many(client, deletion("<Key>a</Key>", "<Key>b</Key>", "<Key>none</Key>"))
    assert answer.texts("Deleted/Key") == ["a", "b", "none"]
    assert len(door.audit.entries) - before == 3
    assert (await client("HEAD", "/records/a")).status == 404
    assert (await client("HEAD", "/records/c")).status == 200
    quiet = await delete_many(client, deletion("<Key>c</Key>", quiet=True))
    assert quiet.texts("Deleted") == []
    assert (await client("HEAD", "/records/c")).status == 404


async def test_deleting_many_is_all_read_before_anything_goes(client):
    await client("PUT", "/records/a", b"x")
    too_many = deletion(*[f"<Key>{n}</Key>" for n in range(1001)])
    for body in (too_many, b"<Delete></Delete>", b"<Delete><Object/></Delete>", b"<Delete>", b"<Other/>"):
        assert (await delete_many(client, body)).code == "MalformedXML"
    unverified = await client("POST", "/records?delete", deletion("<Key>a</Key>"))
    assert unverified.code == "InvalidRequest"
    assert (await client("HEAD", "/records/a")).status == 200


async def test_deleting_versions_in_bulk_needs_the_right_to_versions(door, client):
    await enable_versioning(client)
    version = (await client("PUT", "/records/a", b"x")).headers["x-amz-version-id"]
    await client("PUT", "/records/b", b"x")
    actor = machine("cleaner")
    door.rights.give(actor, "objects.object.delete")
    cleaner = door.client(door.ring.add(actor))
    before = len(door.audit.entries)
    answer = await delete_many(cleaner, deletion(f"<Key>a</Key><VersionId>{version}</VersionId>", "<Key>b</Key>"))
    assert (answer.texts("Error/Key"), answer.texts("Error/Code")) == (["a"], ["AccessDenied"])
    assert answer.texts("Deleted/Key") == ["b"]
    outcomes = [(e.action, e.outcome.value) for e in door.audit.entries[before:]]
    assert sorted(outcomes) == [("objects.object.delete", "allowed"), ("objects.version.delete", "denied")]
    assert (await client("GET", f"/records/a?versionId={version}")).status == 200


async def test_a_conditional_delete_removes_only_what_it_means(client):
    etag = (await client("PUT", "/records/k", b"x")).headers["etag"]
    assert (await client("DELETE", "/records/k", headers={"if-match": '"other"'})).status == 412
    assert (await client("DELETE", "/records/k", headers={"x-amz-if-match-size": "7"})).status == 412
    assert (await client("DELETE", "/records/k", headers={"if-match": etag})).status == 204


CONDITIONS = {
    "if-match": '"other"',
    "x-amz-if-match-size": "1",
    "x-amz-if-match-last-modified-time": "Wed, 01 Jan 2020 00:00:00 GMT",
}


@pytest.mark.parametrize("name", CONDITIONS)
async def test_no_condition_holds_of_what_a_delete_marker_hides(client, name):
    await enable_versioning(client)
    await client("PUT", "/records/k", b"x")
    await client("DELETE", "/records/k")
    answer = await client("DELETE", "/records/k", headers={name: CONDITIONS[name]})
    assert (answer.status, answer.code) == (412, "PreconditionFailed")
    bulk = await delete_many(client, deletion("<Key>k</Key><Size>1</Size>", "<Key>k</Key><ETag>other</ETag>"))
    assert bulk.texts("Error/Code") == ["PreconditionFailed"] * 2
    assert len((await client("GET", "/records?versions")).texts("DeleteMarker")) == 1
    assert (await client("DELETE", "/records/k")).status == 204, "without a condition it is hidden once more"


async def test_what_could_not_be_deleted_is_told_and_recorded_one_by_one(door, client):
    await client("PUT", "/records/a", b"x")
    await client("PUT", "/records/b", b"x")
    before = len(door.audit.entries)
    answer = await delete_many(client, deletion("<Key>a</Key><ETag>other</ETag>", "<Key>b</Key>"))
    assert (answer.texts("Error/Key"), answer.texts("Error/Code")) == (["a"], ["PreconditionFailed"])
    assert answer.texts("Deleted/Key") == ["b"]
    entries = {e.details["key"]: e.outcome.value for e in door.audit.entries[before:]}
    assert entries == {"a": "failed", "b": "allowed"}
    assert len(door.audit.entries) == before + 2


async def test_without_the_log_nothing_is_deleted_in_bulk(door, client):
    await client("PUT", "/records/a", b"x")
    door.audit.broken = True
    assert (await delete_many(client, deletion("<Key>a</Key>"))).status == 503
    door.audit.broken = False
    assert (await client("HEAD", "/records/a")).status == 200
