"""SSE-S3, SSE-KMS with a named key, SSE-C: what each promises, and who may use which key."""

from base64 import b64encode
from hashlib import md5

import pytest

from simulators.s3_door import KEY_ID, OTHER_KEY_ID, machine, open_s3_door

SSE, KMS_KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
NAMED = {SSE: "aws:kms", KMS_KEY: OTHER_KEY_ID}


def brought(key, prefix="x-amz-server-side-encryption-customer-"):
    """The headers of a client's key."""
    return {
        f"{prefix}algorithm": "AES256",
        f"{prefix}key": b64encode(key).decode(),
        f"{prefix}key-md5": b64encode(md5(key).digest()).decode(),
    }


MINE, WRONG = brought(b"m" * 32), brought(b"w" * 32)
OF_SOURCE = "x-amz-copy-source-server-side-encryption-customer-"


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


@pytest.mark.parametrize("size", [1, 100, 65_537, 2_000_000])
async def test_what_is_asked_for_is_what_is_answered(client, size):
    body = b"x" * size
    for headers, algorithm, key in (
        ({}, "aws:kms", KEY_ID),
        ({SSE: "AES256"}, "AES256", None),
        ({SSE: "aws:kms"}, "aws:kms", KEY_ID),
        ({SSE: "aws:kms", KMS_KEY: KEY_ID}, "aws:kms", KEY_ID),
        (NAMED, "aws:kms", OTHER_KEY_ID),
    ):
        for answer in (await client("PUT", "/records/k", body, headers), await client("GET", "/records/k")):
            assert answer.status == 200
            assert (answer.headers[SSE], answer.headers.get(KMS_KEY)) == (algorithm, key)
        assert answer.body == body


