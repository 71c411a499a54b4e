"""Keys come from the key service, for one actor, for minutes, and are gone when it says so. EMC-39, R-157."""

import asyncio
import os

import pytest

from nexus.kernel.clock import MINUTE
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Damaged, NexusError, Sealed, Unavailable
from nexus.kms.model import KeyEvent, KeyEventKind
from nexus.objects.batches import BATCH_BYTES
from nexus.objects.keys import CACHED_FOR
from nexus.objects.model import INLINE_BYTES
from nexus.objects.upkeep import REWRAP_BATCH
from simulators.data_keys import SimulatedDataKeys
from simulators.object_store import Store
from simulators.operations import operation

ALICE, BOB = operation("per_alice"), operation("per_bob")


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def test_thousands_of_objects_cost_one_call_for_each_actor(store):
    bucket = await store.bucket()
    await asyncio.gather(*(store.put(bucket, f"k{n}", b"x", op=ALICE) for n in range(200)))
    await asyncio.gather(*(store.get(bucket, f"k{n}", op=ALICE) for n in range(200)))
    assert store.keys.unwrapped_for == ["per_alice"]
    await asyncio.gather(*(store.get(bucket, f"k{n}", op=BOB) for n in range(200)))
    assert store.keys.unwrapped_for == ["per_alice", "per_bob"]


async def test_a_cached_key_is_asked_for_again_after_minutes(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"x")
    store.clock.advance(CACHED_FOR - 1)
    await store.get(bucket, "scan")
    assert store.keys.calls["unwrap"] == 1
    store.clock.advance(1)
    await store.get(bucket, "scan")
    assert store.keys.calls["unwrap"] == 2
    assert CACHED_FOR <= 10 * MINUTE


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (SimulatedDataKeys.seal, Sealed),
        (SimulatedDataKeys.lose, Unavailable),
        (lambda keys: keys.disable("key_site"), Conflict),
        (lambda keys: keys.destroy("key_site"), Conflict),
    ],
)
@pytest.mark.parametrize("size", [10, INLINE_BYTES + 1])
async def test_without_the_key_nothing_is_read_and_nothing_written(store, act, error, size):
    bucket = await store.bucket()
    await store.put(bucket, "scan", bytes(size))
    assert await store.get(bucket, "scan") == bytes(size)
    act(store.keys)
    before = len(store.entries)
    for attempt in (
        lambda: store.get(bucket, "scan"),
        lambda: store.objects.reading.head(store.op, bucket, "scan"),
        lambda: store.put(bucket, "new", bytes(size)),
        lambda: store.objects.tagging.put(store.op, bucket, "scan", {"a": "b"}),
        lambda: store.objects.uploads.create(store.op, bucket, "new"),
        lambda: store.bucket("another"),
    ):
        with pytest.raises(error):
            await attempt()
    assert len(store.entries) == before
    assert len(store.files()) == (size > INLINE_BYTES)


async def test_unsealing_brings_everything_back(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"x")
    store.keys.seal()
    with pytest.raises(Sealed):
        await store.get(bucket, "scan")
    store.keys.unseal()
    assert await store.get(bucket, "scan") == b"x"


async def test_a_lease_that_lapses_without_a_word_stops_cached_keys_too(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"x")
    store.keys.lost = True
    with pytest.raises(Unavailable):
        await store.get(bucket, "scan")


async def test_one_disabled_key_leaves_the_others_alone(store):
    store.keys.add_key("key_other")
    one, other = await store.bucket(), await store.bucket("other", key_id="key_other")
    for bucket in (one, other):
        await store.put(bucket, "scan", b"x")
    store.keys.disable("key_other")
    with pytest.raises(Conflict):
        await store.get(other, "scan")
    assert await store.get(one, "scan") == b"x"
    assert store.keys.calls["unwrap"] == 3, "one for each bucket, one in vain: the first was not forgotten"


async def test_a_read_under_way_ends_when_the_service_is_sealed(store):
    bucket, body = await store.bucket(), os.urandom(8 * BATCH_BYTES)
    await store.put(bucket, "scan", body)
    read = await store.objects.reading.get(store.op, bucket, "scan")
    received = await anext(read.body)
    store.keys.seal()
    with pytest.raises(Sealed):
        async for chunk in read.body:
            received += chunk
    assert body.startswith(received)
    assert len(received) <= BATCH_BYTES, "only what was opened before the seal"
    assert [entry.outcome for entry in store.entries[-2:]] == ["allowed", "failed"]
    assert store.entries[-1].details["code"] == "objects.key-gone"


