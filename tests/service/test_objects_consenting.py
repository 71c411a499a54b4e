"""Each read of a patient's object asks the patient, at that moment, and is refused in doubt."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from nexus.kernel.clock import HOUR, Instant
from nexus.kernel.errors import Denied, NotFound, Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Outcome
from nexus.objects.errors import Hidden, IsDeleteMarker, Refused
from nexus.objects.model import ObjectRef, ReadConditions
from nexus.objects.reading_ahead import ASKED_SEGMENTS
from nexus.objects.sealing import SEGMENTS
from simulators.deciding import SimulatedPatients
from simulators.object_store import Store
from simulators.operations import operation
from simulators.wards import CARE, EMERGENCY, IMAGING, RESEARCH, declared, last, of, put


@pytest.fixture
def patients():
    return SimulatedPatients()


@pytest.fixture
def store(tmp_path, patients):
    made = Store(tmp_path, subjects=patients)
    yield made
    made.close()


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
    chunks = [await anext(read.body) for _ in range(3)]
    patients.decide(subject)
    with pytest.raises(Refused):
        async for chunk in read.body:
            chunks.append(chunk)
    assert len(chunks) == 3, "no chunk leaves once the decision is told"
    assert max(map(len, chunks)) <= ASKED_SEGMENTS * SEGMENTS.plain_bytes
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
    patients.changes.append(subject)
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
