"""Versions and delete markers: nothing is lost while versioning is on, and the newest is what readers get."""

import asyncio
import random

import pytest

from nexus.kernel.errors import Invalid, NotFound
from nexus.objects.errors import IsDeleteMarker, PreconditionFailed
from nexus.objects.model import INLINE_BYTES, DeleteTarget, Versioning, WriteConditions
from simulators.object_store import Store


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def versioned(store: Store, state: Versioning = Versioning.ENABLED):
    bucket = await store.bucket()
    await store.objects.buckets.set_versioning(store.op, bucket, state)
    return store.objects.buckets.find("ward")


async def keys(store, bucket):
    return [version.key for version in (await store.objects.listing.objects(store.op, bucket)).versions]


async def history(store, bucket):
    page = await store.objects.listing.versions(store.op, bucket)
    return [(v.key, v.version_id, v.is_latest, v.is_delete_marker) for v in page.versions]


async def delete(store, bucket, key="scan", **options):
    return await store.objects.deleting.delete(store.op, bucket, key, **options)


async def test_every_version_stays_readable(store):
    bucket = await versioned(store)
    ids = [(await store.put(bucket, "scan", bytes([n]) * (n * INLINE_BYTES + 1))).version_id for n in range(4)]
    assert len(set(ids)) == 4
    assert await store.get(bucket, "scan") == bytes([3]) * (3 * INLINE_BYTES + 1)
    for n, version_id in enumerate(ids):
        assert await store.get(bucket, "scan", version_id=version_id) == bytes([n]) * (n * INLINE_BYTES + 1)
    assert await history(store, bucket) == [("scan", ids[n], n == 3, False) for n in (3, 2, 1, 0)]


async def test_the_clock_may_stand_still_or_go_back(store):
    bucket = await versioned(store)
    ids = []
    for step in (0, 0, -5_000_000, 0, 1):
        store.clock.advance(step)
        ids.append((await store.put(bucket, "scan", b"x")).version_id)
    assert [line[1] for line in await history(store, bucket)] == ids[::-1]


async def test_a_delete_hides_and_its_removal_brings_back(store):
    bucket = await versioned(store)
    put = await store.put(bucket, "scan", b"x")
    marker = await delete(store, bucket)
    assert marker.is_delete_marker
    with pytest.raises(IsDeleteMarker) as caught:
        await store.get(bucket, "scan")
    assert (caught.value.version_id, caught.value.named, caught.value.code) == (
        marker.version_id,
        False,
        "objects.no-such-key",
    )
    with pytest.raises(IsDeleteMarker) as caught:
        await store.get(bucket, "scan", version_id=marker.version_id)
    assert (caught.value.named, caught.value.code) == (True, "objects.delete-marker")
    assert await keys(store, bucket) == []
    assert await store.get(bucket, "scan", version_id=put.version_id) == b"x"
    assert (await delete(store, bucket, version_id=marker.version_id)).is_delete_marker
    assert await store.get(bucket, "scan") == b"x"
    assert await keys(store, bucket) == ["scan"]


async def test_removing_the_newest_version_uncovers_the_one_before(store):
    bucket = await versioned(store)
    ids = [(await store.put(bucket, "scan", bytes([n]))).version_id for n in range(3)]
    await delete(store, bucket, version_id=ids[2])
    assert await store.get(bucket, "scan") == b"\1"
    await delete(store, bucket, version_id=ids[0])
    assert await history(store, bucket) == [("scan", ids[1], True, False)]
    await delete(store, bucket, version_id=ids[1])
    assert await history(store, bucket) == []
    with pytest.raises(NotFound) as caught:
        await store.get(bucket, "scan")
    assert caught.value.code == "objects.no-such-key"


async def test_suspended_versioning_keeps_one_null_version_and_all_others(store):
    bucket = await store.bucket()
    await store.put(bucket, "scan", b"before")
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    kept = (await store.put(bucket, "scan", b"kept")).version_id
    assert await store.get(bucket, "scan", version_id="null") == b"before"
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.SUSPENDED)
    bucket = store.objects.buckets.find("ward")
    assert (await store.put(bucket, "scan", b"after" * INLINE_BYTES)).version_id == "null"
    assert await store.get(bucket, "scan", version_id="null") == b"after" * INLINE_BYTES
    assert await history(store, bucket) == [("scan", "null", True, False), ("scan", kept, False, False)]
    assert (await delete(store, bucket)).version_id == "null"
    assert await history(store, bucket) == [("scan", "null", True, True), ("scan", kept, False, False)]
    store.settle()
    assert store.files() == []
    await delete(store, bucket, version_id="null")
    assert await store.get(bucket, "scan") == b"kept"