async def test_the_default_of_a_bucket_counts_where_nothing_is_said(client):
    def default(algorithm, key=""):
        return (
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
            f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{key}"
            "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        ).encode()

    named = default("aws:kms", f"<KMSMasterKeyID>{OTHER_KEY_ID}</KMSMasterKeyID>")
    for body, algorithm, key in ((default("AES256"), "AES256", None), (named, "aws:kms", OTHER_KEY_ID)):
        await client("PUT", "/records?encryption", body)
        await client("PUT", "/records/k", b"x")
        head = await client("HEAD", "/records/k")
        assert (head.headers[SSE], head.headers.get(KMS_KEY)) == (algorithm, key)
    assert (await client("PUT", "/records/k", b"x", {SSE: "AES256"})).headers[SSE] == "AES256"


async def test_a_key_is_named_by_those_only_who_may_use_it_at_writing_and_at_reading(door, client):
    plain = machine("plain")
    for action in ("objects.object.read", "objects.object.write", "objects.upload.write"):
        door.rights.give(plain, action)
    reader = door.client(door.ring.add(plain))
    for method, target in (("PUT", "/records/k"), ("POST", "/records/k?uploads")):
        answer = await reader(method, target, b"x" if method == "PUT" else b"", NAMED)
        assert (answer.status, answer.code) == (403, "AccessDenied")
    await client("PUT", "/records/k", b"secret", NAMED)
    for method in ("GET", "HEAD"):
        assert (await reader(method, "/records/k")).status == 403
    assert (await reader("PUT", "/records/copy", headers={"x-amz-copy-source": "records/k"})).code == "AccessDenied"
    door.rights.give(plain, "kms.key.use")
    assert (await reader("GET", "/records/k")).body == b"secret"


async def test_what_is_under_a_named_key_is_gone_with_that_key_and_the_rest_stays(door, client):
    await client("PUT", "/records/named", b"secret", NAMED)
    await client("PUT", "/records/own", b"other")
    door.data_keys.destroy(OTHER_KEY_ID)
    assert (await client("GET", "/records/named")).status >= 400
    assert (await client("GET", "/records/own")).body == b"other"


async def test_a_named_key_costs_the_key_service_one_call_not_one_for_each_object(door, client):
    await client("PUT", "/records/first", b"x", NAMED)
    before = dict(door.data_keys.calls)
    for number in range(5):
        await client("PUT", f"/records/{number}", b"x", NAMED)
        await client("GET", f"/records/{number}")
    assert door.data_keys.calls == before


async def test_named_keys_are_rewrapped_with_the_others(door, client):
    await client("PUT", "/records/k", b"x", NAMED)
    door.data_keys.rotate(OTHER_KEY_ID)
    told = []

    async def progress(cursor, done):
        told.append((cursor, done))

    from simulators.operations import operation

    done = await door.objects.upkeep.rewrap(operation(), OTHER_KEY_ID, progress=progress)
    assert (done.done, told) == (1, [("named:1", 1)])
    again = await door.objects.upkeep.rewrap(operation(), OTHER_KEY_ID, cursor="named:1")
    assert again.done == 0
    assert (await client("GET", "/records/k")).body == b"x"


# Keys that clients bring


@pytest.mark.parametrize("size", [0, 100, 65_537, 2_000_000])
async def test_what_a_client_encrypts_opens_with_its_key_and_no_other(client, size):
    body = b"p" * size
    written = await client("PUT", "/records/k", body, {"content-length": str(size), **MINE})
    assert written.headers["x-amz-server-side-encryption-customer-algorithm"] == "AES256"
    assert (
        written.headers["x-amz-server-side-encryption-customer-key-md5"]
        == MINE["x-amz-server-side-encryption-customer-key-md5"]
    )
    assert SSE not in written.headers
    assert (await client("GET", "/records/k", headers=MINE)).body == body
    for method in ("GET", "HEAD"):
        for headers in ({}, WRONG):
            assert (await client(method, "/records/k", headers=headers)).status == 400
    assert (await client("GET", "/records/k?attributes", headers={"x-amz-object-attributes": "ETag"})).status == 400


async def test_no_key_of_a_client_is_stored_or_recorded(door, client, tmp_path):
    key = bytes(range(100, 132))
    await client("PUT", "/records/k", b"p" * 100_000, brought(key))
    await client("GET", "/records/k", headers=brought(b"w" * 32))
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (key, b64encode(key), key.hex().encode()):
        assert secret not in kept
        assert secret.decode("latin-1") not in str([(e.details, e.resource) for e in door.audit.entries])


async def test_the_platform_with_all_its_own_keys_cannot_open_what_a_client_encrypted(door, client):
    """Whoever takes the verifier out of the facts gets what does not open, not the content."""
    await client("PUT", "/records/k", b"secret" * 20_000, MINE)
    from nexus.kernel.errors import Damaged
    from nexus.objects.model import ObjectRef
    from simulators.object_store import everything
    from simulators.operations import operation

    reading, op = door.objects.reading, operation()
    ref = ObjectRef(door.objects.buckets.find("records"), "k")
    opened = await reading.open(op, ref, facts_only=True)
    with pytest.raises(Damaged):
        await everything(await reading.read(op, ref, opened, 0, opened.facts.size))


async def test_parts_are_sealed_with_the_key_that_the_upload_began_with(client):
    upload = (await client("POST", "/records/k?uploads", headers=MINE)).texts("UploadId")[0]
    target = f"/records/k?partNumber=1&uploadId={upload}"
    for headers in ({}, WRONG):
        assert (await client("PUT", target, b"x" * 100, headers)).status == 400
    answer = await client("PUT", target, b"x" * 100, MINE)
    assert answer.headers["x-amz-server-side-encryption-customer-algorithm"] == "AES256"
    part = f"<Part><PartNumber>1</PartNumber><ETag>{answer.headers['etag']}</ETag></Part>"
    for headers in ({}, WRONG):
        listed = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
        assert (await client("POST", f"/records/k?uploadId={upload}", listed, headers)).status == 400
    done = await client(
        "POST",
        f"/records/k?uploadId={upload}",
        f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode(),
        MINE,
    )
    assert done.status == 200
    assert (await client("GET", "/records/k", headers=MINE)).body == b"x" * 100
    assert (await client("GET", "/records/k", headers={**MINE, "range": "bytes=10-19"})).body == b"x" * 10
    assert (await client("GET", "/records/k")).status == 400


async def test_a_copy_needs_the_key_of_its_source_and_takes_another(client):
    await client("PUT", "/records/k", b"body", MINE)
    copy = {"x-amz-copy-source": "records/k"}
    assert (await client("PUT", "/records/c", headers=copy)).status == 400
    of_source = brought(b"m" * 32, OF_SOURCE)
    assert (await client("PUT", "/records/c", headers=copy | of_source | WRONG)).status == 200
    assert (await client("GET", "/records/c", headers=WRONG)).body == b"body"
    assert (await client("PUT", "/records/plain", headers=copy | of_source)).status == 200
    assert (await client("GET", "/records/plain")).body == b"body"


async def test_tags_of_what_a_client_encrypted_need_no_key(client):
    await client("PUT", "/records/k", b"body", MINE)
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    assert (await client("PUT", "/records/k?tagging", tags)).status == 200
    assert (await client("GET", "/records/k?tagging")).texts("TagSet/Tag/Value") == ["b"]
    assert (await client("GET", "/records/k", headers=MINE)).body == b"body"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (MINE | {SSE: "AES256"}, "InvalidArgument"),
        (MINE | NAMED, "InvalidArgument"),
        (MINE | {"x-amz-server-side-encryption-customer-key-md5": b64encode(bytes(16)).decode()}, "InvalidArgument"),
        (MINE | {"x-amz-server-side-encryption-customer-key": "c2hvcnQ="}, "InvalidArgument"),
        (MINE | {"x-amz-server-side-encryption-customer-algorithm": "AES128"}, "InvalidEncryptionAlgorithmError"),
        ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, "InvalidArgument"),
        ({k: v for k, v in MINE.items() if not k.endswith("algorithm")}, "InvalidEncryptionAlgorithmError"),
        ({SSE: "AES256", KMS_KEY: OTHER_KEY_ID}, "InvalidArgument"),
        ({KMS_KEY: OTHER_KEY_ID}, "InvalidArgument"),
        ({SSE: "aes:kms"}, "InvalidArgument"),
    ],
)
async def test_headers_that_contradict_each_other_are_refused_and_nothing_is_written(client, headers, code):
    assert (await client("PUT", "/records/k", b"x", headers)).code == code
    assert (await client("HEAD", "/records/k")).status == 404
