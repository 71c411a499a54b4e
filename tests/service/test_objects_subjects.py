"""Objects carry whose data they are, sealed; and each read of them asks the patient at that moment."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from nexus.kernel.clock import HOUR, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound, Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Outcome
from nexus.objects import errors
from nexus.objects.content import ASK_EVERY
from nexus.objects.declaration import Declaration
from nexus.objects.errors import Hidden, IsDeleteMarker, Refused
from nexus.objects.model import MIN_PART_BYTES, Metadata, ObjectRef, PartReference, ReadConditions, Versioning
from nexus.objects.sealing import SEGMENTS
from simulators.deciding import SimulatedPatients
from simulators.object_store import Store, chunked
from simulators.operations import operation

IMAGING = Declaration(categories=("imaging",), source="pacs")
RESEARCH = operation("per_researcher", purpose="research")
CARE = operation("per_doctor", purpose="care")
EMERGENCY = replace(CARE, actor=replace(CARE.actor, break_glass="elv_1", break_glass_until=Instant(CARE.at + HOUR)))


@pytest.fixture
def patients():
    return SimulatedPatients()


@pytest.fixture
def store(tmp_path, patients):
    made = Store(tmp_path, subjects=patients)
    yield made
    made.close()


async def declared(store: Store, name: str = "scans", *, versioning: bool = False):
    bucket = await store.bucket(name)
    await store.objects.buckets.declare_subjects(store.op, bucket, IMAGING)
    if versioning:
        await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    return store.objects.buckets.find(name)


def of(subject: str) -> Metadata:
    return Metadata(tags={"nexus:subject": subject, "kind": "ct"}, user={"a": "b"})


async def put(store: Store, bucket, key: str, subject: str, body: bytes = b"bytes"):
    return await store.put(bucket, key, body, metadata=of(subject))


def last(store: Store):
    return store.entries[-1]


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
    with store.database.read() as tx:
        tables = [n for (n,) in tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'objects_%'")]
        cells = b"".join(
            cell if isinstance(cell, bytes) else str(cell).encode()
            for table in tables
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


# The moment of reading


async def test_a_read_is_under_the_patients_key_and_says_by_what_decision(store, patients):
    bucket, subject = await declared(store), patients.new("research")
    await put(store, bucket, "a", subject)
    await store.get(bucket, "a", op=RESEARCH)
    entry = last(store)
    assert (entry.subject, entry.outcome) == (subject, Outcome.ALLOWED)
    assert entry.details["consent"] == f"dec_{subject[4:]}"


async def test_what_was_allowed_is_refused_from_the_next_read_on(store, patients):
    bucket, subject = await declared(store), patients.new("research")
    await put(store, bucket, "a", subject)
    for allowed, following in pairwise([True, False, True, False, True]):
        assert await may(store, bucket, "a") is allowed
        patients.decide(subject, *(["research"] if following else []))
    asked = patients.asked
    assert await may(store, bucket, "a") is True
    for _ in range(5):
        assert await may(store, bucket, "a") is True
    assert patients.asked == asked + 1, "a ruling is remembered for one version"


async def may(store, bucket, key, op=RESEARCH) -> bool:
    try:
        await store.get(bucket, key, op=op)
    except Hidden:
        return False
    return True


async def test_a_permission_that_ends_by_its_date_is_not_remembered_beyond_it(store, patients):
    bucket, subject = await declared(store), patients.new("research")
    await put(store, bucket, "a", subject)
    patients.until = Instant(RESEARCH.at + HOUR)
    assert await may(store, bucket, "a")
    patients.decisions[subject] = set()  # its end, not a decision: the version stays
    assert await may(store, bucket, "a")
    assert not await may(store, bucket, "a", op=replace(RESEARCH, at=Instant(RESEARCH.at + HOUR)))


async def test_a_withdrawal_between_the_look_and_the_entry_refuses_the_read(store, patients):
    """The ruling that counts is the one of the transaction that records the read, not the look before it."""
    bucket, subject = await declared(store), patients.new("research")
    await put(store, bucket, "a", subject)
    opened = await store.objects.reading.open(RESEARCH, ObjectRef(bucket, "a"))
    patients.decide(subject)
    before = len(store.entries)
    with pytest.raises(Hidden):
        await store.objects.reading.read(RESEARCH, ObjectRef(bucket, "a"), opened, 0, 5)
    assert len(store.entries) == before


async def test_a_long_stream_ends_soon_after_the_withdrawal_and_the_log_says_so(store, patients):
    bucket, subject = await declared(store), patients.new("research")
    await put(store, bucket, "a", subject, bytes(SEGMENTS.plain_bytes * 40))
    read = await store.objects.reading.get(RESEARCH, bucket, "a")
    chunks = [await anext(read.body) for _ in range(10)]
    patients.decide(subject)
    with pytest.raises(Refused):
        async for chunk in read.body:
            chunks.append(chunk)
    assert len(chunks) <= 10 + ASK_EVERY
    entry = last(store)
    assert (entry.outcome, entry.subject, entry.details["consent"]) == (Outcome.FAILED, subject, "denied")


async def test_without_an_answer_secondary_use_is_refused_and_care_goes_on_marked(store, patients):
    bucket, subject = await declared(store), patients.new("research", "care")
    await put(store, bucket, "a", subject)
    patients.silent = True
    assert not await may(store, bucket, "a")
    assert await store.get(bucket, "a", op=CARE) == b"bytes"
    assert last(store).details["consent"] == "unanswered"
    with pytest.raises(Unavailable):
        await store.objects.listing.objects(RESEARCH, bucket)
    patients.silent = False
    del patients.decisions[subject]
    patients.number += 1
    assert not await may(store, bucket, "a"), "whoever is not answered for is refused"


async def test_purposes_that_never_read_patients_data_read_none(store, patients):
    bucket, subject = await declared(store), patients.new("research", "care", "operation", "security", "audit")
    await put(store, bucket, "a", subject)
    for purpose in ("operation", "security", "audit", "compliance"):
        with pytest.raises(Refused):
            await store.get(bucket, "a", op=operation(purpose=purpose))


async def test_care_is_refused_openly_and_broken_glass_opens_it_marked(store, patients):
    bucket, subject = await declared(store), patients.new("research")
    await put(store, bucket, "a", subject)
    with pytest.raises(Refused):
        await store.get(bucket, "a", op=CARE)
    assert await store.get(bucket, "a", op=EMERGENCY) == b"bytes"
    entry = last(store)
    assert (entry.subject, entry.details["consent"], entry.details["break_glass"]) == (subject, "emergency", "elv_1")
    research = replace(EMERGENCY, purpose="statistics")
    assert not await may(store, bucket, "a", op=research), "an emergency opens nothing for secondary use"


async def test_objects_from_before_the_declaration_are_missing_for_secondary_use_until_somebody_says_whose(
    store, patients
):
    bucket, subject = await store.bucket("scans"), patients.new("research")
    await store.put(bucket, "old", b"bytes")
    await store.objects.buckets.declare_subjects(store.op, bucket, IMAGING)
    bucket = store.objects.buckets.find("scans")
    assert not await may(store, bucket, "old")
    assert await store.get(bucket, "old", op=CARE) == b"bytes"
    await store.objects.subject_changing.change(store.op, bucket, "old", subject, "found in the register")
    assert await may(store, bucket, "old")


async def test_nothing_is_changed_for_secondary_use_whatever_is_there(store, patients):
    bucket, subject = await declared(store), patients.new("research")
    await put(store, bucket, "a", subject)
    upload = await store.objects.uploads.create(store.op, bucket, "b", metadata=of(subject))
    objects = store.objects
    for key in ("a", "nothing"):
        attempts = (
            lambda key=key: store.put(bucket, key, b"x", op=RESEARCH, metadata=of(subject)),
            lambda key=key: objects.deleting.delete(RESEARCH, bucket, key),
            lambda key=key: objects.tagging.put(RESEARCH, bucket, key, {}),
            lambda key=key: objects.uploads.create(RESEARCH, bucket, key, metadata=of(subject)),
            lambda key=key: objects.uploads.find(RESEARCH, bucket, key, upload.id),
            lambda key=key: objects.uploads.abort(RESEARCH, bucket, key, upload.id),
            lambda key=key: objects.writing.copy(RESEARCH, ObjectRef(bucket, "a"), bucket, key),
            lambda key=key: objects.subject_changing.change(RESEARCH, bucket, key, subject, "x"),
            lambda: objects.buckets.delete(RESEARCH, bucket),
        )
        for attempt in attempts:
            with pytest.raises(Denied):
                await attempt()


async def test_a_hidden_object_answers_as_a_missing_one_whatever_is_asked_first(store, patients):
    bucket, subject = await declared(store, versioning=True), patients.new("care")
    written = await put(store, bucket, "a", subject)
    await put(store, bucket, "gone", subject)
    await store.objects.deleting.delete(store.op, bucket, "gone")
    reading = store.objects.reading
    for conditions in (
        ReadConditions(),
        ReadConditions(if_match=("x",)),
        ReadConditions(if_none_match=(written.etag,)),
    ):
        for version in (None, written.version_id, new_id("ver")):
            answers = []
            for key in ("a", "gone", "missing"):
                with pytest.raises(NotFound) as caught:
                    await reading.get(RESEARCH, bucket, key, version_id=version, conditions=conditions)
                assert not isinstance(caught.value, IsDeleteMarker)
                answers.append((caught.value.code, caught.value.message, caught.value.hint))
            assert len(set(answers)) == 1


async def test_many_at_once_of_several_kinds(store, patients):
    bucket = await declared(store)
    subjects = [patients.new("care", *(["research"] if n % 2 else [])) for n in range(20)]
    await asyncio.gather(*(put(store, bucket, f"k{n}", subject) for n, subject in enumerate(subjects)))
    found = await asyncio.gather(*(may(store, bucket, f"k{n}") for n in range(20)))
    assert found == [bool(n % 2) for n in range(20)]
