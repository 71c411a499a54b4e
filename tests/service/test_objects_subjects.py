"""Objects carry whose data they are, sealed, and nobody changes it by the way."""

import pytest

from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.objects import errors
from nexus.objects.declaration import Declaration
from nexus.objects.errors import Hidden
from nexus.objects.model import MIN_PART_BYTES, Metadata, ObjectRef, PartReference
from simulators.databases import tables
from simulators.deciding import SimulatedPatients
from simulators.object_store import Store, chunked
from simulators.wards import CARE, RESEARCH, declared, last, of, put


@pytest.fixture
def patients():
    return SimulatedPatients()


@pytest.fixture
def store(tmp_path, patients):
    made = Store(tmp_path, subjects=patients)
    yield made
    made.close()


# Naming


async def test_a_declared_bucket_takes_no_object_without_a_subject_and_others_take_none_with_one(store, patients):
    bucket, plain, subject = await declared(store), await store.bucket("plain"), patients.new("care")
    with pytest.raises(Invalid) as caught:
        await store.put(bucket, "a", b"x")
    assert caught.value.code == errors.SUBJECT_NEEDED
    with pytest.raises(Invalid) as caught:
        await put(store, plain, "a", subject)
    assert caught.value.code == errors.NO_SUBJECTS_HERE
    await put(store, bucket, "a", subject)
    assert last(store).subject == subject
    assert await store.get(bucket, "a", op=CARE) == b"bytes"


@pytest.mark.parametrize("name", ["patient 7", "sub_", "sub_" + "a" * 25, "per_" + "0" * 26, ""])
async def test_what_is_no_subject_is_refused(store, name):
    with pytest.raises(Invalid):
        await put(store, await declared(store), "a", name)


async def test_a_subject_of_another_site_or_of_none_is_refused(store, patients):
    bucket = await declared(store)
    with pytest.raises(Invalid) as caught:
        await put(store, bucket, "a", new_id("sub"))
    assert caught.value.code == errors.BAD_SUBJECT
    patients.site = "elsewhere"
    with pytest.raises(Invalid):
        await put(store, bucket, "a", patients.new("care"))


async def test_tag_and_header_may_both_name_the_subject_but_not_two(store, patients):
    bucket, subject, other = await declared(store), patients.new("care"), patients.new("care")
    both = Metadata(tags={"nexus:subject": subject}, user={"nexus-subject": subject})
    await store.put(bucket, "a", b"x", metadata=both)
    info, *_ = await store.objects.reading.head(CARE, bucket, "a")
    assert (info.metadata.subject, info.metadata.tags, info.metadata.user) == (subject, {}, {})
    two = Metadata(tags={"nexus:subject": subject}, user={"nexus-subject": other})
    with pytest.raises(Invalid):
        await store.put(bucket, "a", b"x", metadata=two)


async def test_words_that_patients_do_not_decide_in_are_not_declared(store):
    bucket = await store.bucket()
    for words in ({"categories": ("weather",)}, {"categories": ()}, {"categories": ("Imaging",)}, {"sensitivity": ""}):
        with pytest.raises(Invalid):
            await store.objects.buckets.declare_subjects(
                store.op, bucket, Declaration(**{"categories": ("imaging",), **words})
            )


async def test_nobody_changes_whose_an_object_is_by_tags_or_by_writing_over_it(store, patients):
    bucket, subject, other = await declared(store, versioning=True), patients.new("care"), patients.new("care")
    await put(store, bucket, "a", subject)
    with pytest.raises(Denied) as caught:
        await store.objects.tagging.put(store.op, bucket, "a", {"nexus:subject": other})
    assert caught.value.code == errors.OTHER_SUBJECT
    await store.objects.tagging.put(store.op, bucket, "a", {"nexus:subject": subject, "new": "1"})
    await store.objects.tagging.put(store.op, bucket, "a", {})
    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            await put(store, bucket, "a", other)
        assert caught.value.code == errors.OTHER_SUBJECT
        await store.objects.deleting.delete(store.op, bucket, "a")  # a marker remembers whose key it is
    info, *_ = await store.objects.reading.head(CARE, bucket, "a", version_id=await first_version(store, bucket, "a"))
    assert info.metadata.subject == subject


async def first_version(store, bucket, key) -> str:
    page = await store.objects.listing.versions(store.op, bucket)
    return next(v.version_id for v in page.versions if v.key == key and not v.is_delete_marker)


async def test_the_right_to_change_it_changes_all_versions_and_tells_both_patients(store, patients):
    bucket = await declared(store, versioning=True)
    wrong, right = patients.new("care"), patients.new("care", "research")
    for body in (b"1", b"2"):
        await put(store, bucket, "a", wrong, body)
    await store.objects.deleting.delete(store.op, bucket, "a")
    assert await store.objects.subject_changing.change(store.op, bucket, "a", right, "mixed up") == 3
    told = [(e.action, e.subject) for e in store.entries[-2:]]
    assert told == [("objects.subject.change", right), ("objects.subject.change", wrong)]
    page = await store.objects.listing.versions(RESEARCH, bucket)
    assert len(page.versions) == 3
    for version, body in zip(page.versions[1:], (b"2", b"1"), strict=True):
        assert await store.get(bucket, "a", op=RESEARCH, version_id=version.version_id) == body


