"""Access keys narrowed to beginnings of object names: every verb of S3 within them, and nothing outside (EMC-41, R-052)."""

import base64
import hashlib

import pytest

from nexus.objects.s3.endpoint import _BUCKET, Verb
from simulators.s3_client import HOST, speak
from simulators.s3_people import open_with_people, settle

KEYS = ("in/k", "in/deep/k", "in", "inside", "out/k", "k")
OPEN, CLOSED = "/records/in/k", "/records/out/k"


@pytest.fixture
async def door(tmp_path):
    with open_with_people(tmp_path) as opened:
        await settle(opened)
        whole = opened.client(await opened.key(opened.steward))
        assert (await whole("PUT", "/records")).status == 200
        assert (await whole("PUT", "/records?versioning", versioning("Enabled"))).status == 200
        for key in KEYS:
            assert (await whole("PUT", f"/records/{key}", key.encode())).status == 200
        yield opened


@pytest.fixture
async def whole(door):
    return door.client(await door.key(door.steward))


@pytest.fixture
async def narrow(door):
    return door.client(await door.key(door.steward, only_prefixes=("records/in/",)))


def versioning(status):
    return f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()


def deletion(*keys, version=""):
    mark = f"<VersionId>{version}</VersionId>" if version else ""
    body = "".join(f"<Object><Key>{key}</Key>{mark}</Object>" for key in keys)
    return f"<Delete>{body}</Delete>".encode()


def md5(body):
    return {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()}


def names(answer):
    return answer.texts(".//Key") + answer.texts("CommonPrefixes/Prefix")


OF_OBJECTS = {
    Verb.PUT_OBJECT: ("PUT", "", b"new"),
    Verb.GET_OBJECT: ("GET", "", b""),
    Verb.HEAD_OBJECT: ("HEAD", "", b""),
    Verb.DELETE_OBJECT: ("DELETE", "", b""),
    Verb.GET_OBJECT_ATTRIBUTES: ("GET", "?attributes", b""),
    Verb.GET_OBJECT_ACL: ("GET", "?acl", b""),
    Verb.PUT_OBJECT_ACL: ("PUT", "?acl", b""),
    Verb.GET_OBJECT_TAGGING: ("GET", "?tagging", b""),
    Verb.PUT_OBJECT_TAGGING: ("PUT", "?tagging", b"<Tagging><TagSet/></Tagging>"),
    Verb.DELETE_OBJECT_TAGGING: ("DELETE", "?tagging", b""),
    Verb.GET_OBJECT_RETENTION: ("GET", "?retention", b""),
    Verb.PUT_OBJECT_RETENTION: ("PUT", "?retention", b"<Retention/>"),
    Verb.GET_OBJECT_LEGAL_HOLD: ("GET", "?legal-hold", b""),
    Verb.PUT_OBJECT_LEGAL_HOLD: ("PUT", "?legal-hold", b"<LegalHold><Status>ON</Status></LegalHold>"),
    Verb.CREATE_MULTIPART_UPLOAD: ("POST", "?uploads", b""),
    Verb.UPLOAD_PART: ("PUT", "?partNumber=1&uploadId=u", b"part"),
    Verb.COMPLETE_MULTIPART_UPLOAD: ("POST", "?uploadId=u", b"<CompleteMultipartUpload/>"),
    Verb.ABORT_MULTIPART_UPLOAD: ("DELETE", "?uploadId=u", b""),
    Verb.LIST_PARTS: ("GET", "?uploadId=u", b""),
}
LISTINGS = {
    Verb.LIST_OBJECTS: "",
    Verb.LIST_OBJECTS_V2: "list-type=2",
    Verb.LIST_OBJECT_VERSIONS: "versions",
    Verb.LIST_MULTIPART_UPLOADS: "uploads",
}
OF_KEYS_ELSEWHERE = {Verb.COPY_OBJECT, Verb.UPLOAD_PART_COPY, Verb.DELETE_OBJECTS, Verb.POST_OBJECT}
OF_BUCKETS = set(Verb) - set(OF_OBJECTS) - set(LISTINGS) - OF_KEYS_ELSEWHERE - {Verb.LIST_BUCKETS}


