"""A full quota over S3: every way in is refused, with the code that clients know from Ceph, and recorded."""

import pytest

from nexus.objects.store.usage import Limit
from simulators.operations import operation
from simulators.s3_door import open_s3_door

MOST = 10


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    for name in ("records", "plenty"):
        assert (await opened.client()("PUT", f"/{name}")).status == 200
    records = opened.objects.buckets.find("records")
    await opened.objects.capacity.set_bucket_quota(operation(), records, Limit(bytes=MOST, objects=2))
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


def refused(door, answer):
    entry = door.audit.entries[-1]
    assert (answer.status, answer.code) == (403, "QuotaExceeded")
    assert "quota of the bucket is" in answer.texts("Message")[0]
    assert (entry.outcome.value, entry.details["code"]) == ("denied", "objects.quota-exceeded")
    return True


async def test_a_put_and_a_copy_that_do_not_fit_are_refused_and_a_delete_makes_room(door, client):
    assert (await client("PUT", "/records/a", b"x" * MOST)).status == 200
    assert (await client("PUT", "/plenty/b", b"x")).status == 200
    assert refused(door, await client("PUT", "/records/b", b"x"))
    assert refused(door, await client("PUT", "/records/b", headers={"x-amz-copy-source": "/plenty/b"}))
    assert (await client("GET", "/records/a")).body == b"x" * MOST
    assert (await client("DELETE", "/records/a")).status == 204
    assert (await client("PUT", "/records/b", headers={"x-amz-copy-source": "/plenty/b"})).status == 200


async def test_a_part_that_does_not_fit_is_refused_and_so_is_an_object_too_many(door, client):
    upload = (await client("POST", "/records/big?uploads")).texts("UploadId")[0]
    part = f"/records/big?partNumber=1&uploadId={upload}"
    assert refused(door, await client("PUT", part, b"x" * (MOST + 1)))
    assert (await client("PUT", "/plenty/b", b"x" * (MOST + 1))).status == 200
    assert refused(door, await client("PUT", part, headers={"x-amz-copy-source": "/plenty/b"}))
    etag = (await client("PUT", part, b"x")).headers["etag"]
    for name in ("a", "b"):
        assert (await client("PUT", f"/records/{name}", b"x")).status == 200
    named = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    whole = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()
    answer = await client("POST", f"/records/big?uploadId={upload}", whole)
    assert answer.code == "QuotaExceeded"
    assert (await client("DELETE", "/records/a")).status == 204
    assert (await client("POST", f"/records/big?uploadId={upload}", whole)).status == 200