@pytest.mark.parametrize("size", [100, BATCH_BYTES])
async def test_a_write_under_way_ends_when_the_service_is_sealed(store, size):
    bucket, taken = await store.bucket(), 0

    async def body():
        nonlocal taken
        for taken in range(20):
            if taken == 3:
                store.keys.seal()
            yield bytes(size)

    with pytest.raises(Sealed):
        await store.objects.writing.put(store.op, bucket, "scan", body(), length=20 * size)
    await asyncio.sleep(0.05)
    store.settle()
    assert store.files() == []
    assert taken < 6 or size < BATCH_BYTES, "a large body is not taken to its end in vain"


async def test_a_key_that_is_taken_back_while_it_is_fetched_is_not_used(tmp_path):
    class Slow(SimulatedDataKeys):
        async def unwrap(self, wrapped, context, op):
            opened = await super().unwrap(wrapped, context, op)
            for callback in self._callbacks:  # the event overtakes the answer
                callback(KeyEvent(KeyEventKind.KEY_CHANGED, "key_site"))
            return opened

    store = Store(tmp_path, keys=Slow())
    try:
        bucket = await store.bucket()
        with pytest.raises(Sealed):
            await store.put(bucket, "scan", b"x")
        assert store.keys.calls["unwrap"] == 2
    finally:
        store.close()


async def test_a_destroyed_key_leaves_nothing_to_read_even_with_every_file_at_hand(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"x" * (INLINE_BYTES + 1))
    store.keys.destroy("key_site")
    store.keys.state["key_site"] = "enabled"  # as if somebody made a key of the same name
    store.keys.add_key("key_site")
    with pytest.raises(Damaged):
        await store.get(bucket, "scan")


async def test_a_bucket_key_opens_in_its_bucket_only(store):
    one, other = await store.bucket(), await store.bucket("other")
    await store.put(one, "scan", b"x")

    def swap(tx):
        tx.execute("UPDATE objects_bucket SET wrapped_key = ? WHERE id = ?", (other.wrapped_key, one.id))

    await edit(store, swap)
    with pytest.raises(Damaged):
        await store.get(store.objects.buckets.find("ward"), "scan", op=BOB)


async def edit(store, work):
    await store.database.bookkeep(Bookkeeping.PROGRESS, work)


async def test_after_a_rotation_every_bucket_key_is_wrapped_again(store):
    store.keys.add_key("key_other")
    buckets = [await store.bucket(f"ward-{n}") for n in range(5)]
    untouched = await store.bucket("other", key_id="key_other")
    for bucket in buckets:
        await store.put(bucket, "scan", bucket.name.encode())
    store.keys.rotate("key_site")
    told = []

    async def progress(cursor, done):
        told.append((cursor, done))

    rewrapped = await store.objects.upkeep.rewrap(store.op, "key_site", progress=progress)
    assert (rewrapped.done, rewrapped.skipped) == (5, 0)
    assert told == [(str(buckets[-1].number), 5)]
    assert store.keys.calls["rewrap"] == 1
    entry = store.entries[-1]
    assert (entry.action, str(entry.resource), entry.details) == ("kms.key.rewrap", "Key:key_site", {"buckets": 5})
    store.keys.versions["key_site"][0] = store.keys.versions["key_other"][0]  # the old version opens nothing any more
    for bucket in buckets:
        assert await store.get(store.objects.buckets.find(bucket.name), "scan", op=BOB) == bucket.name.encode()
    assert store.objects.buckets.find("other") == untouched


async def test_an_interrupted_rewrap_goes_on_where_it_stopped(store):
    count = 2 * REWRAP_BATCH + 3
    await asyncio.gather(*(store.bucket(f"ward-{n:03}") for n in range(count)))
    store.keys.rotate("key_site")
    cursors = []

    async def interrupted(cursor, done):
        cursors.append(cursor)
        store.keys.seal()

    with pytest.raises(Sealed):
        await store.objects.upkeep.rewrap(store.op, "key_site", progress=interrupted)
    store.keys.unseal()
    rest = await store.objects.upkeep.rewrap(store.op, "key_site", cursor=cursors[-1])
    assert rest.done == count - REWRAP_BATCH
    again = await store.objects.upkeep.rewrap(store.op, "key_site")
    assert again.done == count, "once more does no harm"


async def test_closing_the_store_forgets_every_key(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", bytes(8 * BATCH_BYTES))
    read = await store.objects.reading.get(store.op, bucket, "scan")
    store.objects.close()
    with pytest.raises((NexusError, RuntimeError)):
        async for _ in read.body:
            pass