async def test_a_copy_stays_the_subjects_and_goes_nowhere_without_him(store, patients):
    bucket, other_bucket, plain = await declared(store), await declared(store, "more"), await store.bucket("plain")
    subject, other = patients.new("care"), patients.new("care")
    await put(store, bucket, "a", subject)
    source, writing = ObjectRef(bucket, "a"), store.objects.writing
    await writing.copy(CARE, source, other_bucket, "b")
    info, *_ = await store.objects.reading.head(CARE, other_bucket, "b")
    assert info.metadata.subject == subject
    assert await store.get(other_bucket, "b", op=CARE) == b"bytes"
    with pytest.raises(Invalid) as caught:
        await writing.copy(CARE, source, plain, "b")
    assert caught.value.code == errors.NO_SUBJECTS_HERE
    with pytest.raises(Denied):
        await writing.copy(CARE, source, other_bucket, "c", tags={"nexus:subject": other})


async def test_an_upload_in_parts_is_a_subjects_and_takes_no_part_of_another(store, patients):
    bucket, plain = await declared(store), await store.bucket("plain")
    subject, other = patients.new("care"), patients.new("care")
    await put(store, bucket, "mine", subject, bytes(MIN_PART_BYTES))
    await put(store, bucket, "others", other)
    uploads = store.objects.uploads
    upload = await uploads.create(store.op, bucket, "a", metadata=of(subject))
    with pytest.raises(Denied):
        await uploads.copy_part(CARE, ObjectRef(bucket, "others"), bucket, "a", upload_id=upload.id, number=1)
    part, _ = await uploads.copy_part(CARE, ObjectRef(bucket, "mine"), bucket, "a", upload_id=upload.id, number=1)
    two = await uploads.put_part(store.op, bucket, "a", chunked(b"end"), upload_id=upload.id, number=2)
    named = [PartReference(number=1, etag=part.etag), PartReference(number=2, etag=two.etag)]
    await uploads.complete(store.op, bucket, "a", upload.id, named)
    assert last(store).subject == subject
    assert await store.get(bucket, "a", op=CARE) == bytes(MIN_PART_BYTES) + b"end"
    leak = await uploads.create(store.op, plain, "a")
    with pytest.raises(Denied):
        await uploads.copy_part(CARE, ObjectRef(bucket, "mine"), plain, "a", upload_id=leak.id, number=1)


async def test_an_object_of_many_is_read_only_while_each_of_them_allows_it(store, patients):
    bucket, other_bucket = await declared(store), await declared(store, "more")
    members = [patients.new("care", "research") for _ in range(50)]
    manifest = await store.objects.vaults.put_manifest(store.op, bucket, members)
    await put(store, bucket, "table", manifest.id)
    assert await store.get(bucket, "table", op=RESEARCH) == b"bytes"
    assert last(store).details["subjects"] == 50
    await store.objects.writing.copy(CARE, ObjectRef(bucket, "table"), other_bucket, "copy")
    patients.decide(members[33], "care")
    for where, key in ((bucket, "table"), (other_bucket, "copy")):
        with pytest.raises(Hidden):
            await store.get(where, key, op=RESEARCH)
        assert await store.get(where, key, op=CARE) == b"bytes"
    with pytest.raises(NotFound):
        await put(store, bucket, "b", new_id("smf"))
    for few in ([members[0]], [members[0], manifest.id]):
        with pytest.raises(Invalid):
            await store.objects.vaults.put_manifest(store.op, bucket, few)


# At rest


async def test_the_database_shows_no_subject_and_a_row_moved_to_another_subject_is_damage(store, patients):
    bucket, subject, other = await declared(store), patients.new("care"), patients.new("care")
    await put(store, bucket, "a", subject)
    await put(store, bucket, "b", other)
    ours = [table for table in tables(store.database) if table.startswith("objects_")]
    with store.database.read() as tx:
        cells = b"".join(
            cell if isinstance(cell, bytes) else str(cell).encode()
            for table in ours
            for row in tx.all(f"SELECT * FROM {table}")
            for cell in row
        )
        numbers = dict(tx.all("SELECT key, subject FROM objects_version"))
    assert subject.encode() not in cells and other.encode() not in cells

    def swap(tx):
        tx.execute("UPDATE objects_version SET subject = ? WHERE key = 'a'", (numbers["b"],))

    await store.database.bookkeep(Bookkeeping.PROGRESS, swap)
    with pytest.raises(Damaged):
        await store.get(bucket, "a", op=CARE)


async def test_the_key_of_the_subject_is_needed_besides_the_key_of_the_bucket(store, patients):
    bucket, subject, other = await declared(store), patients.new("care"), patients.new("care")
    await put(store, bucket, "a", subject)
    await put(store, bucket, "b", other)

    def exchange(tx):
        (one, key), (two, other_key) = tx.all("SELECT number, sealed_key FROM objects_subject ORDER BY number")
        tx.execute("UPDATE objects_subject SET sealed_key = ? WHERE number = ?", (other_key, one))
        tx.execute("UPDATE objects_subject SET sealed_key = ? WHERE number = ?", (key, two))

    await store.database.bookkeep(Bookkeeping.PROGRESS, exchange)
    store.objects.vaults.wipe()
    with pytest.raises(Damaged):
        await store.get(bucket, "a", op=CARE)


async def test_a_rotation_of_the_key_wraps_the_vaults_anew(store, patients):
    bucket, subject = await declared(store), patients.new("care")
    await put(store, bucket, "a", subject)
    store.keys.rotate("key_site")
    assert (await store.objects.upkeep.rewrap(store.op, "key_site")).done == 2
    store.keys.versions["key_site"][0] = store.keys.versions["key_site"][1]  # the first version is of no use any more
    store.keys.seal()
    store.keys.unseal()
    assert await store.get(store.objects.buckets.find("scans"), "a", op=CARE) == b"bytes"
