"""The sweep removes what crashes left behind, and nothing that somebody still writes or reads."""

import asyncio
import os
import threading

import pytest

from nexus.kernel.database import Recorded
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM
from nexus.objects.batches import BATCH_BYTES
from nexus.objects.blobs.disk import UNFINISHED
from nexus.objects.model import INLINE_BYTES, MIN_PART_BYTES, PartReference
from nexus.objects.upkeep import READERS_LEAVE_AFTER
from simulators.object_store import Store, chunked


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


def age(store: Store) -> None:
    """Make every file look as if nobody had written to it for long."""
    for path in store.files():
        os.utime(path, (0, 0))


def leave_behind(store: Store, *, named: bool, size: int = 5_000) -> None:
    """What a crash leaves: a blob under way, or one that has its name and no row."""
    blob = store.engine.create(new_id("blb"), room=size)
    blob.room(size)[:] = bytes(size)
    blob.filled(size)
    if named:
        blob.finish()
    blob.release()


@pytest.mark.parametrize("named", [True, False])
async def test_what_a_crash_left_behind_is_swept_and_recorded(store, named):
    bucket = await store.bucket()
    await store.put(bucket, "scan", bytes(INLINE_BYTES + 1))
    leave_behind(store, named=named)
    assert (await store.objects.upkeep.sweep(store.op)).files == 0, "too young"
    age(store)
    before = len(store.entries)
    swept = await store.objects.upkeep.sweep(store.op)
    assert swept.files == 1
    assert swept.bytes >= 4_096
    assert [(entry.action, entry.details["files"]) for entry in store.entries[before:]] == [("objects.store.sweep", 1)]
    assert await store.get(bucket, "scan") == bytes(INLINE_BYTES + 1)
    assert (await store.objects.upkeep.sweep(store.op)).files == 0
    assert len(store.entries) == before + 2, "an empty sweep is no news"


async def test_a_write_under_way_is_safe_however_long_it_takes(store):
    bucket, reached, go_on = await store.bucket(), asyncio.Event(), asyncio.Event()

    async def slow():
        yield bytes(3 * BATCH_BYTES)
        reached.set()
        await go_on.wait()
        yield b"end"

    writing = asyncio.create_task(store.objects.writing.put(store.op, bucket, "scan", slow()))
    await reached.wait()
    store.settle()
    assert len(store.files()) == 1
    age(store)
    assert (await store.objects.upkeep.sweep(store.op)).files == 0
    go_on.set()
    await writing
    assert await store.get(bucket, "scan") == bytes(3 * BATCH_BYTES) + b"end"


async def test_a_blob_is_safe_between_its_name_and_its_row(store):
    """Another process holds the database back, and sweeps, while the commit waits for it."""
    bucket, go_on = await store.bucket(), threading.Event()
    other = Store(store.root)
    try:
        holding = other.database.submit(
            lambda tx: (go_on.wait(8), Recorded(None, other.op.allowed("test", PLATFORM)))[1]
        )
        writing = asyncio.create_task(store.put(bucket, "scan", bytes(INLINE_BYTES + 1)))
        while not [path for path in store.files() if path.parent.name != UNFINISHED]:
            await asyncio.sleep(0.01)
        age(store)
        assert (await other.objects.upkeep.sweep(other.op)).files == 0
        assert not writing.done()
        go_on.set()
        await writing
        holding.result()
    finally:
        go_on.set()
        other.close()
    assert await store.get(bucket, "scan") == bytes(INLINE_BYTES + 1)


async def test_files_of_others_are_left_alone(store):
    await store.bucket()
    stranger = store.blobs / "zz" / "README"
    stranger.parent.mkdir()
    stranger.write_text("not a blob")
    age(store)
    assert (await store.objects.upkeep.sweep(store.op)).files == 0
    assert stranger.exists()


async def test_parts_of_a_deleted_object_go_once_its_readers_have_left(store):
    bucket = await store.bucket()
    upload = await store.objects.uploads.create(store.op, bucket, "scan")
    parts = []
    for number, size in ((1, MIN_PART_BYTES), (2, 10)):
        part = await store.objects.uploads.put_part(
            store.op, bucket, "scan", chunked(bytes(size), (1 << 20,)), upload_id=upload.id, number=number
        )
        parts.append(PartReference(number=number, etag=part.etag))
    await store.objects.uploads.complete(store.op, bucket, "scan", upload.id, parts)
    await store.objects.deleting.delete(store.op, bucket, "scan")
    age(store)
    assert (await store.objects.upkeep.sweep(store.op)).files == 0
    store.clock.advance(READERS_LEAVE_AFTER + 1)
    swept = await store.objects.upkeep.sweep(store.op)
    assert (swept.files, swept.bytes) == (2, MIN_PART_BYTES + 10)
    assert store.files() == []
    assert store.database.peek("SELECT count(*) FROM objects_blob") == (0,)