async def test_without_versioning_a_delete_is_for_good(store):
    bucket = await store.bucket()
    written = await store.put(bucket, "scan", bytes(INLINE_BYTES + 1))
    assert written.version_id is None
    deleted = await delete(store, bucket)
    assert (deleted.version_id, deleted.is_delete_marker) == (None, False)
    store.settle()
    assert store.files() == []
    assert await history(store, bucket) == []
    await delete(store, bucket)
    await delete(store, bucket, version_id="ver_00000000000000000000000000")


async def test_a_version_id_opens_nothing_under_another_key_or_bucket(store):
    bucket = await versioned(store)
    other = await store.bucket("other")
    version_id = (await store.put(bucket, "scan", b"x")).version_id
    for where, key in ((bucket, "scam"), (other, "scan")):
        with pytest.raises(NotFound) as caught:
            await store.get(where, key, version_id=version_id)
        assert caught.value.code == "objects.no-such-version"
        await delete(store, where, key, version_id=version_id)
    assert await store.get(bucket, "scan") == b"x"


async def test_conditions_of_deletes(store):
    bucket = await store.bucket()
    written = await store.put(bucket, "scan", b"x")
    with pytest.raises(PreconditionFailed):
        await delete(store, bucket, conditions=WriteConditions(if_match=("other",)))
    with pytest.raises(PreconditionFailed):
        await delete(store, bucket, conditions=WriteConditions(if_size=2))
    await delete(store, bucket, conditions=WriteConditions(if_match=(written.etag,), if_size=1))
    with pytest.raises(NotFound):
        await delete(store, bucket, conditions=WriteConditions(if_match=("*",)))


async def test_a_bulk_delete_answers_for_each_and_records_each(store):
    bucket = await versioned(store)
    ids = [(await store.put(bucket, f"k{n}", b"x")).version_id for n in range(600)]
    before = len(store.entries)
    targets = [DeleteTarget(key=f"k{n}") for n in range(300)]
    targets += [DeleteTarget(key=f"k{n}", version_id=ids[n]) for n in range(300, 600)]
    targets.append(DeleteTarget(key="k1", conditions=WriteConditions(if_match=("other",))))
    outcomes = await store.objects.deleting.delete_many(store.op, bucket, targets)
    assert isinstance(outcomes[-1], PreconditionFailed), "the marker of this very request hides it"
    assert [outcome.is_delete_marker for outcome in outcomes[:-1]] == [True] * 300 + [False] * 300
    assert len(store.entries) - before == 600
    assert await keys(store, bucket) == []


async def test_versioning_is_never_off_again(store):
    bucket = await versioned(store)
    with pytest.raises(Invalid) as caught:
        await store.objects.buckets.set_versioning(store.op, bucket, Versioning.OFF)
    assert caught.value.code == "objects.bucket-state"


async def test_whatever_happens_one_version_of_each_key_is_the_latest(store):
    """A random history, checked against a list of versions kept by hand."""
    dice, bucket = random.Random(7), await store.bucket()
    kept: dict[str, list[tuple[str, bytes | None]]] = {key: [] for key in "abc"}
    state = Versioning.OFF
    for step in range(400):
        key, stack = (key := dice.choice("abc")), kept[key]
        match dice.randrange(12):
            case 0:
                state = Versioning.SUSPENDED if state is Versioning.ENABLED else Versioning.ENABLED
                await store.objects.buckets.set_versioning(store.op, bucket, state)
                bucket = store.objects.buckets.find("ward")
            case 1 | 2 if stack:
                name, _ = dice.choice(stack)
                await delete(store, bucket, key, version_id=name)
                stack[:] = [version for version in stack if version[0] != name]
            case 3 | 4:
                name = (await delete(store, bucket, key)).version_id
                if state is not Versioning.ENABLED:
                    stack[:] = [version for version in stack if version[0] != "null"]
                if name is not None:
                    stack.append((name, None))
            case _:
                body = step.to_bytes(2, "big")
                name = (await store.put(bucket, key, body)).version_id or "null"
                if state is not Versioning.ENABLED:
                    stack[:] = [version for version in stack if version[0] != "null"]
                stack.append((name, body))
    expected = [
        (key, name, n == 0, body is None)
        for key, stack in kept.items()
        for n, (name, body) in enumerate(reversed(stack))
    ]
    assert await history(store, bucket) == expected
    assert await keys(store, bucket) == [key for key, stack in kept.items() if stack and stack[-1][1] is not None]
    for key, stack in kept.items():
        for name, body in stack:
            if body is not None:
                assert await store.get(bucket, key, version_id=name) == body


async def test_concurrent_writers_leave_as_many_versions_as_they_wrote(store):
    bucket = await versioned(store)
    written = await asyncio.gather(*(store.put(bucket, "scan", bytes([n])) for n in range(100)))
    lines = await history(store, bucket)
    assert {line[1] for line in lines} == {put.version_id for put in written}
    assert [line[2] for line in lines] == [True] + [False] * 99
