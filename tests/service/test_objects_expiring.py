"""Life cycle rules carried out by the worker: what they end is ended, what is locked or new stays, all of it recorded."""

import msgspec
import pytest

from nexus.kernel.clock import DAY
from nexus.objects.buckets import DocumentName
from nexus.objects.lifecycle import Rule, due, next_end
from nexus.objects.model import ObjectRef, Versioning
from nexus.objects.retention import Mode
from simulators.object_store import Store
from simulators.operations import operation


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


async def ruled(store, *rules, versioning=None):
    bucket = await store.bucket()
    if versioning is not None:
        await store.objects.buckets.set_versioning(store.op, bucket, versioning)
    await store.objects.buckets.put_document(store.op, bucket, DocumentName.LIFECYCLE, msgspec.json.encode(rules))
    return store.objects.buckets.find("ward")


async def keys(store, bucket):
    return [v.key for v in (await store.objects.listing.objects(store.op, bucket)).versions]


async def history(store, bucket):
    page = await store.objects.listing.versions(store.op, bucket)
    return [(v.key, v.is_delete_marker) for v in page.versions]


async def test_objects_end_after_their_days_and_not_before(store):
    bucket = await ruled(store, Rule(id="r", prefix="tmp/", days=2))
    for key in ("tmp/a", "keep/a"):
        await store.put(bucket, key, b"x")
    store.clock.advance(DAY)
    assert (await store.objects.expiring.run(store.op)).objects == 0
    store.clock.advance(2 * DAY)
    before = len(store.entries)
    assert (await store.objects.expiring.run(operation("system:worker"))).objects == 1
    assert await keys(store, bucket) == ["keep/a"]
    entry = store.entries[before]
    assert (entry.action, entry.details["key"], entry.operation.actor.id) == (
        "objects.object.delete",
        "tmp/a",
        "system:worker",
    )


async def test_a_rule_asks_for_tags_and_sizes(store):
    bucket = await ruled(store, Rule(id="r", days=1, tags={"class": "scratch"}, larger_than=2, smaller_than=5))
    from nexus.objects.model import Metadata

    for key, body, tags in (
        ("yes", b"xxx", {"class": "scratch", "other": "1"}),
        ("untagged", b"xxx", {}),
        ("small", b"xx", {"class": "scratch"}),
        ("large", b"xxxxx", {"class": "scratch"}),
    ):
        await store.put(bucket, key, body, metadata=Metadata(tags=tags))
    store.clock.advance(3 * DAY)
    await store.objects.expiring.run(store.op)
    assert await keys(store, bucket) == ["large", "small", "untagged"]


async def test_where_versions_are_kept_an_end_is_a_delete_marker_and_old_versions_end_by_their_own_rule(store):
    rules = (Rule(id="a", days=1), Rule(id="b", noncurrent_days=3), Rule(id="c", expired_marker=True))
    bucket = await ruled(store, *rules, versioning=Versioning.ENABLED)
    await store.put(bucket, "k", b"1")
    await store.put(bucket, "k", b"2")
    store.clock.advance(3 * DAY)
    await store.objects.expiring.run(store.op)
    assert await history(store, bucket) == [("k", True), ("k", False), ("k", False)]
    store.clock.advance(2 * DAY)
    await store.objects.expiring.run(store.op)
    assert await history(store, bucket) == [("k", True), ("k", False)], "the second became noncurrent two days ago"
    store.clock.advance(3 * DAY)
    await store.objects.expiring.run(store.op)
    assert await history(store, bucket) == [("k", True)]
    await store.objects.expiring.run(store.op)
    assert await history(store, bucket) == [], "a marker that hides nothing goes too"


async def test_some_noncurrent_versions_are_kept_whatever_their_age(store):
    bucket = await ruled(store, Rule(id="r", noncurrent_days=1, newer_noncurrent=2), versioning=Versioning.ENABLED)
    for number in range(5):
        await store.put(bucket, "k", b"%d" % number)
    store.clock.advance(10 * DAY)
    assert (await store.objects.expiring.run(store.op)).objects == 2
    assert len(await history(store, bucket)) == 3


async def test_what_is_locked_stays_and_is_counted(store):
    bucket = await store.objects.buckets.create(store.op, "ward", site="chu", key_id="key_site", lockable=True)
    rules = (Rule(id="r", noncurrent_days=1),)
    await store.objects.buckets.put_document(store.op, bucket, DocumentName.LIFECYCLE, msgspec.json.encode(rules))
    first = await store.put(bucket, "k", b"1")
    ref = ObjectRef(bucket, "k", first.version_id)
    await store.objects.locking.retain(store.op, ref, Mode.COMPLIANCE, store.clock.now() + 30 * DAY)
    await store.put(bucket, "k", b"2")
    store.clock.advance(10 * DAY)
    done = await store.objects.expiring.run(store.op)
    assert (done.objects, done.kept) == (0, 1)
    assert await store.get(bucket, "k", version_id=first.version_id) == b"1"
    store.clock.advance(30 * DAY)
    assert (await store.objects.expiring.run(store.op)).objects == 1


async def test_uploads_left_alone_are_aborted(store):
    bucket = await ruled(store, Rule(id="r", prefix="up/", abort_days=2))
    for key in ("up/k", "other"):
        await store.objects.uploads.create(store.op, bucket, key)
    store.clock.advance(4 * DAY)
    assert (await store.objects.expiring.run(store.op)).uploads == 1
    assert [u.key for u in (await store.objects.uploads.list(store.op, bucket)).uploads] == ["other"]


async def test_more_versions_than_a_page_holds_are_all_looked_at(store, monkeypatch):
    from nexus.objects import expiring

    monkeypatch.setattr(expiring, "PAGE", 3)
    bucket = await ruled(store, Rule(id="r", noncurrent_days=1, newer_noncurrent=1), versioning=Versioning.ENABLED)
    for key in ("a", "b"):
        for number in range(8):
            await store.put(bucket, key, b"%d" % number)
    store.clock.advance(5 * DAY)
    assert (await store.objects.expiring.run(store.op)).objects == 12
    assert len(await history(store, bucket)) == 4


async def test_rules_that_are_off_do_nothing(store):
    bucket = await ruled(store, Rule(id="r", days=1, enabled=False))
    await store.put(bucket, "k", b"x")
    store.clock.advance(9 * DAY)
    assert (await store.objects.expiring.run(store.op)).objects == 0


def test_days_are_rounded_up_to_the_next_midnight():
    noon = 10 * DAY + DAY // 2
    assert due(noon, 1) == 12 * DAY
    assert due(10 * DAY, 1) == 11 * DAY
    assert due(noon, 3, 10) == noon + 30
    assert next_end((Rule(id="a", days=5), Rule(id="b", days=2)), "k", 1, {}, noon) == (13 * DAY, "b")
    assert next_end((Rule(id="a", days=5, prefix="x"),), "k", 1, {}, noon) is None
