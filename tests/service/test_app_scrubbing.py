"""The worker's walks over all blobs: when they are due, at which pace, and that a restart goes on where one stopped."""

import os

import pytest

from nexus.app.chores.scrubbing import QUICK_EVERY, Scrubber
from nexus.kernel.clock import DAY, SECOND
from nexus.objects.model import INLINE_BYTES, MIB
from simulators.engines import copies
from simulators.object_store import Store

BODY = os.urandom(INLINE_BYTES + 1_000_000)
BLOBS = 6


@pytest.fixture
async def store(tmp_path):
    (tmp_path / "store").mkdir()
    made = Store(tmp_path / "store", engine=copies(tmp_path, 2))
    bucket = await made.bucket()
    for number in range(BLOBS):
        await made.put(bucket, f"scan-{number}", BODY)
    yield made
    made.close()


def scrubber(store: Store, *, rate: int = 2, several: bool = False) -> Scrubber:
    return Scrubber(
        store.objects.scrubbing,
        store.root / "scrubbed.json",
        store.clock,
        lambda: store.op,
        days=7,
        mib_per_second=rate,
        several=several,
    )


async def seconds(store: Store, chore: Scrubber, number: int) -> int:
    """Let time pass; how many blobs the full walk has examined."""
    for _ in range(number):
        store.clock.advance(SECOND)
        while await chore.scrub():
            pass
    return chore.report.full.blobs if chore.report.full else -1


async def test_a_store_is_read_slowly_once_in_its_time_and_not_at_once(store):
    chore = scrubber(store)
    assert await seconds(store, chore, 3) == -1, "nothing is due yet"
    store.clock.advance(7 * DAY)
    first = await seconds(store, chore, 1)
    assert 1 <= first < BLOBS, "one second reads two MiB, and what it began"
    again = scrubber(store)
    assert await seconds(store, again, 1) >= first, "a restart goes on"
    await seconds(store, again, 20)
    done = again.report.last_full
    assert (done.blobs, done.mended, done.lost) == (BLOBS, 0, 0)
    assert done.bytes >= BLOBS * len(BODY)
    assert [entry.details["blobs"] for entry in store.entries if entry.action == "objects.store.scrub"] == [BLOBS]


async def test_what_was_read_beyond_the_allowance_is_waited_for(store):
    large = os.urandom(4 * MIB)
    for number in range(3):
        await store.put(store.objects.buckets.find("ward"), f"large-{number}", large)
    chore = scrubber(store, rate=1)
    await seconds(store, chore, 1)
    store.clock.advance(7 * DAY)
    passed = 0
    while chore.report.full is not None or passed == 0:
        await seconds(store, chore, 1)
        passed += 1
    read = BLOBS * len(BODY) + 3 * len(large)
    assert passed >= (read - len(large)) // MIB, (
        "a blob is read whole, and the seconds that it takes too many come after it"
    )


async def test_every_hour_each_copy_is_looked_for_where_there_are_several(store, tmp_path):
    (lost,) = sorted((tmp_path / "2").rglob("blb_*"))[:1]
    lost.unlink()
    chore = scrubber(store, several=True)
    await seconds(store, chore, 1)
    assert chore.report.last_quick.mended == 1
    assert lost.exists()
    lost.unlink()
    await seconds(store, chore, 1)
    assert not lost.exists(), "not yet an hour"
    store.clock.advance(QUICK_EVERY)
    await seconds(store, chore, 1)
    assert lost.exists()
    assert scrubber(store).report.last_quick == chore.report.last_quick
