"""How much a bucket holds: objects, earlier versions, unfinished uploads; counted as owners sent them, and recorded."""

import pytest

from nexus.objects.model import MIN_PART_BYTES, Versioning
from nexus.objects.usage import BucketUsage
from simulators.object_store import Store, chunked


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


def usage(name="ward", **counted):
    none = dict.fromkeys(("objects", "object_bytes", "versions", "version_bytes", "uploads", "upload_bytes"), 0)
    return BucketUsage(name=name, **{**none, **counted})


async def test_an_empty_bucket_holds_nothing(store):
    bucket = await store.bucket()
    assert await store.objects.buckets.usage(store.op, bucket) == usage()


async def test_versions_count_and_delete_markers_do_not(store):
    bucket = await store.bucket()
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    for body in (b"a" * 10, b"b" * 200_000):
        await store.put(bucket, "scan", body)
    await store.put(bucket, "letter", b"c" * 5)
    await store.objects.deleting.delete(store.op, bucket, "letter")
    counted = await store.objects.buckets.usage(store.op, bucket)
    assert counted == usage(objects=1, object_bytes=200_000, versions=3, version_bytes=200_015)


async def test_parts_of_an_unfinished_upload_count_until_it_is_aborted(store):
    bucket = await store.bucket()
    upload = await store.objects.uploads.create(store.op, bucket, "scan")
    body = b"p" * MIN_PART_BYTES
    await store.objects.uploads.put_part(
        store.op, bucket, "scan", chunked(body, (500_000,)), upload_id=upload.id, number=1, length=len(body)
    )
    assert await store.objects.buckets.usage(store.op, bucket) == usage(uploads=1, upload_bytes=MIN_PART_BYTES)
    await store.objects.uploads.abort(store.op, bucket, "scan", upload.id)
    assert await store.objects.buckets.usage(store.op, bucket) == usage()


async def test_other_buckets_do_not_count_and_the_counting_is_recorded(store):
    ward, lab = await store.bucket(), await store.bucket("lab")
    await store.put(lab, "scan", b"x" * 7)
    assert await store.objects.buckets.usage(store.op, ward) == usage()
    entry = store.entries[-1]
    assert (entry.action, entry.resource.id, entry.details) == ("objects.bucket.read", ward.name, {"usage": True})
