"""Where copies lie is asked of each place at the moment of asking; how many lie there, the last walk has counted. Issue 6; AP-14."""

import errno
import json
import os
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import pytest

from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.looking import LEAST_FREE_BYTES, Condition, condition_of
from nexus.objects.blobs.place import MARK
from nexus.objects.model import INLINE_BYTES, MIB
from nexus.objects.replication import Advice, Replicas
from nexus.objects.scrubbing import Round
from simulators.disks import small_disk
from simulators.engines import copies, elsewhere
from simulators.object_store import Store

BODY = os.urandom(INLINE_BYTES + 100_000)
BLOBS = 3
NOBODY = 65_534


@pytest.fixture
async def store(tmp_path):
    (tmp_path / "store").mkdir()
    made = Store(tmp_path / "store", engine=copies(tmp_path, 2, least=1))
    bucket = await made.bucket()
    for number in range(BLOBS):
        await made.put(bucket, f"scan-{number}", BODY)
    yield made
    made.close()


async def walked(store: Store) -> Round:
    """One quick walk, to its end."""
    walk = Round(full=False, started_at=store.clock.now())
    store.clock.advance(1)
    while not walk.finished_at:
        walk = await store.objects.scrubbing.go_on(store.op, walk, read_bytes=1 << 62)
    return walk


def conditions(store: Store) -> list[Condition]:
    return [place.condition for place in store.objects.replicas.now(None, elsewhere=False)]


async def test_a_place_that_is_reached_says_how_much_room_it_has_and_on_which_disk(store, tmp_path):
    first, second = store.objects.replicas.now(None, elsewhere=False)
    assert (first.condition, first.advice, second.condition) == (Condition.REACHABLE, None, Condition.REACHABLE)
    assert first.total_bytes >= first.free_bytes > 0
    assert os.path.ismount(first.disk)
    assert tmp_path.is_relative_to(first.disk)
    assert first.disk == second.disk, "two directories of one disk are seen to be that"
    assert (first.good_copies, first.walked_at) == (None, None), "nothing has counted them yet"


async def test_a_disk_that_goes_is_away_at_once_and_back_at_once(store, tmp_path):
    disk, gone = tmp_path / "2", tmp_path / "unplugged"
    disk.rename(gone)
    away = store.objects.replicas.now(None, elsewhere=False)[1]
    assert (away.condition, away.advice, away.free_bytes) == (Condition.AWAY, Advice.MOUNT, None)
    disk.mkdir()
    assert conditions(store) == [Condition.REACHABLE, Condition.AWAY], "a mount point without its disk"
    assert list(disk.iterdir()) == [], "and nothing is written to it"
    disk.rmdir()
    gone.rename(disk)
    assert conditions(store) == [Condition.REACHABLE, Condition.REACHABLE]


async def test_a_disk_of_another_platform_is_named_as_that(store, tmp_path):
    (tmp_path / "2" / MARK).write_text(json.dumps({"owner": "nx_other"}))
    foreign = store.objects.replicas.now(None, elsewhere=False)[1]
    assert (foreign.condition, foreign.advice) == (Condition.FOREIGN, Advice.OTHER_FOLDER)


async def test_a_disk_that_hangs_is_silent_for_everybody_and_holds_one_thread(store, tmp_path):
    mark = tmp_path / "2" / MARK
    kept = mark.read_bytes()
    mark.unlink()
    os.mkfifo(mark)  # whoever opens it waits until somebody writes to it
    assert conditions(store) == [Condition.REACHABLE, Condition.SILENT]
    assert conditions(store) == [Condition.REACHABLE, Condition.SILENT]
    hanging = [thread for thread in threading.enumerate() if thread.name == "look at a place"]
    assert len(hanging) == 1
    mark.write_bytes(kept)  # lets it go on
    hanging[0].join()
    mark.unlink()
    mark.write_bytes(kept)
    assert conditions(store) == [Condition.REACHABLE, Condition.REACHABLE]


def _seen_by_nobody(folder: str) -> list[str]:
    """In a process of its own, for rights mean nothing to root."""
    os.setgroups([])
    os.setuid(NOBODY)
    engine = copies(Path(folder), 2, new=False)
    return [place.condition.value for place in Replicas(engine).now(None, elsewhere=False)]


