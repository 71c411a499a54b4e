"""Objects over S3: write, read, ranges, conditions, metadata, tags, versions, copies, deletes (EMC-47)."""

import re

import pytest

from nexus.kernel.clock import DAY
from simulators.s3_door import KEY_ID, machine, open_s3_door


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


async def enable_versioning(client, status="Enabled"):
    body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()
    assert (await client("PUT", "/records?versioning", body)).status == 200


async def test_an_object_comes_back_with_its_headers_and_the_truth_about_its_encryption(client):
    put = await client(
        "PUT", "/records/k", b"hello",
        {"content-type": "text/plain", "cache-control": "no-store", "x-amz-meta-study": "ECG-1", "expires": "never"},
    )  # fmt: skip
    got = await client("GET", "/records/k")
    assert (got.status, got.body) == (200, b"hello")
    assert got.headers["etag"] == put.headers["etag"]
    assert re.fullmatch(r'"[^"]+"', got.headers["etag"])
    expected = {
        "content-length": "5", "content-type": "text/plain", "cache-control": "no-store", "expires": "never",
        "x-amz-meta-study": "ECG-1", "accept-ranges": "bytes", "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": KEY_ID,
    }  # fmt: skip
    assert {name: got.headers[name] for name in expected} == expected
    assert got.headers["last-modified"].endswith(" GMT")
    head = await client("HEAD", "/records/k")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "5")


async def test_metadata_comes_back_byte_for_byte(client):
    await client("PUT", "/records/k", b"", {"x-amz-meta-name": "café", "content-length": "0"})
    assert (await client("HEAD", "/records/k")).headers["x-amz-meta-name"].encode("latin-1") == "café".encode()


async def test_metadata_has_a_limit(client):
    answer = await client("PUT", "/records/k", b"x", {"x-amz-meta-a": "b" * 2048})
    assert (answer.status, answer.code) == (400, "MetadataTooLarge")


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-4", 206, b"01234", "bytes 0-4/10"),
        ("bytes=5-", 206, b"56789", "bytes 5-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=9-3", 200, b"0123456789", None),
        ("bytes=a-b", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=" + "9" * 5000 + "-", 200, b"0123456789", None),
    ],
)
async def test_ranges(client, wanted, status, body, content_range):
    await client("PUT", "/records/k", b"0123456789")
    answer = await client("GET", "/records/k", headers={"range": wanted})
    assert answer.status == status
    assert answer.headers.get("content-range") == content_range
    if body is None:
        assert answer.code == "InvalidRange"
    else:
        assert answer.body == body
        assert answer.headers["content-length"] == str(len(body))


async def test_a_large_object_streams_back_whole_and_in_ranges(client):
    body = bytes(range(256)) * 12_000
    await client("PUT", "/records/k", body)
    assert (await client("GET", "/records/k")).body == body
    part = await client("GET", "/records/k", headers={"range": "bytes=1000000-2000000"})
    assert part.body == body[1_000_000:2_000_001]


