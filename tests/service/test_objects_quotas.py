"""What tenants hold is counted in the transaction that changes it, and nobody holds more than a quota allows."""

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.clock import DAY
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import NexusError, NotFound
from nexus.objects.administration import BucketAdministration, SetTenantQuota
from nexus.objects.capacity import KEPT_DAYS
from nexus.objects.errors import QuotaExceeded
from nexus.objects.model import MIB, ObjectRef, PartReference, Versioning
from nexus.objects.quotas import ASKED_EARLY_BYTES
from nexus.objects.replication import Replication
from nexus.objects.store import inspection
from nexus.objects.store import usage as rows
from nexus.objects.store.usage import Held, Limit
from simulators.object_store import Store, chunked

DISK = Replication(engine="disk", needed=1)
WRONG = "a bucket that does not hold what is counted"


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    yield made
    made.close()


async def limited(store, name="ward", **limit):
    bucket = await store.bucket(name)
    await store.objects.capacity.set_bucket_quota(store.op, bucket, Limit(**limit))
    return bucket


def held(store, bucket):
    with store.database.read() as tx:
        counted, anew = rows.held(tx, bucket), rows.recount(tx, bucket.number)
    assert counted == anew
    return counted


async def begin(store, bucket, key="scan"):
    return await store.objects.uploads.create(store.op, bucket, key)


async def put_part(store, bucket, upload, body, number=1):
    part = await store.objects.uploads.put_part(
        store.op, bucket, upload.key, chunked(body), upload_id=upload.id, number=number, length=len(body)
    )
    return PartReference(number=number, etag=part.etag)


async def complete(store, bucket, upload, *parts):
    return await store.objects.uploads.complete(store.op, bucket, upload.key, upload.id, parts)


async def test_what_fits_exactly_is_taken_and_one_byte_more_is_refused(store):
    bucket = await limited(store, bytes=100)
    await store.put(bucket, "a", b"x" * 60)
    await store.put(bucket, "b", b"x" * 40)
    with pytest.raises(QuotaExceeded) as refused:
        await store.put(bucket, "c", b"x")
    assert "bucket is 100 bytes" in refused.value.message
    assert held(store, bucket) == Held(2, 100)


async def test_what_is_deleted_makes_room(store):
    bucket = await limited(store, bytes=100, objects=1)
    await store.put(bucket, "a", b"x" * 100)
    await store.objects.deleting.delete(store.op, bucket, "a")
    await store.put(bucket, "b", b"y" * 100)
    assert held(store, bucket) == Held(1, 100)


async def test_replacing_counts_the_difference_and_earlier_versions_count(store):
    bucket = await limited(store, bytes=100, objects=2)
    await store.put(bucket, "a", b"x" * 90)
    await store.put(bucket, "a", b"y" * 100)
    assert held(store, bucket) == Held(1, 100)
    await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    with pytest.raises(QuotaExceeded):
        await store.put(bucket, "a", b"z")
    await store.put(bucket, "a", b"")
    with pytest.raises(QuotaExceeded) as refused:
        await store.put(bucket, "a", b"")
    assert "2 objects" in refused.value.message
    await store.objects.deleting.delete(store.op, bucket, "a")
    assert held(store, bucket) == Held(2, 100), "a delete marker is never refused, and takes no room"


async def test_a_copy_counts_as_what_it_holds(store):
    plenty, bucket = await store.bucket("plenty"), await limited(store, bytes=100)
    await store.put(plenty, "a", b"x" * 101)
    with pytest.raises(QuotaExceeded):
        await store.objects.writing.copy(store.op, ObjectRef(plenty, "a"), bucket, "a")
    assert held(store, bucket) == Held()


async def test_parts_count_while_they_wait_and_completing_needs_no_room_twice(store):
    bucket = await limited(store, bytes=100)
    upload = await begin(store, bucket)
    part = await put_part(store, bucket, upload, b"x" * 60)
    assert held(store, bucket) == Held(part_bytes=60)
    with pytest.raises(QuotaExceeded):
        await put_part(store, bucket, upload, b"x" * 41, number=2)
    part = await put_part(store, bucket, upload, b"y" * 100)
    await put_part(store, bucket, await begin(store, bucket, "empty"), b"")
    await complete(store, bucket, upload, part)
    assert held(store, bucket) == Held(1, 100)
    assert await store.get(bucket, "scan") == b"y" * 100


async def test_parts_that_are_not_named_and_aborted_uploads_make_room(store):
    bucket = await limited(store, bytes=100)
    upload, other = await begin(store, bucket), await begin(store, bucket, "other")
    first = await put_part(store, bucket, upload, b"x" * 30)
    await put_part(store, bucket, upload, b"x" * 30, number=2)
    await put_part(store, bucket, other, b"x" * 40)
    await complete(store, bucket, upload, first)
    assert held(store, bucket) == Held(1, 30, 40)
    await store.objects.uploads.abort(store.op, bucket, "other", other.id)
    assert held(store, bucket) == Held(1, 30)