@pytest.mark.skipif(os.geteuid() != 0, reason="to become nobody takes root")
def test_a_disk_whose_rights_were_taken_is_failing_until_they_are_back():
    folder = Path(tempfile.mkdtemp())
    try:
        copies(folder, 2).close()
        for each in (folder, *folder.rglob("*")):
            os.chown(each, NOBODY, NOBODY)
        said = []
        for mode in (0o700, 0o500, 0o000, 0o700):
            (folder / "2").chmod(mode)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                said.append(process.submit(_seen_by_nobody, str(folder)).result())
        well, failing = ["reachable", "reachable"], ["reachable", "failing"]
        assert said == [well, failing, failing, well]
    finally:
        shutil.rmtree(folder)


def test_a_disk_that_fills_up_or_turns_read_only_is_that_at_once_and_well_again_at_once(tmp_path):
    with small_disk(tmp_path / "disk", 2 * LEAST_FREE_BYTES) as disk:
        replicas = Replicas(DiskBlobs(disk / "blobs"))

        def condition() -> Condition:
            return replicas.now(None, elsewhere=False)[0].condition

        assert condition() is Condition.REACHABLE
        for size in (LEAST_FREE_BYTES + MIB, 4 * LEAST_FREE_BYTES):  # little is left, then nothing
            with suppress(OSError), (disk / "filler").open("wb") as filler:
                for _ in range(size // MIB):
                    filler.write(bytes(MIB))
            assert condition() is Condition.FULL
        (disk / "filler").unlink()
        assert condition() is Condition.REACHABLE
        for options, expected in (("ro", Condition.READ_ONLY), ("rw", Condition.REACHABLE)):
            subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)
            assert condition() is expected


def test_a_disk_with_errors_is_failing():
    assert condition_of(OSError(errno.EIO, os.strerror(errno.EIO))) is Condition.FAILING


def test_the_one_directory_is_looked_at_too(tmp_path):
    engine = DiskBlobs(tmp_path / "blobs")
    replicas = Replicas(engine)
    assert replicas.now(None, elsewhere=False)[0].condition is Condition.REACHABLE
    (tmp_path / "blobs").rename(tmp_path / "elsewhere")
    assert replicas.now(None, elsewhere=False)[0].condition is Condition.AWAY
    (tmp_path / "blobs").mkdir()
    assert replicas.now(None, elsewhere=False)[0].condition is Condition.AWAY, "a mount point without its disk"


def test_a_store_elsewhere_is_reached_or_not_and_a_key_that_it_does_not_know_fails(tmp_path):
    with elsewhere(tmp_path) as other:
        engine = other.engine()
        replicas = Replicas(engine)
        (place,) = replicas.now(None, elsewhere=True)
        assert (place.condition, place.advice, place.free_bytes) == (Condition.REACHABLE, None, None)
        other.door.ring.remove(other.endpoint.access_key)
        assert replicas.now(None, elsewhere=True)[0].condition is Condition.FAILING
    (place,) = replicas.now(None, elsewhere=True)
    assert (place.condition, place.advice) == (Condition.AWAY, Advice.CHECK_STORE)
    engine.close()


async def test_copies_are_counted_by_place_and_what_was_missed_is_said_until_it_is_mended(store, tmp_path):
    whole = store.objects.replicas.now(await walked(store), elsewhere=False)
    assert [(place.good_copies, place.missing_copies) for place in whole] == [(BLOBS, 0), (BLOBS, 0)]
    assert whole[0].walked_at == store.clock.now()
    (tmp_path / "2").rename(tmp_path / "unplugged")
    alone = store.objects.replicas.now(await walked(store), elsewhere=False)
    assert [(place.good_copies, place.missing_copies) for place in alone] == [(BLOBS, 0), (0, BLOBS)]
    last = await walked(store)
    copies(tmp_path, 2).close()  # a new, empty disk
    new = store.objects.replicas.now(last, elsewhere=False)[1]
    assert (new.condition, new.missing_copies, new.advice) == (Condition.REACHABLE, BLOBS, Advice.MEND)
    mended = store.objects.replicas.now(await walked(store), elsewhere=False)[1]
    assert (mended.good_copies, mended.missing_copies, mended.advice) == (BLOBS, 0, None)