async def test_read_conditions(client):
    etag = (await client("PUT", "/records/k", b"x")).headers["etag"]
    when = (await client("HEAD", "/records/k")).headers["last-modified"]
    for headers, status in (
        ({"if-match": etag}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-match": f'"other", {etag}'}, 200),
        ({"if-none-match": etag}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-modified-since": when}, 304),
        ({"if-unmodified-since": when}, 200),
        ({"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412),
        ({"if-modified-since": "yesterday"}, 200),
    ):
        answer = await client("GET", "/records/k", headers=headers)
        assert answer.status == status, headers
    unchanged = await client("GET", "/records/k", headers={"if-none-match": etag})
    assert (unchanged.body, unchanged.headers["etag"]) == (b"", etag)
    assert "content-length" not in unchanged.headers


async def test_conditional_writes_let_one_writer_win(client):
    once = {"if-none-match": "*"}
    assert (await client("PUT", "/records/k", b"1", once)).status == 200
    lost = await client("PUT", "/records/k", b"2", once)
    assert (lost.status, lost.code) == (412, "PreconditionFailed")
    etag = (await client("HEAD", "/records/k")).headers["etag"]
    assert (await client("PUT", "/records/k", b"3", {"if-match": etag})).status == 200
    assert (await client("PUT", "/records/k", b"4", {"if-match": etag})).code == "PreconditionFailed"
    assert (await client("PUT", "/records/none", b"5", {"if-match": etag})).code == "NoSuchKey"
    assert (await client("PUT", "/records/k", b"6", {"if-match": etag, "if-none-match": "*"})).code == "InvalidRequest"
    assert (await client("GET", "/records/k")).body == b"3"


async def test_response_headers_can_be_chosen_but_not_broken(client):
    await client("PUT", "/records/k", b"x")
    answer = await client("GET", "/records/k?response-content-disposition=attachment&response-cache-control=no-cache")
    assert (answer.headers["content-disposition"], answer.headers["cache-control"]) == ("attachment", "no-cache")
    broken = await client("GET", "/records/k?response-content-type=a%0D%0Aset-cookie%3Ab")
    assert (broken.status, broken.code) == (400, "InvalidArgument")


async def test_what_is_not_there_has_its_code(client):
    for target, code in (("/records/none", "NoSuchKey"), ("/none/k", "NoSuchBucket"), ("/none", "NoSuchBucket")):
        answer = await client("GET", target)
        assert (answer.status, answer.code) == (404, code)
    assert (await client("HEAD", "/records/none")).status == 404
    assert (await client("HEAD", "/records/none")).body == b""


async def test_headers_that_ask_for_what_would_not_happen_are_refused(client):
    other_key = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "key_mine"}
    for headers, code in (
        (other_key, "KMS.NotFoundException"),
        ({"x-amz-server-side-encryption": "rot13"}, "InvalidArgument"),
        ({"x-amz-server-side-encryption-context": "e30="}, "NotImplemented"),
        ({"x-amz-acl": "public-read"}, "AccessControlListNotSupported"),
        ({"x-amz-grant-read": "uri=all"}, "AccessControlListNotSupported"),
        ({"x-amz-storage-class": "GLACIER"}, "InvalidStorageClass"),
    ):
        assert (await client("PUT", "/records/k2", b"x", headers)).code == code
    assert (await client("HEAD", "/records/k2")).status == 404


# Tags


async def test_tags_travel_in_a_header_and_as_a_document(client):
    await client("PUT", "/records/k", b"x", {"x-amz-tagging": "study=ECG%201&empty="})
    assert (await client("HEAD", "/records/k")).headers["x-amz-tagging-count"] == "2"
    answer = await client("GET", "/records/k?tagging")
    assert (answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value")) == (["empty", "study"], ["", "ECG 1"])
    body = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    assert (await client("PUT", "/records/k?tagging", body)).status == 200
    assert (await client("GET", "/records/k?tagging")).texts("TagSet/Tag/Key") == ["a"]
    assert (await client("DELETE", "/records/k?tagging")).status == 204
    assert (await client("GET", "/records/k?tagging")).texts("TagSet/Tag") == []


async def test_tags_have_limits(client):
    await client("PUT", "/records/k", b"x")
    many = "".join(f"<Tag><Key>{n}</Key><Value/></Tag>" for n in range(11))
    for body, code in (
        (f"<Tagging><TagSet>{many}</TagSet></Tagging>", "InvalidTag"),
        (
            "<Tagging><TagSet><Tag><Key>a</Key><Value/></Tag><Tag><Key>a</Key><Value/></Tag></TagSet></Tagging>",
            "InvalidTag",
        ),
        (f"<Tagging><TagSet><Tag><Key>{'a' * 129}</Key><Value/></Tag></TagSet></Tagging>", "InvalidTag"),
        ("<Tagging/>", "MalformedXML"),
        ("", "MalformedXML"),
    ):
        assert (await client("PUT", "/records/k?tagging", body.encode())).code == code
    assert (await client("PUT", "/records/k", b"x", {"x-amz-tagging": "a=1&a=2"})).code == "InvalidTag"
    assert (await client("PUT", "/records/k", b"x", {"x-amz-tagging": "%ff=1"})).code == "InvalidArgument"


# Versions


async def test_versions_are_kept_named_and_removed_one_by_one(client):
    await enable_versioning(client)
    first = (await client("PUT", "/records/k", b"1")).headers["x-amz-version-id"]
    second = (await client("PUT", "/records/k", b"2")).headers["x-amz-version-id"]
    assert first != second
    assert (await client("GET", f"/records/k?versionId={first}")).body == b"1"
    marker = await client("DELETE", "/records/k")
    assert (marker.status, marker.headers["x-amz-delete-marker"]) == (204, "true")
    hidden = await client("GET", "/records/k")
    assert (hidden.status, hidden.code, hidden.headers["x-amz-delete-marker"]) == (404, "NoSuchKey", "true")
    named = await client("GET", f"/records/k?versionId={marker.headers['x-amz-version-id']}")
    assert (named.status, named.code) == (405, "MethodNotAllowed")
    assert (await client("DELETE", f"/records/k?versionId={marker.headers['x-amz-version-id']}")).status == 204
    assert (await client("GET", "/records/k")).body == b"2"
    await client("DELETE", f"/records/k?versionId={second}")
    assert (await client("GET", "/records/k")).body == b"1"
    assert (await client("GET", f"/records/k?versionId={second}")).code == "NoSuchVersion"
    assert (await client("GET", "/records/k?versionId=")).code == "InvalidArgument"


async def test_the_listing_of_versions_shows_markers_and_what_is_latest(client):
    await client("PUT", "/records/k", b"0")
    await enable_versioning(client)
    await client("PUT", "/records/k", b"1")
    await client("DELETE", "/records/k")
    answer = await client("GET", "/records?versions")
    assert answer.texts("Version/IsLatest") == ["false", "false"]
    assert answer.texts("DeleteMarker/IsLatest") == ["true"]
    assert answer.texts("Version/VersionId")[-1] == "null"


async def test_suspended_versioning_writes_the_null_version(client):
    await enable_versioning(client)
    await enable_versioning(client, "Suspended")
    assert "x-amz-version-id" not in (await client("PUT", "/records/k", b"1")).headers
    assert (await client("GET", "/records/k")).headers["x-amz-version-id"] == "null"
    assert (await client("GET", "/records?versioning")).texts("Status") == ["Suspended"]


# Copies


async def test_a_copy_keeps_or_replaces_metadata_and_tags(client):
    await client(
        "PUT", "/records/a b", b"hello", {"x-amz-meta-n": "1", "x-amz-tagging": "t=1", "content-type": "text/x"}
    )
    answer = await client("PUT", "/records/c", headers={"x-amz-copy-source": "/records/a%20b"})
    assert answer.status == 200
    assert answer.texts("ETag") and answer.texts("LastModified")
    kept = await client("GET", "/records/c")
    assert (kept.body, kept.headers["x-amz-meta-n"], kept.headers["content-type"]) == (b"hello", "1", "text/x")
    assert kept.headers["x-amz-tagging-count"] == "1"
    replaced = {
        "x-amz-copy-source": "records/a%20b", "x-amz-metadata-directive": "REPLACE", "x-amz-meta-n": "2",
        "x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "t=2&u=3",
    }  # fmt: skip
    assert (await client("PUT", "/records/c", headers=replaced)).status == 200
    head = await client("HEAD", "/records/c")
    assert (head.headers["x-amz-meta-n"], head.headers["x-amz-tagging-count"]) == ("2", "2")


async def test_a_copy_has_its_own_checksum(client):
    await client("PUT", "/records/a", b"hello")
    answer = await client(
        "PUT", "/records/b", headers={"x-amz-copy-source": "records/a", "x-amz-checksum-algorithm": "SHA256"}
    )
    assert answer.texts("ChecksumSHA256") == ["LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("records/none", "NoSuchKey"),
        ("none/a", "NoSuchBucket"),
        ("records", "InvalidArgument"),
        ("records/", "InvalidArgument"),
        ("/", "InvalidArgument"),
        ("records/a?versionId=", "InvalidArgument"),
        ("records/%zz", "InvalidURI"),
        ("records/%ff", "InvalidArgument"),
        ("records/a", "InvalidRequest"),
        ("records/" + "a" * 1025, "KeyTooLongError"),
    ],
)
async def test_a_copy_from_nowhere_or_onto_itself_is_refused(client, source, code):
    await client("PUT", "/records/a", b"hello")
    target = "/records/a" if source == "records/a" else "/records/b"
    assert (await client("PUT", target, headers={"x-amz-copy-source": source})).code == code


async def test_copy_conditions_concern_the_source(client):
    etag = (await client("PUT", "/records/a", b"hello")).headers["etag"]
    source = {"x-amz-copy-source": "records/a"}
    for headers, status in (
        ({"x-amz-copy-source-if-match": etag}, 200),
        ({"x-amz-copy-source-if-match": '"x"'}, 412),
        ({"x-amz-copy-source-if-none-match": etag}, 412),
        ({"x-amz-copy-source-if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
    ):
        assert (await client("PUT", "/records/b", headers=source | headers)).status == status


async def test_a_copy_needs_the_right_to_read_its_source(door, client):
    await client("PUT", "/records/a", b"hello")
    await client("PUT", "/mine")
    writer = door.ring.add(actor := machine("writer"))
    door.rights.give(actor, "objects.object.write")
    answer = await door.client(writer)("PUT", "/mine/b", headers={"x-amz-copy-source": "records/a"})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert (await client("HEAD", "/mine/b")).status == 404


# Attributes and ACLs


async def test_attributes_are_those_asked_for(client):
    await client("PUT", "/records/k", b"hello")
    wanted = {"x-amz-object-attributes": "ETag,ObjectSize,Checksum,StorageClass"}
    answer = await client("GET", "/records/k?attributes", headers=wanted)
    assert answer.texts("ObjectSize") == ["5"]
    assert answer.texts("Checksum/ChecksumType") == ["FULL_OBJECT"]
    assert answer.texts("ETag")[0].strip('"') == answer.texts("ETag")[0]
    assert (await client("GET", "/records/k?attributes")).code == "InvalidArgument"


async def test_acls_show_the_owner_alone(door, client):
    await client("PUT", "/records/k", b"hello")
    for target in ("/records?acl", "/records/k?acl"):
        answer = await client("GET", target)
        assert answer.texts("AccessControlList/Grant/Permission") == ["FULL_CONTROL"]
        assert answer.texts("AccessControlList/Grant/Grantee/ID") == [door.owner.id] == answer.texts("Owner/ID")


async def test_the_expected_owner_is_checked(door, client):
    await client("PUT", "/records/k", b"hello")
    assert (await client("GET", "/records/k", headers={"x-amz-expected-bucket-owner": door.owner.id})).status == 200
    assert (await client("GET", "/records/k", headers={"x-amz-expected-bucket-owner": "111"})).code == "AccessDenied"


async def test_old_objects_have_old_dates(door, client):
    await client("PUT", "/records/k", b"hello")
    before = (await client("HEAD", "/records/k")).headers["last-modified"]
    door.clock.advance(DAY // 100)
    assert (await client("HEAD", "/records/k")).headers["last-modified"] == before
