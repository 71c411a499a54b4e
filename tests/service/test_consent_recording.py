"""Professionals record what was decided on paper, correct it with a second person, list what was taken back, export."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest

from nexus.consent.model import Capacity, DecisionKind, LegalBasis, Reason, Status
from nexus.consent.requests import (
    AppointRepresentative,
    CorrectDecision,
    DecisionView,
    EndRepresentative,
    ExportFormat,
    ExportRegister,
    ListWithdrawals,
    Nothing,
    ReadDecisions,
    RecordDecision,
)
from nexus.consent.rulings import Rulings
from nexus.kernel.clock import DAY, SECOND, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.operation import Operation
from simulators.clock import EPOCH
from simulators.consents import Clinic, deny, open_clinic, permit

CHILD = date(datetime.fromtimestamp(EPOCH // SECOND, UTC).year - 10, 3, 1)


@pytest.fixture
def clinic(tmp_path):
    with open_clinic(tmp_path) as opened:
        yield opened


async def on_paper(clinic: Clinic, subject: str, *provisions, **more) -> DecisionView:
    """A decision that somebody signed at the desk."""
    asked = {
        "kind": DecisionKind.PERMISSIONS,
        "capacity": Capacity.SELF,
        "decided_at": clinic.clock.now(),
        "version": clinic.version(subject),
        "scan": clinic.papers.keep(),
        **more,
    }
    return await clinic.service.recording.record(
        clinic.desk, RecordDecision(subject=subject, provisions=provisions, **asked)
    )


def approved(op: Operation) -> Operation:
    """As it runs after a second person has agreed."""
    return replace(op, approval="int_1")


async def test_a_paper_counts_like_a_click_and_keeps_its_scan(clinic: Clinic):
    subject = await clinic.subject()
    made = await on_paper(clinic, subject, permit())
    assert clinic.ask(subject).decision == made.id
    assert made.scan and made.account == "" and made.recorded_by == clinic.desk.actor.id
    entry = clinic.recorder.entries[-1]
    assert (entry.action, entry.subject) == ("consent.decision.record", subject)


async def test_what_gives_something_needs_the_signed_paper_and_what_takes_away_does_not(clinic: Clinic):
    subject = await clinic.subject()
    with pytest.raises(Invalid, match="signed paper"):
        await on_paper(clinic, subject, permit(), scan=None)
    made = await on_paper(clinic, subject, permit())
    await on_paper(clinic, subject, kind=DecisionKind.WITHDRAWAL, about=(made.id,), scan=None, version=0)
    assert clinic.ask(subject).reason is Reason.WITHDRAWN
    await on_paper(clinic, subject, kind=DecisionKind.OBJECTION, scan=None, version=0)
    with pytest.raises(Invalid, match="signed paper"):
        await on_paper(clinic, subject, kind=DecisionKind.LIFTING, scan=None)


@pytest.mark.parametrize(
    "change",
    [{"sha256": "0" * 64}, {"version": "ver_none"}, {"key": "other.pdf"}, {"bucket": "elsewhere"}],
)
async def test_a_scan_that_is_not_there_or_says_something_else_is_refused_alike(clinic: Clinic, change):
    subject = await clinic.subject()
    scan = msgspec.structs.replace(clinic.papers.keep(), **change)
    with pytest.raises(Invalid) as refused:
        await on_paper(clinic, subject, permit(), scan=scan)
    assert refused.value.code == "consent.scan"
    assert clinic.version(subject) == 0


async def test_a_scan_of_another_site_is_as_if_it_were_not_there(clinic: Clinic):
    subject = await clinic.subject()
    with pytest.raises(Invalid, match="no such document"):
        await on_paper(clinic, subject, permit(), scan=clinic.papers.keep(site="clinic"))


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": DecisionKind.CORRECTION},
        {"kind": DecisionKind.WITHDRAWAL},
        {"kind": DecisionKind.OBJECTION, "about": ("dec_1",)},
    ],
)
async def test_records_that_make_no_sense_are_refused(clinic: Clinic, asked):
    subject = await clinic.subject()
    with pytest.raises(Invalid):
        await on_paper(clinic, subject, **asked)


async def test_a_paper_of_the_future_is_refused_and_an_old_one_is_not(clinic: Clinic):
    subject = await clinic.subject()
    with pytest.raises(Invalid, match="future"):
        await on_paper(clinic, subject, permit(), decided_at=Instant(clinic.clock.now() + 2 * DAY))
    made = await on_paper(clinic, subject, permit(), decided_at=Instant(clinic.clock.now() - 400 * DAY))
    assert made.recorded_at == clinic.clock.now()


# Corrections


async def test_a_record_is_corrected_by_two_persons_and_both_rows_stay(clinic: Clinic):
    subject = await clinic.subject()
    wrong = await on_paper(clinic, subject, permit())
    asked = CorrectDecision(decision=wrong.id, provisions=(deny(),), reason="the box was ticked for no")
    with pytest.raises(Denied) as refused:
        await clinic.service.recording.correct(clinic.desk, asked)
    assert refused.value.code == "consent.approval-missing"
    right = await clinic.service.recording.correct(approved(clinic.desk), asked)
    assert clinic.ask(subject).decision == right.id and not clinic.ask(subject).allowed
    seen = await clinic.service.reading.effective(clinic.desk, ReadDecisions(subject=subject))
    assert [(each.id, each.status) for each in seen.history] == [
        (right.id, Status.IN_FORCE),
        (wrong.id, Status.REPLACED),
    ]
    assert (right.about, right.approval, right.reason) == ((wrong.id,), "int_1", "the box was ticked for no")


async def test_an_objection_recorded_for_the_wrong_patient_is_struck_out(clinic: Clinic):
    subject = await clinic.subject()
    await on_paper(clinic, subject, permit())
    wrong = await on_paper(clinic, subject, kind=DecisionKind.OBJECTION, scan=None)
    asked = CorrectDecision(decision=wrong.id, reason="it was the patient next door")
    await clinic.service.recording.correct(approved(clinic.desk), asked)
    assert clinic.ask(subject).allowed
    with pytest.raises(Conflict, match="corrected already"):
        await clinic.service.recording.correct(approved(clinic.desk), asked)


async def test_a_correction_that_was_overtaken_by_the_patient_revives_nothing(clinic: Clinic):
    """Approved on Monday, carried out on Tuesday: what the patient has done in between stands."""
    subject, patient = await clinic.patient()
    wrong = await on_paper(clinic, subject, permit(), permit("education"))
    await clinic.withdraw(patient, subject, wrong.id)
    asked = CorrectDecision(decision=wrong.id, provisions=(permit(),), reason="education was not ticked")
    await clinic.service.recording.correct(approved(clinic.desk), asked)
    assert clinic.ask(subject).reason is Reason.WITHDRAWN
    other = await on_paper(clinic, subject, permit("statistics"))
    await clinic.decide(patient, subject, deny("statistics"), replaces=(other.id,))
    asked = CorrectDecision(decision=other.id, provisions=(permit("research"),), reason="it was research")
    await clinic.service.recording.correct(approved(clinic.desk), asked)
    assert not clinic.ask(subject).allowed and not clinic.ask(subject, "statistics").allowed


async def test_nobody_corrects_what_a_patient_decided_himself(clinic: Clinic):
    subject, patient = await clinic.patient()
    made = await clinic.decide(patient, subject, deny())
    with pytest.raises(Denied) as refused:
        await clinic.service.recording.correct(
            approved(clinic.desk), CorrectDecision(decision=made.id, reason="we would rather not")
        )
    assert refused.value.code == "consent.own-decision"


# Who decides for whom


async def test_a_guardian_is_appointed_on_a_document_and_seen_by_the_child_and_by_herself(clinic: Clinic):
    subject = await clinic.subject(born=CHILD)
    clinic.enrolled.accounts.add("per_mother")
    asked = AppointRepresentative(
        subject=subject, account="per_mother", capacity=Capacity.GUARDIAN, document=clinic.papers.keep()
    )
    appointed = await clinic.service.recording.appoint(clinic.desk, asked)
    assert appointed.until is not None
    mine = await clinic.service.reading.own_subjects(clinic.op("per_mother"), Nothing())
    assert [(each.subject, each.capacity, each.minor) for each in mine.subjects] == [(subject, Capacity.GUARDIAN, True)]
    await clinic.service.recording.end(clinic.desk, EndRepresentative(subject=subject, account="per_mother"))
    with pytest.raises(Denied):
        await clinic.service.reading.own(clinic.op("per_mother"), ReadDecisions(subject=subject))


async def test_only_patients_accounts_decide_for_others_and_never_as_the_patient(clinic: Clinic):
    subject = await clinic.subject(born=CHILD)
    for account, capacity in (("per_nurse", Capacity.GUARDIAN), ("per_nurse", Capacity.SELF)):
        asked = AppointRepresentative(
            subject=subject, account=account, capacity=capacity, document=clinic.papers.keep()
        )
        with pytest.raises(Invalid):
            await clinic.service.recording.appoint(clinic.desk, asked)


async def test_a_child_has_no_account_of_her_own_yet(clinic: Clinic):
    with pytest.raises(Denied) as refused:
        await clinic.holder(await clinic.subject(born=CHILD))
    assert refused.value.code == "consent.too-young"


# Reading


async def test_what_follows_is_worked_out_for_each_purpose(clinic: Clinic):
    subject, patient = await clinic.patient()
    await clinic.decide(patient, subject, permit("research", projects=("p",)), deny("education"))
    seen = await clinic.service.reading.own(clinic.op(patient), ReadDecisions(subject=subject, project="p"))
    allowed = {each.purpose.value: each.allowed for each in seen.permissions}
    assert allowed == {
        **dict.fromkeys(("public-health", "policy-making", "statistics", "education", "care-improvement"), False),
        **{"quality": False, "research": True, "care": True},
    }
    assert (seen.subject.version, seen.objection, len(seen.in_force)) == (1, False, 1)


async def test_a_long_history_is_read_page_by_page(clinic: Clinic):
    subject, patient = await clinic.patient()
    for _ in range(5):
        await clinic.object(patient, subject)
        await clinic.lift(patient, subject)
    read = clinic.service.reading.own
    first = await read(clinic.op(patient), ReadDecisions(subject=subject, limit=6))
    second = await read(clinic.op(patient), ReadDecisions(subject=subject, limit=6, before=first.next))
    assert [each.version for each in (*first.history, *second.history)] == list(range(10, 0, -1))
    assert second.next == 0


async def test_an_unknown_subject_is_not_found(clinic: Clinic):
    with pytest.raises(NotFound):
        await clinic.service.reading.effective(clinic.desk, ReadDecisions(subject="sub_unknown"))


async def test_withdrawals_are_listed_since_a_date_for_ones_site_in_the_order_of_commits(clinic: Clinic):
    subject, patient = await clinic.patient()
    other, stranger = await clinic.patient(site="clinic")
    made = await clinic.decide(patient, subject, permit())
    await clinic.object(stranger, other)
    clinic.clock.advance(DAY)
    since = clinic.clock.now()
    await clinic.withdraw(patient, subject, made.id)
    await clinic.object(patient, subject)
    listed = await clinic.service.register.withdrawals(clinic.desk, ListWithdrawals(site="chu", since=since, limit=1))
    rest = await clinic.service.register.withdrawals(clinic.desk, ListWithdrawals(site="chu", after=listed.next))
    kinds = [each.kind for each in (*listed.withdrawals, *rest.withdrawals)]
    assert kinds == [DecisionKind.WITHDRAWAL, DecisionKind.OBJECTION]
    everywhere = await clinic.service.register.withdrawals(clinic.desk, ListWithdrawals())
    assert len(everywhere.withdrawals) == 3


@pytest.mark.parametrize("format_", ExportFormat)
async def test_the_register_is_exported_whole_page_by_page_and_names_nobody(clinic: Clinic, format_):
    subject, patient = await clinic.patient(reference="IPP-SECRET")
    made = [await on_paper(clinic, subject, permit(projects=("=cmd",)), key="=1+1")]
    made += [await clinic.decide(patient, subject, deny("education")), await clinic.object(patient, subject)]
    text, after = "", 0
    while True:
        asked = ExportRegister(site="chu", format=format_, after=after, limit=2)
        page = await clinic.service.register.export(clinic.desk, asked)
        text, after = text + page.text, page.next
        if not after:
            break
    if format_ is ExportFormat.CSV:
        rows = list(csv.DictReader(io.StringIO(text)))
        assert all(not field.startswith(("=", "+", "-", "@")) for row in rows for field in row.values())
    else:
        rows = [msgspec.json.decode(line) for line in text.splitlines()]
    assert [row["decision"] for row in rows] == [each.id for each in made]
    assert "SECRET" not in text


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
async def test_no_reason_that_somebody_typed_is_a_formula_in_a_spreadsheet(clinic: Clinic, begins):
    """A reason is free text: it is exported as text, whatever it begins with, and nothing of it is lost."""
    wrong = await on_paper(clinic, await clinic.subject(), permit())
    reason = f"{begins}HYPERLINK(1)"
    await clinic.service.recording.correct(approved(clinic.desk), CorrectDecision(decision=wrong.id, reason=reason))
    page = await clinic.service.register.export(clinic.desk, ExportRegister(site="chu", format=ExportFormat.CSV))
    corrected = list(csv.DictReader(io.StringIO(page.text, newline="")))[-1]
    assert corrected["reason"] == f"'{reason}"


# Legal bases of projects


async def test_a_project_says_itself_what_it_rests_on_while_it_is_open(clinic: Clinic):
    bases = {"p": LegalBasis.PUBLIC_INTEREST}

    class OpenProjects:
        def basis(self, tx, project):
            return bases.get(project)

        def version(self, tx):
            return len(bases)

    subject = await clinic.subject()
    assert not clinic.ask(subject).allowed
    before = clinic.rulings_version()
    clinic.service.rulings = Rulings(projects=OpenProjects())
    assert clinic.ask(subject).reason is Reason.PUBLIC_INTEREST
    assert clinic.rulings_version() == before._replace(projects=1)
    bases.clear()
    assert clinic.ask(subject).reason is Reason.NO_DECISION