async def test_completing_is_refused_where_one_object_more_is_too_many(store):
    bucket = await limited(store, objects=1)
    upload = await begin(store, bucket)
    part = await put_part(store, bucket, upload, b"x")
    await store.put(bucket, "a", b"")
    with pytest.raises(QuotaExceeded):
        await complete(store, bucket, upload, part)
    assert held(store, bucket) == Held(1, 0, 1), "the parts are still there"
    await store.objects.deleting.delete(store.op, bucket, "a")
    await complete(store, bucket, upload, part)


async def test_the_quota_of_a_site_counts_its_projects_and_that_of_a_project_its_own_buckets(store):
    ward, study = await store.bucket(), await store.bucket("study", project="heart")
    await store.objects.capacity.set_tenant_quota(store.op, "chu", "", Limit(bytes=100))
    await store.objects.capacity.set_tenant_quota(store.op, "chu", "heart", Limit(bytes=50))
    with pytest.raises(QuotaExceeded, match="project"):
        await store.put(study, "a", b"x" * 51)
    await store.put(study, "a", b"x" * 50)
    with pytest.raises(QuotaExceeded, match="site"):
        await store.put(ward, "a", b"x" * 51)
    await store.put(ward, "a", b"x" * 50)
    elsewhere = await store.objects.buckets.create(store.op, "elsewhere", site="chb", key_id="key_site")
    await store.put(elsewhere, "a", b"x" * 1_000)


async def test_writers_that_arrive_together_fill_a_quota_and_never_exceed_it(store):
    bucket = await limited(store, bytes=100, objects=7)
    puts = [store.put(bucket, f"k{n}", b"x" * (n + 1)) for n in range(40)]
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, QuotaExceeded)]
    assert [each for each in outcomes if isinstance(each, BaseException)] == refused
    counted = held(store, bucket)
    assert counted.versions == len(outcomes) - len(refused) == 7
    assert counted.bytes <= 100


async def test_whoever_holds_more_than_a_lowered_quota_may_delete_and_shrink(store):
    bucket = await store.bucket()
    await store.put(bucket, "a", b"x" * 100)
    upload = await begin(store, bucket)
    part = await put_part(store, bucket, upload, b"x" * 10)
    await store.objects.capacity.set_bucket_quota(store.op, bucket, Limit(bytes=50))
    with pytest.raises(QuotaExceeded):
        await store.put(bucket, "b", b"x")
    await complete(store, bucket, upload, part)
    await store.put(bucket, "a", b"x" * 99)
    await store.objects.deleting.delete(store.op, bucket, "a")
    await store.put(bucket, "b", b"x" * 40)


async def test_a_long_body_is_refused_before_it_is_read_unless_it_replaces_as_much(store):
    bucket = await limited(store, bytes=ASKED_EARLY_BYTES)
    body = b"x" * ASKED_EARLY_BYTES

    async def unread():
        raise AssertionError("nobody should have read this")
        yield b""

    await store.put(bucket, "a", body)
    with pytest.raises(QuotaExceeded):
        await store.objects.writing.put(store.op, bucket, "b", unread(), length=len(body))
    upload = await begin(store, bucket)
    with pytest.raises(QuotaExceeded):
        await store.objects.uploads.put_part(
            store.op, bucket, "scan", unread(), upload_id=upload.id, number=1, length=5 * MIB
        )
    await store.put(bucket, "a", body)


async def test_what_is_refused_leaves_no_file(store):
    bucket = await limited(store, bytes=10)
    with pytest.raises(QuotaExceeded):
        await store.put(bucket, "a", b"x" * 200_000)
    store.settle()
    assert store.files() == []


async def test_a_quota_that_is_raised_or_lifted_stands_in_the_log_as_that(store):
    bucket = await limited(store, bytes=100)
    for limit, raised in ((Limit(bytes=99), False), (Limit(bytes=100), True), (Limit(objects=3), True)):
        await store.objects.capacity.set_bucket_quota(store.op, bucket, limit)
        entry = store.entries[-1]
        assert (entry.action, entry.resource.id) == ("objects.quota.set", "ward")
        assert (entry.details["bytes"], entry.details["raised"]) == (limit.bytes, raised)
    await store.objects.capacity.set_tenant_quota(store.op, "chu", "heart", Limit(objects=1))
    assert store.entries[-1].details | {"site": "chu", "project": "heart", "raised": False} == store.entries[-1].details


