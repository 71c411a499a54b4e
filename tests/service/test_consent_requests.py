"""Patients ask for access, rectification, erasure, portability; the month of the law runs, and what is late is seen."""

from datetime import UTC, datetime

import pytest

from nexus.app.doctor.finding import State
from nexus.app.doctor.requests import legal_clock
from nexus.consent import claim_store
from nexus.consent.claim_requests import (
    AnswerRequest,
    AskOwn,
    ById,
    ExtendRequest,
    FileRequest,
    ListRequests,
    RequestView,
)
from nexus.consent.claims import MAX_WAITING
from nexus.consent.legal_clock import SOON, due
from nexus.consent.model import ClaimKind, ClaimState
from nexus.consent.requests import BySubject
from nexus.kernel.clock import DAY, SECOND, Instant, rfc3339
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from simulators.consents import Clinic, open_clinic

REASON = "several archives are searched"


@pytest.fixture
def clinic(tmp_path):
    with open_clinic(tmp_path) as opened:
        yield opened


def at(day: str) -> Instant:
    return Instant(int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND)


@pytest.mark.parametrize(
    ("received", "first", "extended"),
    [
        ("2026-11-02T10:00:00", "2026-12-02", "2027-02-02"),
        ("2026-01-31T00:00:00", "2026-02-28", "2026-04-30"),
        ("2028-01-31T23:59:59", "2028-02-29", "2028-04-30"),
        ("2026-11-30T12:00:00", "2026-12-30", "2027-02-28"),
        ("2026-12-15T12:00:00", "2027-01-15", "2027-03-15"),
    ],
)
def test_months_are_those_of_the_calendar_and_a_day_counts_to_its_end(received, first, extended):
    """GDPR, article 12(3)."""
    assert rfc3339(due(at(received), extended=False)) == f"{first}T23:59:59.999999Z"
    assert rfc3339(due(at(received), extended=True)) == f"{extended}T23:59:59.999999Z"


async def ask(clinic: Clinic, kind: ClaimKind = ClaimKind.ACCESS, **more) -> tuple[str, str, RequestView]:
    subject, patient = await clinic.patient()
    made = await clinic.service.claims.ask(clinic.op(patient), AskOwn(subject=subject, kind=kind, **more))
    return subject, patient, made


async def test_a_patient_asks_and_sees_until_when_the_answer_is_due(clinic: Clinic):
    subject, patient, made = await ask(clinic)
    assert made.due_at == due(clinic.clock.now(), extended=False) and not made.overdue
    seen = await clinic.service.claims.own(clinic.op(patient), BySubject(subject=subject))
    assert seen.requests == (made,)
    with pytest.raises(Denied):
        await clinic.service.claims.own(clinic.op("per_other"), BySubject(subject=subject))
    with pytest.raises(Denied):
        await clinic.service.claims.ask(clinic.op("per_other"), AskOwn(subject=subject, kind=ClaimKind.ERASURE))


async def test_the_patients_words_are_sealed_and_read_by_whoever_answers(clinic: Clinic):
    _, _, made = await ask(clinic, words="my name is CANARY, my hip was operated in 2019")
    with clinic.database.read() as tx:
        assert "CANARY" not in str(tx.all("SELECT * FROM consent_request"))
    assert "CANARY" not in str(clinic.recorder.entries)
    assert "CANARY" in (await clinic.service.claims.read(clinic.desk, ById(id=made.id))).words


async def test_what_came_on_paper_counts_from_the_day_on_which_it_came(clinic: Clinic):
    subject = await clinic.subject()
    received = Instant(clinic.clock.now() - 20 * DAY)
    asked = FileRequest(subject=subject, kind=ClaimKind.PORTABILITY, received_at=received)
    made = await clinic.service.claims.file(clinic.desk, asked)
    assert made.due_at == due(received, extended=False)
    for day in (clinic.clock.now() + 2 * DAY, clinic.clock.now() - 400 * DAY):
        with pytest.raises(Invalid):
            await clinic.service.claims.file(
                clinic.desk, FileRequest(subject=subject, kind=ClaimKind.ACCESS, received_at=Instant(day))
            )


async def test_a_month_is_extended_once_and_in_time(clinic: Clinic):
    _, _, made = await ask(clinic)
    extended = await clinic.service.claims.extend(clinic.desk, ExtendRequest(id=made.id, reason=REASON))
    assert extended.due_at == due(made.received_at, extended=True) and extended.reason == REASON
    with pytest.raises(Conflict, match="already"):
        await clinic.service.claims.extend(clinic.desk, ExtendRequest(id=made.id, reason=REASON))
    _, _, other = await ask(clinic)
    clinic.clock.advance(other.due_at + 1 - clinic.clock.now())
    with pytest.raises(Conflict, match="month is over"):
        await clinic.service.claims.extend(clinic.desk, ExtendRequest(id=other.id, reason=REASON))


async def test_what_is_late_is_listed_shown_by_the_doctor_and_stays_late(clinic: Clinic):
    _, _, made = await ask(clinic)
    assert finding(clinic) is State.REAL
    clinic.clock.advance(made.due_at - SOON + 1 - clinic.clock.now())
    assert finding(clinic) is State.DEGRADED
    clinic.clock.advance(SOON)
    assert finding(clinic) is State.BROKEN
    late = await clinic.service.claims.list(clinic.desk, ListRequests(site="chu", overdue=True))
    assert [each.id for each in late.requests] == [made.id]
    assert (await clinic.service.claims.list(clinic.desk, ListRequests(site="lyon"))).requests == ()
    done = await clinic.service.claims.answer(clinic.desk, AnswerRequest(id=made.id, state=ClaimState.DONE))
    assert done.overdue and finding(clinic) is State.REAL
    assert clinic.recorder.entries[-1].details["late"] is True


def finding(clinic: Clinic) -> State:
    now = clinic.clock.now()
    with clinic.database.read() as tx:
        return legal_clock(*claim_store.waiting(tx, now, Instant(now + SOON))).state


async def test_a_refusal_gives_its_reason_and_an_answer_is_given_once(clinic: Clinic):
    _, _, made = await ask(clinic, ClaimKind.ERASURE)
    with pytest.raises(Invalid, match="reason"):
        await clinic.service.claims.answer(clinic.desk, AnswerRequest(id=made.id, state=ClaimState.REFUSED))
    with pytest.raises(Invalid):
        await clinic.service.claims.answer(clinic.desk, AnswerRequest(id=made.id, state=ClaimState.RECEIVED))
    refused = AnswerRequest(id=made.id, state=ClaimState.REFUSED, reason="files of care are kept twenty years")
    assert (await clinic.service.claims.answer(clinic.desk, refused)).reason
    with pytest.raises(Conflict):
        await clinic.service.claims.answer(clinic.desk, refused)
    with pytest.raises(NotFound):
        await clinic.service.claims.read(clinic.desk, ById(id="req_unknown"))


async def test_requests_of_one_subject_are_limited_and_listed_page_by_page(clinic: Clinic):
    subject, patient, _ = await ask(clinic)
    for _ in range(MAX_WAITING - 1):
        await clinic.service.claims.ask(clinic.op(patient), AskOwn(subject=subject, kind=ClaimKind.ACCESS))
    with pytest.raises(Conflict):
        await clinic.service.claims.ask(clinic.op(patient), AskOwn(subject=subject, kind=ClaimKind.ACCESS))
    first = await clinic.service.claims.list(clinic.desk, ListRequests(limit=15))
    second = await clinic.service.claims.list(clinic.desk, ListRequests(limit=15, after=first.next))
    assert (len(first.requests), len(second.requests), second.next) == (15, 5, "")
