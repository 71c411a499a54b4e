"""A subject's data are erased by destroying his key: whole, certified, and not against a lock. GDPR art. 17."""

import json

import pytest

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import Resource
from nexus.objects import errors
from nexus.objects.erasing import RECORDS
from nexus.objects.errors import Hidden, Refused
from nexus.objects.model import INLINE_BYTES, ObjectRef
from nexus.objects.retention import Lock, Mode
from nexus.objects.sealing import SEGMENTS
from simulators.deciding import SimulatedPatients
from simulators.object_store import Store, chunked
from simulators.wards import CARE, IMAGING, RESEARCH, declared, of, put


@pytest.fixture
def patients():
    return SimulatedPatients()


@pytest.fixture
def store(tmp_path, patients):
    made = Store(tmp_path, subjects=patients)
    yield made
    made.close()


def copied_rows(store: Store) -> list[tuple]:
    """What a thief, or a backup of the versions alone, would keep."""
    with store.database.read() as tx:
        return tx.all("SELECT * FROM objects_version")


async def test_nothing_of_the_subject_opens_any_more_and_nothing_of_others_is_touched(store, patients):
    bucket, more = await declared(store, versioning=True), await declared(store, "more")
    subject, other = patients.new("care"), patients.new("care", "research")
    for body in (b"1", bytes(INLINE_BYTES + 1)):
        await put(store, bucket, "a", subject, body)
    await store.objects.deleting.delete(store.op, bucket, "a")
    await put(store, bucket, "a", subject)
    await store.objects.writing.copy(CARE, ObjectRef(bucket, "a"), more, "copy")
    upload = await store.objects.uploads.create(store.op, bucket, "b", metadata=of(subject))
    await store.objects.uploads.put_part(store.op, bucket, "b", chunked(b"x"), upload_id=upload.id, number=1)
    await put(store, bucket, "other", other)
    certificate = await store.objects.erasing.erase(store.op, subject, "asked for by the patient")
    assert (certificate.versions, certificate.uploads, certificate.keys) == (4, 1, 1)
    for where, key in ((bucket, "a"), (more, "copy")):
        with pytest.raises(NotFound):
            await store.get(where, key, op=CARE)
    assert await store.get(bucket, "other", op=RESEARCH) == b"bytes"
    page = await store.objects.listing.versions(store.op, bucket)
    assert [version.key for version in page.versions] == ["other"]
    store.settle()
    assert store.files() == []
    with pytest.raises(Conflict) as caught:
        await put(store, bucket, "new", subject)
    assert caught.value.code == errors.SUBJECT_ERASED


async def test_what_was_kept_of_the_rows_opens_with_no_key_that_is_left(store, patients):
    bucket, subject = await declared(store), patients.new("care", "research")
    await put(store, bucket, "a", subject)
    with store.database.read() as tx:
        row = tx.one("SELECT sealed_key FROM objects_version")
        bodies = tx.all("SELECT * FROM objects_body")
    kept = copied_rows(store)
    await store.objects.erasing.erase(store.op, subject, "asked for")

    def put_back(tx):
        tx.execute(f"INSERT INTO objects_version VALUES ({', '.join('?' * len(kept[0]))})", kept[0])
        tx.execute_many("INSERT INTO objects_body VALUES (?, ?)", bodies)

    await store.database.bookkeep(Bookkeeping.PROGRESS, put_back)
    for op, refused in ((CARE, NotFound), (RESEARCH, Hidden)):
        with pytest.raises(refused):
            await store.get(bucket, "a", op=op)
    assert row is not None
    assert row[0][:1] == b"\x02"


async def test_the_certificate_stands_in_the_log_for_nobody_who_could_be_erased_and_names_nobody(store, patients):
    bucket, subject = await declared(store), patients.new("care")
    await put(store, bucket, "a", subject)
    certificate = await store.objects.erasing.erase(store.op, subject, "asked for")
    entry = next(e for e in store.entries if "certificate" in e.details)
    told = json.loads(entry.details["certificate"])
    assert entry.subject == RECORDS
    assert (told["versions"], told["digest"], told["format"]) == (1, certificate.digest, "nexus-subject-erasure/1")
    assert subject not in entry.details["certificate"] + entry.resource.id
    again = await store.objects.erasing.erase(store.op, subject, "again")
    assert (again.keys, again.versions) == (0, 0)
    with pytest.raises(NotFound):
        await store.objects.erasing.erase(store.op, patients.new("care"), "unknown here")