async def test_every_verb_on_an_object_works_within_the_prefix_and_nowhere_else(door, whole, narrow):
    for verb in OF_OBJECTS:
        await check_object_verb(door, whole, narrow, verb)


async def check_object_verb(door, whole, narrow, verb):
    method, query, body = OF_OBJECTS[verb]
    headers = {"x-amz-object-attributes": "ETag"} if verb is Verb.GET_OBJECT_ATTRIBUTES else {}
    if verb is Verb.PUT_OBJECT_ACL:
        headers = {"x-amz-acl": "private"}
    for outside in ("out/k", "in", "inside", "k", "../records/in/k", "IN/k", "/in/k"):
        answer = await narrow(method, f"/records/{outside}{query}", body, headers)
        assert answer.status == 403, outside
        entry = door.platform.recorder.entries[-1]
        assert (entry.action, entry.outcome.value, entry.details["code"]) == (verb.action, "denied", "iam.narrowed")
    # within, the narrowed key hears what the whole key hears
    assert (await narrow(method, OPEN + query, body, headers)).status == (
        await whole(method, f"/records/in/deep/k{query}", body, headers)
    ).status


async def test_listings_show_what_begins_so_and_refuse_every_other_question(door, whole, narrow):
    for query in LISTINGS.values():
        await check_listing(door, whole, narrow, query)


async def check_listing(door, whole, narrow, query):
    for prefix in ("", "i", "in", "out%2F", "ins"):
        assert (await narrow("GET", f"/records?prefix={prefix}&{query}".rstrip("&"))).status == 403, prefix
        assert door.platform.recorder.entries[-1].details["code"] == "iam.narrowed"
    assert (await narrow("GET", f"/records?{query}")).status == 403
    for more in ("&delimiter=%2F", "&marker=a&start-after=a&key-marker=a", "&max-keys=1&max-uploads=1", "deep%2F"):
        target = f"/records?prefix=in%2F{more}&{query}".rstrip("&")
        answer = await narrow("GET", target)
        assert answer.status == 200
        assert all(name.startswith("in/") for name in names(answer))
        assert names(answer) == names(await whole("GET", target))


async def test_no_verb_on_the_bucket_itself_is_left_whatever_prefix_its_query_names(door, narrow):
    for verb in OF_BUCKETS:
        await check_bucket_verb(door, narrow, verb)


async def check_bucket_verb(door, narrow, verb):
    ((method, subresource),) = [asked for asked, found in _BUCKET.items() if found is verb]
    for prefix in ("", "&prefix=in%2F", "&prefix=in%2Fk&list-type=2"):
        target = f"/records?{subresource}{prefix}" if subresource else f"/records?x=y{prefix}"
        answer = await narrow(method, target, b"<A/>" if method == "PUT" else b"")
        if not (verb is Verb.HEAD_BUCKET and prefix):  # which tells no more than a listing of that prefix does
            assert answer.status == 403, target
            assert door.platform.recorder.entries[-1].details["code"] == "iam.narrowed", target


async def test_buckets_are_not_listed_and_no_bucket_is_made(narrow):
    assert (await narrow("GET", "/")).texts("Buckets/Bucket/Name") == []
    assert (await narrow("PUT", "/another")).status == 403


async def test_source_and_target_of_a_copy_must_both_lie_within(whole, narrow):
    upload = (await whole("POST", f"{OPEN}?uploads")).texts("UploadId")[0]
    for suffix in ("", f"?partNumber=1&uploadId={upload}"):
        for target, source, status in (
            (OPEN, "records/in/deep/k", 200),
            (OPEN, "records/out/k", 403),
            (OPEN, "/records/in", 403),
            (OPEN, "records/%6fut/k", 403),
            (CLOSED, "records/in/k", 403),
        ):
            answer = await narrow("PUT", target + suffix, headers={"x-amz-copy-source": source})
            assert answer.status == status, (target, source)
    version = (await whole("HEAD", CLOSED)).headers["x-amz-version-id"]
    source = {"x-amz-copy-source": f"records/out/k?versionId={version}"}
    assert (await narrow("PUT", OPEN, headers=source)).status == 403
    assert (await whole("GET", CLOSED)).body == b"out/k"