async def test_growth_is_what_was_written_down_each_day_and_outlives_buckets(store):
    capacity = store.objects.capacity
    ward, study = await store.bucket(), await store.bucket("study", project="heart")
    await store.put(ward, "a", b"x" * 10)
    await store.put(study, "a", b"x" * 5)
    await capacity.note_day()
    await store.put(ward, "b", b"x" * 10)
    await capacity.note_day()
    store.clock.advance(DAY)
    await store.objects.deleting.delete(store.op, study, "a")
    await store.objects.buckets.delete(store.op, study)
    shown = await capacity.show(store.op, 30, DISK, ())
    site, project = shown.tenants
    of = {"": [], "heart": []}
    for day in shown.days:
        of[day.project].append((day.objects, day.bytes))
    assert of == {"": [(3, 25), (2, 20)], "heart": [(1, 5)]}
    assert (site.grown_bytes, site.bytes, site.objects, site.buckets) == (-5, 20, 2, 1)
    assert (project.project, project.bytes, project.buckets) == ("heart", 0, 0)
    store.clock.advance((KEPT_DAYS + 1) * DAY)
    await capacity.note_day()
    with store.database.read() as tx:
        assert len(rows.days(tx, 0)) == 1, "figures of days are kept for so long"


async def test_counters_that_are_wrong_are_found_and_put_right(store):
    ward, lab = await store.bucket(), await store.bucket("lab")
    await store.put(ward, "a", b"x" * 10)
    await store.put(lab, "a", b"x" * 10)
    await store.database.bookkeep(Bookkeeping.MEASURE, lambda tx: rows.put(tx, ward.number, Held(7, 7, 7)))
    with store.database.read() as tx:
        assert [(each.what, each.about) for each in inspection.row_problems(tx, 9)] == [(WRONG, ward.id)]
    assert await store.objects.capacity.recount(store.op) == 1
    assert held(store, ward) == Held(1, 10)
    assert store.entries[-1].action == "objects.usage.recount"


KEYS = st.sampled_from(["a", "b"])
SIZES = st.integers(0, 30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, SIZES),
        st.tuples(st.just("copy"), KEYS, KEYS),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("delete-version"), KEYS),
        st.tuples(st.just("part"), KEYS, SIZES),
        st.tuples(st.just("complete"), KEYS),
        st.tuples(st.just("abort"), KEYS),
        st.tuples(st.just("versioning"), st.sampled_from([Versioning.ENABLED, Versioning.SUSPENDED])),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_whatever_is_done_what_is_counted_is_what_is_held(steps):
    asyncio.run(_everything_is_counted(steps))


async def _everything_is_counted(steps):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        try:
            bucket, uploads = await limited(store, bytes=90, objects=6), {}
            for step, *arguments in steps:
                with suppress(NexusError):
                    await _do(store, bucket, uploads, step, *arguments)
                now = held(store, bucket)
                assert now.all_bytes <= 90
                assert now.versions <= 6
        finally:
            store.close()


async def _do(store, bucket, uploads, step, what, more=None):
    objects = store.objects
    if step == "put":
        await store.put(bucket, what, b"x" * more)
    elif step == "copy":
        await objects.writing.copy(store.op, ObjectRef(bucket, what), bucket, more)
    elif step == "delete":
        await objects.deleting.delete(store.op, bucket, what)
    elif step == "delete-version":
        page = await objects.listing.versions(store.op, bucket, prefix=what)
        for version in page.versions[:1]:
            await objects.deleting.delete(store.op, bucket, what, version_id=version.version_id)
    elif step == "versioning":
        await objects.buckets.set_versioning(store.op, bucket, what)
    elif step == "part":
        if what not in uploads:
            uploads[what] = [await begin(store, bucket, what), None]
        uploads[what][1] = await put_part(store, bucket, uploads[what][0], b"p" * more, number=1 + more % 2)
    elif what in uploads:
        upload, part = uploads.pop(what)
        if step == "abort":
            await objects.uploads.abort(store.op, bucket, what, upload.id)
        elif part is not None:
            await complete(store, bucket, upload, part)


async def test_a_quota_is_of_a_site_or_project_to_which_something_belongs(store):
    """A typing mistake must not become a quota that limits nobody."""

    class Placements:
        async def knows(self, site, project):
            return (site, project) == ("chu-new", "")

    administration = BucketAdministration(store.objects, None, Placements())
    await store.bucket("heart", project="heart")

    async def asked(site, project="", size=1_000):
        request = SetTenantQuota(site=site, project=project, bytes=size)
        return await administration.set_tenant_quota(store.op, request)

    for there in (("chu",), ("chu", "heart"), ("chu-new",)):
        assert (await asked(*there)).bytes == 1_000
    before = len(store.entries)
    for nowhere in (("chu-nwe",), ("chu", "haert"), ("chu-new", "heart")):
        with pytest.raises(NotFound, match="no such site"):
            await asked(*nowhere)
    assert len(store.entries) == before
    assert (await asked("gone", size=None)).bytes is None  # what is not there any more can be lifted