async def test_what_the_law_or_a_claim_keeps_is_not_erased(store, patients):
    bucket = await store.objects.buckets.create(store.op, "kept", site="chu", key_id="key_site", lockable=True)
    await store.objects.buckets.declare_subjects(store.op, bucket, IMAGING)
    bucket, subject = store.objects.buckets.find("kept"), patients.new("care")
    until = Instant(store.clock.now() + DAY)
    await store.put(
        bucket, "a", b"bytes", metadata=of(subject), lock=Lock(mode=Mode.COMPLIANCE, until=until, held=False)
    )
    with pytest.raises(Conflict) as caught:
        await store.objects.erasing.erase(store.op, subject, "asked for")
    assert caught.value.code == errors.SUBJECT_LOCKED
    assert "17(3)" in caught.value.hint
    assert await store.get(bucket, "a", op=CARE) == b"bytes"
    store.clock.advance(DAY + 1)
    assert (await store.objects.erasing.erase(store.op, subject, "asked for")).versions == 1


async def test_a_stream_under_way_ends_and_what_belongs_to_many_is_hidden(store, patients):
    bucket = await declared(store)
    subject, other = patients.new("care", "research"), patients.new("care", "research")
    manifest = await store.objects.vaults.put_manifest(store.op, bucket, [subject, other])
    await put(store, bucket, "table", manifest.id)
    await put(store, bucket, "a", subject, bytes(SEGMENTS.plain_bytes * 40))
    assert await store.get(bucket, "table", op=RESEARCH) == b"bytes"
    read = await store.objects.reading.get(RESEARCH, bucket, "a")
    await anext(read.body)
    assert (await store.objects.erasing.erase(store.op, subject, "asked for")).shared == 1
    with pytest.raises((Refused, NotFound)):
        async for _ in read.body:
            pass
    with pytest.raises(Hidden):
        await store.get(bucket, "table", op=RESEARCH)


async def test_what_is_held_is_shown_by_bucket_page_by_page_and_nothing_of_others(store, patients):
    bucket, more = await declared(store, versioning=True), await declared(store, "more")
    subject, other = patients.new("care"), patients.new("care")
    manifest = await store.objects.vaults.put_manifest(store.op, more, [subject, other])
    for n in range(5):
        await put(store, bucket, f"k{n}", subject)
    await put(store, more, "table", manifest.id)
    await put(store, bucket, "other", other)
    where, after, seen = Resource("Subject", subject), "", []
    while True:
        page = await store.objects.holdings.of(store.op, where, subject, after, 2)
        seen += page.holdings
        if page.next is None:
            break
        after = page.next
    assert [held.key for held in seen] == ["k0", "k1", "k2", "k3", "k4", "table"]
    assert [held.shared for held in seen] == [False] * 5 + [True]
    assert seen[0].categories == ("imaging",)
    assert store.entries[-1].subject == subject


async def test_a_key_that_was_destroyed_hides_nobody_and_one_that_is_disabled_might(store, patients):
    """What stands under other keys is shown and erased all the same; nothing is certified while a key is only disabled."""
    await put(store, await declared(store), "a", subject := patients.new("care"))
    where = await store.bucket("other", key_id=store.keys.add_key("key_other"))
    await store.objects.buckets.declare_subjects(store.op, where, IMAGING)
    await put(store, store.objects.buckets.find("other"), "b", subject)
    about = Resource("Subject", subject)
    assert len((await store.objects.holdings.of(store.op, about, subject)).holdings) == 2
    store.keys.disable("key_other")
    page = await store.objects.holdings.of(store.op, about, subject)
    assert [one.key for one in page.holdings] == ["a"] and not page.complete
    with pytest.raises(Conflict):
        await store.objects.erasing.erase(store.op, subject, "x")
    store.keys.destroy("key_other")
    page = await store.objects.holdings.of(store.op, about, subject)
    assert [one.key for one in page.holdings] == ["a"] and page.complete
    assert (await store.objects.erasing.erase(store.op, subject, "x")).versions == 1
