"""Buckets, their documents, and the tags of objects."""

import asyncio
import threading

import pytest

from nexus.kernel.database import Recorded
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.objects.buckets import DocumentName
from nexus.objects.errors import IsDeleteMarker
from nexus.objects.model import BucketKind, Metadata, Versioning
from simulators.object_store import Store, chunked
from simulators.operations import operation


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def test_a_bucket_is_what_it_was_made_as(store):
    bucket = await store.bucket("chu-ingress", project="cardio", kind="ingress")
    assert store.objects.buckets.find("chu-ingress") == bucket
    assert bucket.kind is BucketKind.INGRESS
    assert bucket.resource.attributes == {"site": "chu", "project": "cardio", "kind": "ingress"}
    assert (bucket.owner, bucket.versioning, bucket.key_id) == ("per_alice", Versioning.OFF, "key_site")
    assert [found.name for found in await store.objects.buckets.list(store.op)] == ["chu-ingress"]


async def test_a_name_is_taken_once(store):
    await store.bucket()
    with pytest.raises(Conflict) as caught:
        await store.bucket()
    assert caught.value.code == "objects.bucket-is-yours"
    with pytest.raises(Conflict) as caught:
        await store.objects.buckets.create(operation("per_bob"), "ward", site="chu", key_id="key_site")
    assert caught.value.code == "objects.bucket-exists"
    made = await asyncio.gather(*(store.bucket("race") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in made) == 4


async def test_only_an_empty_bucket_is_deleted(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"x")
    with pytest.raises(Conflict) as caught:
        await store.objects.buckets.delete(store.op, bucket)
    assert caught.value.code == "objects.bucket-not-empty"
    await store.objects.deleting.delete(store.op, bucket, "scan")
    upload = await store.objects.uploads.create(store.op, bucket, "scan")
    await store.objects.uploads.put_part(store.op, bucket, "scan", chunked(b"x"), upload_id=upload.id, number=1)
    await store.objects.buckets.delete(store.op, bucket)
    store.settle()
    assert store.files() == []
    with pytest.raises(NotFound):
        store.objects.buckets.find("ward")


async def test_a_bucket_of_the_same_name_is_another_bucket(store):
    old = await store.bucket()
    await store.objects.buckets.delete(store.op, old)
    new = await store.bucket()
    assert (old.id != new.id) and (old.number != new.number)
    for attempt in (
        lambda: store.put(old, "scan", b"x"),
        lambda: store.objects.deleting.delete(store.op, old, "scan"),
        lambda: store.objects.uploads.create(store.op, old, "scan"),
        lambda: store.objects.buckets.set_versioning(store.op, old, Versioning.ENABLED),
        lambda: store.objects.buckets.delete(store.op, old),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt()
        assert caught.value.code == "objects.no-such-bucket"
    assert (await store.objects.listing.objects(store.op, new)).versions == ()


async def test_a_bucket_without_its_key_is_not_made(store):
    before = len(store.entries)
    for attempt, error in (
        (lambda: store.bucket(key_id="key_none"), NotFound),
        (lambda: store.bucket("No"), Invalid),
    ):
        with pytest.raises(error):
            await attempt()
    assert len(store.entries) == before


async def test_documents_are_kept_with_their_bucket(store):
    bucket, buckets = await store.bucket(), store.objects.buckets
    assert buckets.peek_document(bucket, DocumentName.CORS) is None
    await buckets.put_document(store.op, bucket, DocumentName.CORS, b"<a/>")
    await buckets.put_document(store.op, bucket, DocumentName.CORS, b"<b/>")
    assert await buckets.document(store.op, bucket, DocumentName.CORS) == b"<b/>"
    with pytest.raises(Invalid):
        await buckets.put_document(store.op, bucket, DocumentName.CORS, bytes(70_000))
    await buckets.delete_document(store.op, bucket, DocumentName.CORS)
    await buckets.delete_document(store.op, bucket, DocumentName.CORS)
    with pytest.raises(NotFound):
        await buckets.document(store.op, bucket, DocumentName.CORS)


async def test_tags_are_replaced_and_the_rest_stays(store):
    bucket = await store.bucket()
    metadata = Metadata(headers={"content-type": "a/b"}, user={"u": "1"}, tags={"t": "1"})
    await store.put(bucket, "scan", b"x", metadata=metadata)
    assert await store.objects.tagging.get(store.op, bucket, "scan") == ({"t": "1"}, None)
    await store.objects.tagging.put(store.op, bucket, "scan", {"s": "2"})
    info, _, _ = await store.objects.reading.head(store.op, bucket, "scan")
    assert info.metadata == Metadata(headers={"content-type": "a/b"}, user={"u": "1"}, tags={"s": "2"})
    await store.objects.tagging.put(store.op, bucket, "scan", {})
    assert await store.objects.tagging.get(store.op, bucket, "scan") == ({}, None)
    assert await store.get(bucket, "scan") == b"x"
    with pytest.raises(Invalid):
        await store.objects.tagging.put(store.op, bucket, "scan", {str(n): "" for n in range(11)})
    with pytest.raises(NotFound):
        await store.objects.tagging.get(store.op, bucket, "none")


async def test_tags_belong_to_a_version(store):
    bucket = await store.bucket()
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    bucket = store.objects.buckets.find("ward")
    first = (await store.put(bucket, "scan", b"1", metadata=Metadata(tags={"n": "1"}))).version_id
    second = (await store.put(bucket, "scan", b"2")).version_id
    assert await store.objects.tagging.put(store.op, bucket, "scan", {"n": "0"}, version_id=first) == first
    assert await store.objects.tagging.get(store.op, bucket, "scan") == ({}, second)
    await store.objects.deleting.delete(store.op, bucket, "scan")
    with pytest.raises(IsDeleteMarker):
        await store.objects.tagging.put(store.op, bucket, "scan", {"n": "2"})


async def test_tags_of_a_version_that_was_replaced_meanwhile_are_not_stored(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"old")
    go_on = threading.Event()
    store.database.submit(lambda tx: (go_on.wait(5), Recorded(None, store.op.allowed("test", bucket.resource)))[1])
    replacing = asyncio.create_task(store.put(bucket, "scan", b"new"))
    tagging = asyncio.create_task(store.objects.tagging.put(store.op, bucket, "scan", {"a": "b"}))
    await asyncio.sleep(0.05)
    go_on.set()
    await replacing
    with pytest.raises(NotFound):
        await tagging
    assert await store.objects.tagging.get(store.op, bucket, "scan") == ({}, None)


async def test_concurrent_changes_of_tags_leave_one_of_them(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"x")
    puts = [store.objects.tagging.put(store.op, bucket, "scan", {"n": str(n)}) for n in range(5)]
    await asyncio.gather(*puts)
    tags, _ = await store.objects.tagging.get(store.op, bucket, "scan")
    assert tags in [{"n": str(n)} for n in range(5)]
    assert sum("tags" in entry.details for entry in store.entries) == 6, "five changes and a look"