async def test_a_bulk_delete_is_answered_for_each_key(door, whole, narrow):
    body = deletion("in/k", "out/k", "inside", "in/deep/k")
    answer = await narrow("POST", "/records?delete", body, md5(body))
    assert answer.status == 200
    assert answer.texts("Deleted/Key") == ["in/k", "in/deep/k"]
    assert list(zip(answer.texts("Error/Key"), answer.texts("Error/Code"), strict=True)) == [
        ("out/k", "AccessDenied"),
        ("inside", "AccessDenied"),
    ]
    refused = [e for e in door.platform.entries("objects.object.delete") if e.outcome.value == "denied"]
    assert [entry.details["key"] for entry in refused] == ["out/k", "inside"]
    assert (await whole("GET", CLOSED)).body == b"out/k"
    version = (await whole("HEAD", CLOSED)).headers["x-amz-version-id"]
    body = deletion("out/k", version=version)
    assert (await narrow("POST", "/records?delete&prefix=in%2F", body, md5(body))).texts("Error/Code") == [
        "AccessDenied"
    ]
    assert (await whole("GET", CLOSED)).body == b"out/k"


async def test_versions_within_are_read_and_versions_outside_are_not(whole, narrow):
    for target, status in ((OPEN, 200), (CLOSED, 403)):
        version = (await whole("HEAD", target)).headers["x-amz-version-id"]
        for query in ("", "&tagging", "&acl"):
            assert (await narrow("GET", f"{target}?versionId={version}{query}")).status == status


async def test_a_prefix_of_one_bucket_opens_no_other_bucket(door, whole, narrow):
    assert (await whole("PUT", "/records.in")).status == 200
    assert (await whole("PUT", "/records.in/in/k", b"other")).status == 200
    assert (await narrow("GET", "/records.in/in/k")).status == 403
    # and a name that holds the whole text of the prefix is within its own bucket only
    assert (await whole("PUT", "/records.in/records/in/k", b"other")).status == 200
    assert (await narrow("GET", "/records.in/records/in/k")).status == 403
    assert (await narrow("GET", "/nobodys-bucket/in/k")).status == 403


async def test_a_key_left_a_whole_bucket_by_prefix_may_configure_it_as_its_owner_may(door, whole):
    client = door.client(await door.key(door.steward, only_prefixes=("records/",)))
    assert (await client("GET", "/records?list-type=2")).status == 200
    assert (await client("GET", "/records?versioning")).status == 200
    assert (await client("GET", "/")).texts("Buckets/Bucket/Name") == ["records"]
    assert (await whole("PUT", "/others")).status == 200
    assert (await client("GET", "/others?versioning")).status == 403


async def test_a_presigned_url_of_a_narrowed_key_is_as_narrow(narrow):
    for target, status in ((OPEN, 200), (CLOSED, 403), ("/records?prefix=in%2F", 200), ("/records?prefix=", 403)):
        answer = await speak(narrow.app, "GET", narrow.presign("GET", target), [("host", HOST)])
        assert answer.status == status, target


async def test_prefixes_and_the_other_lists_all_count(door):
    client = door.client(
        await door.key(door.steward, only_prefixes=("records/in/",), only_actions=("objects.object.read",))
    )
    assert (await client("GET", OPEN)).status == 200
    assert (await client("PUT", OPEN, b"x")).status == 403
    assert (await client("GET", "/records?prefix=in%2F")).status == 403
    client = door.client(await door.key(door.steward, only_prefixes=("records/in/",), only_buckets=("another-bucket",)))
    assert (await client("GET", OPEN)).status == 403
