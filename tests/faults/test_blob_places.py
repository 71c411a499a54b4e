"""Disks that die, fill up, lie or are not mounted, where blobs lie on several of them. Issue 6: replicas and self-healing."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from nexus.kernel.errors import Conflict, Damaged, Unavailable
from nexus.kernel.ids import new_id
from nexus.objects.blobs import copies
from nexus.objects.blobs.copies import Copies
from nexus.objects.blobs.place import MARK
from nexus.objects.blobs.port import Expected, State
from nexus.objects.model import INLINE_BYTES, MIB
from nexus.objects.scrubbing import Round
from nexus.objects.sealing import SEGMENTS
from simulators.disks import small_disk
from simulators.engines import OWNER, read, write
from simulators.engines import copies as on_disks
from simulators.object_store import Store

LARGE = os.urandom(INLINE_BYTES + 900_000)


@pytest.fixture
def engine(tmp_path):
    made = on_disks(tmp_path, 2, least=1)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path, engine):
    (tmp_path / "store").mkdir()
    made = Store(tmp_path / "store", engine=engine)
    yield made
    made.database.close()


def blobs_in(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("blb_*") if path.is_file())


async def until(condition) -> None:
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to pass")


async def walk(store, *, full: bool) -> Round:
    """A whole walk of the scrubber."""
    made = Round(full=full, started_at=1)
    while not made.finished_at:
        made = await store.objects.scrubbing.go_on(store.op, made, read_bytes=8 * MIB)
    return made


async def test_each_blob_lies_in_each_place(store, tmp_path):
    bucket = await store.bucket()
    await store.put(bucket, "scan", LARGE)
    one, two = (blobs_in(tmp_path / name) for name in "12")
    assert [path.name for path in one] == [path.name for path in two]
    assert one[0].read_bytes() == two[0].read_bytes()


@pytest.mark.parametrize("harm", ["lost", "cut", "changed", "unreadable"])
async def test_a_bad_copy_is_read_around_and_mended_while_it_is_read(store, tmp_path, harm):
    bucket = await store.bucket()
    await store.put(bucket, "scan", LARGE)
    (bad,), (good,) = blobs_in(tmp_path / "1"), blobs_in(tmp_path / "2")
    match harm:
        case "lost":
            bad.unlink()
        case "cut":
            os.truncate(bad, SEGMENTS.segment_bytes * 3)
        case "changed":
            data = bytearray(bad.read_bytes())
            data[SEGMENTS.segment_bytes * 5] ^= 1
            bad.write_bytes(data)
        case "unreadable":
            bad.unlink()
            bad.mkdir()  # the disk answers every read of it with an error
    assert await store.get(bucket, "scan") == LARGE
    if harm == "unreadable":
        bad.rmdir()
        return
    await until(lambda: bad.exists() and bad.read_bytes() == good.read_bytes())


async def test_without_a_good_copy_it_is_damage_and_never_bytes(store, tmp_path):
    """The negative control of the test above."""
    bucket = await store.bucket()
    await store.put(bucket, "scan", LARGE)
    for place in "12":
        (path,) = blobs_in(tmp_path / place)
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(data)
    with pytest.raises(Damaged):
        await store.get(bucket, "scan")
    assert len({path.read_bytes() for place in "12" for path in blobs_in(tmp_path / place)}) == 1, "nothing was mended"


async def test_a_place_that_is_away_is_not_written_to_and_is_filled_once_it_is_back(store, engine, tmp_path):
    """An empty mount point is no disk: writing into it would fill another one, and count as a copy."""
    bucket = await store.bucket()
    away = tmp_path / "2"
    away.rename(tmp_path / "unmounted")
    away.mkdir()
    await store.put(bucket, "scan", LARGE)
    assert list(away.iterdir()) == []
    assert await store.get(bucket, "scan") == LARGE
    found = await walk(store, full=False)
    assert (found.blobs, found.away, found.mended, found.lost) == (1, 1, 0, 0)
    away.rmdir()
    (tmp_path / "unmounted").rename(away)
    engine.all[1].return_now()
    found = await walk(store, full=False)
    assert (found.mended, found.away) == (1, 0)
    assert blobs_in(away)[0].read_bytes() == blobs_in(tmp_path / "1")[0].read_bytes()
    assert store.entries[-1].action == "objects.store.scrub"


async def test_too_few_places_refuse_the_write_leave_nothing_and_serve_reads(tmp_path):
    engine = on_disks(tmp_path, 2)
    (tmp_path / "store").mkdir()
    store = Store(tmp_path / "store", engine=engine)
    try:
        bucket = await store.bucket()
        await store.put(bucket, "scan", LARGE)
        shutil.rmtree(tmp_path / "1")
        with pytest.raises(Unavailable) as caught:
            await store.put(bucket, "other", LARGE)
        assert caught.value.code == "objects.too-few-copies"
        assert "1 of 2" in str(caught.value)
        await until(lambda: len(blobs_in(tmp_path / "2")) == 1)
        assert await store.get(bucket, "scan") == LARGE
        await store.put(bucket, "small", b"rows are not blobs")
    finally:
        store.close()


async def test_a_place_that_failed_a_moment_ago_is_read_where_nothing_else_is_left(store, engine, tmp_path):
    bucket = await store.bucket()
    await store.put(bucket, "scan", LARGE)
    engine.all[1].set_aside(OSError("it failed"))
    shutil.rmtree(tmp_path / "1")
    assert await store.get(bucket, "scan") == LARGE


async def test_a_full_disk_is_left_out_and_the_write_goes_on_elsewhere(tmp_path):
    with small_disk(tmp_path / "1", 4 * MIB), small_disk(tmp_path / "2", 64 * MIB):
        engine = Copies([tmp_path / "1", tmp_path / "2"], OWNER, least=1, new=True)
        (tmp_path / "store").mkdir()
        store = Store(tmp_path / "store", engine=engine)
        try:
            bucket = await store.bucket()
            body = os.urandom(9 * MIB)
            await store.put(bucket, "scan", body)
            assert await store.get(bucket, "scan") == body
            await until(lambda: blobs_in(tmp_path / "1") == [])
            assert len(blobs_in(tmp_path / "2")) == 1
        finally:
            store.close()


async def test_a_disk_that_hangs_holds_a_write_up_for_a_while_only(tmp_path, monkeypatch):
    monkeypatch.setattr(copies, "PATIENCE_S", 0.3)
    engine = on_disks(tmp_path, 2, least=1)
    go_on = threading.Event()
    hanging = engine.all[1]
    for _ in range(copies.DISK_THREADS):  # every thread of that disk waits for it
        hanging.threads.submit(go_on.wait)
    (tmp_path / "store").mkdir()
    store = Store(tmp_path / "store", engine=engine)
    try:
        bucket = await store.bucket()
        await store.put(bucket, "scan", LARGE)
        assert await store.get(bucket, "scan") == LARGE
        assert len(blobs_in(tmp_path / "1")) == 1
        go_on.set()
        hanging.return_now()
        await until(hanging.threads._work_queue.empty)
        assert (await walk(store, full=False)).lost == 0
        await until(lambda: _same(tmp_path / "1", tmp_path / "2"))
    finally:
        go_on.set()
        store.close()


def _same(one: Path, two: Path) -> bool:
    return [path.read_bytes() for path in blobs_in(one)] == [path.read_bytes() for path in blobs_in(two)]


async def test_what_was_removed_while_a_place_was_away_is_swept_there_later(store, engine, tmp_path):
    bucket = await store.bucket()
    await store.put(bucket, "scan", LARGE)
    (tmp_path / "2").rename(tmp_path / "unmounted")
    await store.objects.deleting.delete(store.op, bucket, "scan")
    await until(lambda: blobs_in(tmp_path / "1") == [])
    for done in [engine.all[1].threads.submit(lambda: None) for _ in range(64)]:
        done.result()
    (tmp_path / "unmounted").rename(tmp_path / "2")
    engine.all[1].return_now()
    (left,) = blobs_in(tmp_path / "2")
    os.utime(left, (0, 0))
    assert (await store.objects.upkeep.sweep(store.op)).files == 1
    assert not left.exists()


async def test_the_scrubber_finds_what_nobody_reads_and_says_what_is_lost(store, tmp_path):
    bucket = await store.bucket()
    for name in ("kept", "rotten", "gone"):
        await store.put(bucket, name, LARGE)
    first, second = blobs_in(tmp_path / "1"), blobs_in(tmp_path / "2")

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    flip(first[1])
    flip(first[2])
    flip(second[2])
    assert (await walk(store, full=False)).mended == 0, "only reading finds it"
    found = await walk(store, full=True)
    assert (found.blobs, found.mended, found.lost) == (3, 1, 1)
    assert first[1].read_bytes() == second[1].read_bytes()
    lost = next(entry for entry in store.entries if entry.action == "objects.store.lost")
    assert lost.details["bucket"] == bucket.name
    assert lost.details["blob"] == first[2].name
    assert (await walk(store, full=True)).mended == 0


def test_a_copy_that_changes_while_it_is_copied_takes_nobodys_place(engine, tmp_path):
    blob, data = new_id("blb"), os.urandom(9 * MIB)
    checksum = write(engine, blob, data)
    one, two = (tmp_path / place / blob[-2:] / blob for place in "12")
    two.write_bytes(b"rotten")
    one.write_bytes(data[:-1] + b"!")
    source = engine.all[0].disk.reader(blob)
    with pytest.raises(Damaged):
        engine.all[1].disk.copy_in(Expected(blob, len(data), checksum), source)
    source.close()
    assert two.read_bytes() == b"rotten"
    assert [path.name for path in (tmp_path / "2" / "unfinished").iterdir()] == []


def test_a_folder_of_another_platform_or_with_something_in_it_is_refused(tmp_path):
    on_disks(tmp_path, 2).close()
    with pytest.raises(Conflict):
        Copies([tmp_path / "1"], "nx_other", new=True)
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(Conflict):
        Copies([tmp_path / "1", tmp_path / "3"], OWNER, new=True)
    assert not (tmp_path / "3" / MARK).exists()


def test_a_new_disk_counts_once_it_was_taken_in_and_is_filled(tmp_path):
    first = on_disks(tmp_path, 1)
    blob = new_id("blb")
    checksum = write(first, blob, b"content")
    first.close()
    both = on_disks(tmp_path, 2, new=False)
    expected = Expected(blob, 7, checksum)
    assert [copy.state for copy in both.examine(expected, read=True)] == [State.GOOD, State.AWAY]
    with pytest.raises(Conflict):
        both.add(tmp_path / "elsewhere")
    both.add(tmp_path / "2")
    assert [copy.state for copy in both.examine(expected, read=True)] == [State.GOOD, State.MISSING]
    assert both.mend(expected) == 1
    shutil.rmtree(tmp_path / "1")
    assert read(both, blob) == b"content"
    both.close()
