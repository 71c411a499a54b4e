"""What every engine for blobs promises: one disk, several disks, another Nexus, Ceph's gateway. Issue 6; AP-14, F-066."""

import os
import time

import pytest

from nexus.kernel.errors import Damaged
from nexus.kernel.ids import new_id
from nexus.objects.blobs.port import Checksum, Expected, State
from nexus.objects.blobs.remote import PART_BYTES
from nexus.objects.model import INLINE_BYTES, MIN_PART_BYTES, PartReference
from simulators.engines import MAKERS, elsewhere, read, write
from simulators.object_store import Store, chunked

REMOTE = "another Nexus"
CEPH = "Ceph"


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    with elsewhere(tmp_path_factory.mktemp("other")) as made:
        yield made


@pytest.fixture(params=[*MAKERS, REMOTE, CEPH])
def engine(request, tmp_path):
    if request.param in (REMOTE, CEPH):
        keeper = request.getfixturevalue("other" if request.param == REMOTE else "ceph")
        made = keeper.engine(prefix=f"{tmp_path.name}/")
    else:
        made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def checksum_of(data: bytes) -> bytes:
    made = Checksum()
    made.update(data)
    return made.digest()


@pytest.mark.parametrize("size", [0, 1, 4_096, 4_097, 300_001, PART_BYTES, PART_BYTES + 5])
def test_what_was_finished_is_read_whole_and_in_ranges(engine, size):
    data, blob = os.urandom(size), new_id("blb")
    assert write(engine, blob, data) == checksum_of(data)
    reader = engine.reader(blob)
    assert reader.size == size
    assert reader.read(0, size) == data
    assert reader.read(size, 10) == b""
    assert reader.read(max(0, size - 3), 10) == data[-3:]
    assert reader.read(size // 2, 100) == data[size // 2 : size // 2 + 100]
    reader.close()


def test_nothing_is_there_before_it_is_finished_nor_after_it_was_given_up(engine):
    blob = new_id("blb")
    for size in (5_000, PART_BYTES + 5_000):
        writer = engine.create(blob, room=size)
        writer.room(size)[:] = bytes(size)
        writer.filled(size)
        with pytest.raises(Damaged):
            engine.reader(blob)
        writer.abort()
    writer = engine.create(blob, room=10)
    writer.filled(10)
    writer.finish()
    writer.abort()
    engine.threads.submit(time.sleep, 0).result()
    for _ in range(100):
        if all(copy.state is State.MISSING for copy in engine.examine(Expected(blob, 10), read=False)):
            break
        time.sleep(0.02)
    with pytest.raises(Damaged):
        engine.reader(blob)


def test_what_was_removed_is_gone_and_removing_it_again_does_no_harm(engine):
    blob = new_id("blb")
    write(engine, blob, b"content")
    engine.remove([blob])
    engine.remove([blob])
    with pytest.raises(Damaged):
        engine.reader(blob)


def test_copies_are_examined_for_length_and_for_every_byte(engine):
    blob, data = new_id("blb"), os.urandom(100_000)
    checksum = write(engine, blob, data)
    whole = Expected(blob, len(data), checksum)
    assert {copy.state for copy in engine.examine(whole, read=True)} == {State.GOOD}
    assert len(engine.examine(whole, read=True)) == len(engine.places)
    assert {c.state for c in engine.examine(Expected(blob, len(data) - 1, checksum), read=False)} == {State.DAMAGED}
    assert {c.state for c in engine.examine(Expected(blob, len(data), bytes(8)), read=True)} == {State.DAMAGED}
    assert {c.state for c in engine.examine(Expected(blob, len(data)), read=True)} == {State.GOOD}, "no checksum yet"
    assert {c.state for c in engine.examine(Expected(new_id("blb"), 1), read=True)} == {State.MISSING}
    assert engine.mend(whole) == 0


def test_a_sweep_sees_what_is_old_and_removes_what_no_row_knows(engine):
    known, unknown = new_id("blb"), new_id("blb")
    for blob in (known, unknown):
        write(engine, blob, b"content")
    assert [found for page in engine.older_than(3_600) for found in page] == [], "too young"
    found = [found for page in engine.older_than(-10) for found in page if found.id in (known, unknown)]
    assert len(found) == 2 * len(engine.places)
    removed = [each for each in found if engine.remove_abandoned(each, lambda e=each: e.id == unknown)]
    assert {each.id for each in removed} == {unknown}
    assert read(engine, known) == b"content"
    with pytest.raises(Damaged):
        engine.reader(unknown)


async def test_a_store_over_it_keeps_versions_uploads_and_ranges(engine, tmp_path):
    (tmp_path / "store").mkdir()
    with_store = Store(tmp_path / "store", engine=engine)
    bucket = await with_store.bucket()
    large = os.urandom(INLINE_BYTES + 1_200_000)
    await with_store.put(bucket, "scan", large)
    assert await with_store.get(bucket, "scan") == large
    upload = await with_store.objects.uploads.create(with_store.op, bucket, "series")
    parts, bodies = [], (os.urandom(MIN_PART_BYTES), os.urandom(70_000))
    for number, body in enumerate(bodies, 1):
        part = await with_store.objects.uploads.put_part(
            with_store.op, bucket, "series", chunked(body, (1 << 20,)), upload_id=upload.id, number=number
        )
        parts.append(PartReference(number=number, etag=part.etag))
    await with_store.objects.uploads.complete(with_store.op, bucket, "series", upload.id, parts)
    assert await with_store.get(bucket, "series") == b"".join(bodies)
    await with_store.put(bucket, "scan", b"small now")
    assert await with_store.get(bucket, "scan") == b"small now"
    with_store.settle()
    assert (await with_store.objects.upkeep.sweep(with_store.op)).files == 0
    with_store.database.close()
