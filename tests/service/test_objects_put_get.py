"""What is put comes back, whole or in part, recorded before its first byte. NX-15, R-153, EMC-47."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid, NexusError, NotFound
from nexus.kernel.operation import Outcome
from nexus.objects.batches import BATCH_BYTES
from nexus.objects.errors import NotModified, PreconditionFailed, RangeNotSatisfiable
from nexus.objects.model import (
    INLINE_BYTES,
    MD5_BYTES,
    ByteRange,
    Metadata,
    ObjectRef,
    PartReference,
    ReadConditions,
    WriteConditions,
)
from nexus.objects.sealing import SEGMENTS
from simulators.object_store import Store, chunked, everything

SEGMENT = SEGMENTS.plain_bytes
BORDERS = [0, 1, 4096, INLINE_BYTES, SEGMENT, BATCH_BYTES, MD5_BYTES, 2 * BATCH_BYTES + SEGMENT]
SIZES = sorted({size + step for size in BORDERS for step in (-1, 0, 1) if size + step >= 0})


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("declared", [True, False])
async def test_every_size_comes_back(store, declared):
    bucket = await store.bucket()
    for size in SIZES:
        body = os.urandom(size)
        written = await store.put(bucket, "scan", body, length=size if declared else None)
        read = await store.objects.reading.get(store.op, bucket, "scan")
        assert await everything(read) == body
        assert (read.info.version.size, read.info.version.etag) == (size, written.etag)
        is_md5 = written.etag == hashlib.md5(body).hexdigest()
        assert is_md5 if size <= MD5_BYTES else written.etag.endswith("-1")
    store.settle()
    assert len(store.files()) == 1, "each write replaced the one before"


async def test_a_large_body_has_its_md5_when_the_client_sends_one(store):
    bucket, body = await store.bucket(), os.urandom(MD5_BYTES + 1)
    seen = []

    def verify(facts):
        seen.append(facts)
        return {"crc64nvme": "AAAA"}

    written = await store.put(bucket, "scan", body, want_md5=True, verify=verify)
    assert (seen[0].size, seen[0].md5) == (len(body), hashlib.md5(body).digest())
    assert written.etag == seen[0].md5.hex()
    info, _, _ = await store.objects.reading.head(store.op, bucket, "scan")
    assert info.checksums == written.checksums == {"crc64nvme": "AAAA"}


@pytest.mark.parametrize("size", [10, INLINE_BYTES + 1])
async def test_what_verify_refuses_is_not_stored(store, size):
    bucket = await store.bucket()

    def refuse(facts):
        raise Invalid("the checksum is another", code="s3.bad-digest")

    before = len(store.entries)
    with pytest.raises(Invalid, match="checksum"):
        await store.put(bucket, "scan", bytes(size), verify=refuse)
    await nothing_is_left(store, bucket, before)


@pytest.mark.parametrize("size", [10, INLINE_BYTES + 1, BATCH_BYTES + 1])
@pytest.mark.parametrize("declared", [0, 5, 11, 10_000_000])
async def test_a_body_of_another_length_is_refused(store, size, declared):
    bucket, before = await store.bucket(), 1
    with pytest.raises(Invalid) as caught:
        await store.put(bucket, "scan", bytes(size), length=declared)
    assert caught.value.code == "objects.incomplete-body"
    await nothing_is_left(store, bucket, before)


async def test_a_huge_declared_length_reserves_nothing(store):
    bucket = await store.bucket()
    with pytest.raises(Invalid) as caught:
        await store.put(bucket, "scan", b"x", length=5 * 2**30 + 1)
    assert caught.value.code == "objects.too-large"
    with pytest.raises(Invalid):
        await store.put(bucket, "scan", b"x" * (INLINE_BYTES + 1), length=5 * 2**30)
    await nothing_is_left(store, bucket, 1)


@pytest.mark.parametrize("size", [10, INLINE_BYTES + 1, 3 * BATCH_BYTES])
async def test_a_client_that_vanishes_leaves_nothing(store, size):
    bucket = await store.bucket()

    async def broken():
        async for chunk in chunked(bytes(size)):
            yield chunk
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.objects.writing.put(store.op, bucket, "scan", broken(), length=size + 1)
    await nothing_is_left(store, bucket, 1)


async def test_a_put_that_is_cancelled_leaves_nothing(store):
    bucket, reached = await store.bucket(), asyncio.Event()

    async def slow():
        yield bytes(3 * BATCH_BYTES)
        reached.set()
        await asyncio.sleep(60)

    put = asyncio.create_task(store.objects.writing.put(store.op, bucket, "scan", slow(), length=None))
    await reached.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    await nothing_is_left(store, bucket, 1)


async def nothing_is_left(store, bucket, entries):
    await asyncio.sleep(0.05)
    store.settle()
    assert store.files() == []
    assert len(store.entries) == entries
    with pytest.raises(NotFound):
        await store.get(bucket, "scan")


async def test_ranges_over_every_border_are_slices(store):
    bucket, body = await store.bucket(), os.urandom(3 * SEGMENT + 17)
    for name, stored in (("inline", body[:1000]), ("blob", body)):
        await store.put(bucket, name, stored)
        size = len(stored)
        points = sorted(
            {0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT, size - 1} & set(range(size))
        )
        for first in points:
            for last in [point for point in points if point >= first]:
                assert await store.get(bucket, name, wanted=ByteRange(first, last)) == stored[first : last + 1]
            assert await store.get(bucket, name, wanted=ByteRange(first, None)) == stored[first:]
            assert await store.get(bucket, name, wanted=ByteRange(None, first + 1)) == stored[-first - 1 :]
        with pytest.raises(RangeNotSatisfiable) as caught:
            await store.get(bucket, name, wanted=ByteRange(size, None))
        assert caught.value.size == size


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_range_of_any_object_is_a_slice(tmp_path_factory, data):
    """Also over the borders of parts."""
    asyncio.run(_any_range(tmp_path_factory.mktemp("store"), data))


async def _any_range(folder, data):
    store = Store(folder)
    try:
        bucket = await store.bucket()
        sizes = data.draw(st.lists(st.sampled_from([5 << 20, (5 << 20) + 1, 5 * (SEGMENT * 8)]), max_size=2))
        sizes.append(data.draw(st.sampled_from([0, 1, SEGMENT, SEGMENT + 1, BATCH_BYTES + 5])))
        bodies = [os.urandom(4096) * (size // 4096) + os.urandom(size % 4096) for size in sizes]
        upload = await store.objects.uploads.create(store.op, bucket, "scan")
        parts = []
        for number, body in enumerate(bodies, 1):
            part = await store.objects.uploads.put_part(
                store.op, bucket, "scan", chunked(body, (300_000,)), upload_id=upload.id, number=number
            )
            parts.append(PartReference(number=number, etag=part.etag))
        await store.objects.uploads.complete(store.op, bucket, "scan", upload.id, parts)
        whole = b"".join(bodies)
        assert await store.get(bucket, "scan") == whole
        borders = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
        for _ in range(6):
            around = data.draw(st.sampled_from(borders)) + data.draw(st.integers(-SEGMENT - 1, SEGMENT + 1))
            first = max(0, min(around, len(whole) - 1))
            last = first + data.draw(st.integers(0, 2 * SEGMENT))
            if whole:
                assert await store.get(bucket, "scan", wanted=ByteRange(first, last)) == whole[first : last + 1]
    finally:
        store.close()


async def test_metadata_headers_and_tags_come_back(store):
    bucket = await store.bucket()
    metadata = Metadata(headers={"content-type": "application/dicom"}, user={"study": "épî"}, tags={"a": "b"})
    await store.put(bucket, "scan", b"x", metadata=metadata)
    info, first, length = await store.objects.reading.head(store.op, bucket, "scan")
    assert (info.metadata, first, length, info.part_count) == (metadata, 0, 1, 0)


async def test_conditions_of_reads(store):
    bucket = await store.bucket()
    written = await store.put(bucket, "scan", b"x")
    assert await store.get(bucket, "scan", conditions=ReadConditions(if_match=(written.etag,))) == b"x"
    with pytest.raises(NotModified) as caught:
        await store.get(bucket, "scan", conditions=ReadConditions(if_none_match=(written.etag,)))
    assert (caught.value.etag, caught.value.last_modified) == (written.etag, written.last_modified)
    with pytest.raises(PreconditionFailed):
        await store.get(bucket, "scan", conditions=ReadConditions(if_match=("other",)))


async def test_of_many_that_create_the_same_object_one_succeeds(store):
    bucket = await store.bucket()
    only_new = WriteConditions(if_none_match=("*",))
    puts = [store.put(bucket, "scan", bytes([n]) * (n * 9_000), conditions=only_new) for n in range(1, 20)]
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert sum(isinstance(outcome, PreconditionFailed) for outcome in outcomes) == 18
    winner = next(n for n, outcome in enumerate(outcomes, 1) if not isinstance(outcome, Exception))
    assert await store.get(bucket, "scan") == bytes([winner]) * (winner * 9_000)
    store.settle()
    assert len(store.files()) == (winner * 9_000 > INLINE_BYTES)


async def test_a_write_that_expects_another_version_is_refused_before_its_body_is_read(store):
    bucket = await store.bucket()
    written = await store.put(bucket, "scan", b"x")

    async def never():
        raise AssertionError("read")
        yield b""

    for conditions in (WriteConditions(if_none_match=("*",)), WriteConditions(if_match=("other",))):
        with pytest.raises(PreconditionFailed):
            await store.objects.writing.put(store.op, bucket, "scan", never(), conditions=conditions)
    with pytest.raises(NotFound):
        await store.put(bucket, "other", b"y", conditions=WriteConditions(if_match=(written.etag,)))
    await store.put(bucket, "scan", b"y", conditions=WriteConditions(if_match=(written.etag,)))
    assert await store.get(bucket, "scan") == b"y"


async def test_every_access_leaves_its_entry(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"xyz")
    await store.get(bucket, "scan", wanted=ByteRange(1, 1))
    await store.objects.reading.head(store.op, bucket, "scan")
    await store.objects.listing.objects(store.op, bucket)
    await store.objects.deleting.delete(store.op, bucket, "scan")
    assert [(entry.action, entry.outcome) for entry in store.entries] == [
        (f"objects.{name}", Outcome.ALLOWED)
        for name in ("bucket.create", "object.write", "object.read", "object.read", "object.list", "object.delete")
    ]
    put, read = store.entries[1:3]
    assert read.details["version"] == put.details["version"]
    assert (read.details["first"], read.details["length"]) == (1, 1)
    assert str(read.resource) == "Bucket:ward"


async def test_nothing_leaves_and_nothing_changes_while_the_log_cannot_be_written(store):
    bucket = await store.bucket()
    await store.put(bucket, "small", b"x")
    await store.put(bucket, "large", bytes(INLINE_BYTES + 1))
    store.recorder.broken = True
    for attempt in (
        lambda: store.get(bucket, "small"),
        lambda: store.get(bucket, "large"),
        lambda: store.objects.reading.head(store.op, bucket, "small"),
        lambda: store.objects.listing.objects(store.op, bucket),
        lambda: store.put(bucket, "new", b"y"),
        lambda: store.put(bucket, "new", bytes(INLINE_BYTES + 1)),
        lambda: store.objects.deleting.delete(store.op, bucket, "small"),
        lambda: store.objects.tagging.put(store.op, bucket, "small", {"a": "b"}),
        lambda: store.bucket("other"),
    ):
        with pytest.raises(NexusError):
            await attempt()
    store.recorder.broken = False
    page = await store.objects.listing.objects(store.op, bucket)
    assert [version.key for version in page.versions] == ["large", "small"]
    assert await store.get(bucket, "small") == b"x"


async def test_the_same_object_is_never_sealed_twice_alike(store):
    bucket = await store.bucket()
    for name in ("a", "b"):
        await store.put(bucket, name, b"equal" * 20_000)
    one, other = (path.read_bytes() for path in store.files())
    assert len(one) == len(other)
    assert not {one[at : at + 64] for at in range(0, 4096, 64)} & {other[at : at + 64] for at in range(0, 4096, 64)}


async def test_a_copy_is_sealed_under_a_key_of_its_own(store):
    bucket, other = await store.bucket(), await store.bucket("other")
    for name, body in (("small", b"x"), ("large", os.urandom(INLINE_BYTES * 3))):
        metadata = Metadata(headers={"content-type": "a/b"}, user={"u": "1"}, tags={"t": "1"})
        put = await store.put(bucket, name, body, metadata=metadata)
        seen = []
        copied = await store.objects.writing.copy(store.op, ObjectRef(bucket, name), other, "copy", observe=seen.append)
        assert b"".join(seen) == body == await store.get(other, "copy")
        assert copied.written.etag == put.etag
        info, _, _ = await store.objects.reading.head(store.op, other, "copy")
        assert info.metadata == metadata
        replaced = Metadata(user={"u": "2"})
        await store.objects.writing.copy(store.op, ObjectRef(other, "copy"), other, "copy", metadata=replaced)
        info, _, _ = await store.objects.reading.head(store.op, other, "copy")
        assert info.metadata == Metadata(user={"u": "2"}, tags={"t": "1"})
        assert await store.get(other, "copy") == body
    actions = [entry.action for entry in store.entries if "source_version" in entry.details]
    assert actions == ["objects.object.write"] * 4


async def test_a_copy_onto_itself_must_change_something(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"x")
    ref = ObjectRef(bucket, "scan")
    with pytest.raises(Invalid) as caught:
        await store.objects.writing.copy(store.op, ref, bucket, "scan")
    assert caught.value.code == "objects.copy-unchanged"
    for conditions in (ReadConditions(if_match=("other",)), ReadConditions(if_none_match=("*",))):
        with pytest.raises(PreconditionFailed):
            await store.objects.writing.copy(store.op, ref, bucket, "copy", source_conditions=conditions)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_reader_that_leaves_early_gives_its_file_back(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", bytes(8 * BATCH_BYTES))
    before = open_files()
    for _ in range(20):
        read = await store.objects.reading.get(store.op, bucket, "scan")
        await anext(read.body)
        await read.body.aclose()
    await asyncio.sleep(0.05)
    store.settle()
    await asyncio.sleep(0.05)
    assert open_files() <= before


async def test_an_object_that_is_replaced_while_it_is_read_is_read_to_its_end(store):
    bucket, body = await store.bucket(), os.urandom(6 * BATCH_BYTES)
    await store.put(bucket, "scan", body)
    read = await store.objects.reading.get(store.op, bucket, "scan")
    first = await anext(read.body)
    await store.put(bucket, "scan", b"new")
    store.settle()
    assert first + b"".join([chunk async for chunk in read.body]) == body
    assert store.files() == []
