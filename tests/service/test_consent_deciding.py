"""Patients decide: over a real database, with the entry in the commit, for every reader at once."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.consent import store
from nexus.consent.holders import Hold
from nexus.consent.model import Capacity, DecisionKind, LegalBasis, Period, Reason, Status
from nexus.consent.requests import FindSubject, RegisterSubject
from nexus.consent.rules import Bases
from nexus.iam.model import Purpose
from nexus.kernel import outbox
from nexus.kernel.clock import DAY, SECOND, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NexusError, NotFound
from simulators.clock import EPOCH
from simulators.consents import Clinic, deny, open_clinic, permit

TODAY = datetime.fromtimestamp(EPOCH // SECOND, UTC).date()
CHILD = date(TODAY.year - 10, 3, 1)
TEENAGER = date(TODAY.year - 16, 3, 1)


@pytest.fixture
def clinic(tmp_path):
    with open_clinic(tmp_path) as opened:
        yield opened


async def test_a_patient_permits_is_read_withdraws_and_is_read_no_more(clinic: Clinic):
    subject, patient = await clinic.patient()
    assert clinic.ask(subject).reason is Reason.NO_DECISION
    given_ = await clinic.decide(patient, subject, permit())
    assert clinic.ask(subject).allowed and clinic.ask(subject).decision == given_.id
    taken = await clinic.withdraw(patient, subject, given_.id)
    assert clinic.ask(subject).reason is Reason.WITHDRAWN
    assert (taken.kind, taken.about, taken.version) == (DecisionKind.WITHDRAWAL, (given_.id,), 2)


async def test_the_objection_is_one_switch_and_reversible(clinic: Clinic):
    subject, patient = await clinic.patient()
    await clinic.decide(patient, subject, permit())
    first = await clinic.object(patient, subject)
    assert (await clinic.object(patient, subject)).id == first.id
    assert clinic.ask(subject).reason is Reason.OBJECTION
    await clinic.lift(patient, subject)
    assert clinic.ask(subject).allowed
    with pytest.raises(Conflict, match="no objection"):
        await clinic.lift(patient, subject)


async def test_every_decision_is_in_the_log_under_the_patients_key_and_names_what_was_decided(clinic: Clinic):
    """F-003: the change and its entry are one commit."""
    subject, patient = await clinic.patient()
    made = await clinic.decide(patient, subject, permit())
    entry = clinic.recorder.entries[-1]
    assert (entry.action, entry.subject, entry.resource.id) == ("consent.own.decide", subject, subject)
    with clinic.database.read() as tx:
        assert entry.details["digest"] == store.history(tx, subject)[0].digest()
    assert entry.details["decision"] == made.id


async def test_without_the_log_nothing_is_decided(clinic: Clinic):
    subject, patient = await clinic.patient()
    clinic.recorder.broken = True
    with pytest.raises(NexusError):
        await clinic.decide(patient, subject, permit())
    clinic.recorder.broken = False
    assert clinic.version(subject) == 0 and not clinic.ask(subject).allowed


async def test_a_ruling_holds_for_one_version_of_all_decisions(clinic: Clinic):
    subject, patient = await clinic.patient()
    versions = [clinic.rulings_version()]
    made = await clinic.decide(patient, subject, permit())
    versions.append(clinic.rulings_version())
    for act in (clinic.object, clinic.lift):
        await act(patient, subject)
        versions.append(clinic.rulings_version())
    await clinic.withdraw(patient, subject, made.id)
    versions.append(clinic.rulings_version())
    assert versions == sorted(set(versions))


# Two devices at once, and requests sent twice


async def test_a_stale_form_is_refused(clinic: Clinic):
    subject, patient = await clinic.patient()
    await clinic.decide(patient, subject, deny(), version=0)
    with pytest.raises(Conflict) as refused:
        await clinic.decide(patient, subject, permit(), version=0)
    assert refused.value.code == "consent.stale"
    assert clinic.ask(subject).reason is Reason.DENIED


async def test_a_withdrawal_wins_over_whatever_another_device_has_done_meanwhile(clinic: Clinic):
    subject, patient = await clinic.patient()
    seen = await clinic.decide(patient, subject, permit())
    await clinic.decide(patient, subject, permit("research", "statistics"), replaces=(seen.id,))
    taken = await clinic.withdraw(patient, subject, seen.id)
    assert len(taken.about) == 2
    assert not clinic.ask(subject).allowed and not clinic.ask(subject, "statistics").allowed


async def test_the_same_request_sent_again_is_one_decision(clinic: Clinic):
    subject, patient = await clinic.patient()
    first = await clinic.decide(patient, subject, permit(), version=0, key="form-1")
    again = await clinic.decide(patient, subject, permit(), version=0, key="form-1")
    assert again.id == first.id and clinic.version(subject) == 1
    with pytest.raises(Conflict) as refused:
        await clinic.decide(patient, subject, deny(), version=1, key="form-1")
    assert refused.value.code == "consent.key"


async def test_withdrawing_twice_is_withdrawing_once(clinic: Clinic):
    subject, patient = await clinic.patient()
    made = await clinic.decide(patient, subject, permit())
    first = await clinic.withdraw(patient, subject, made.id)
    assert (await clinic.withdraw(patient, subject, made.id)).id == first.id


async def test_a_denial_ends_by_a_decision_that_replaces_it_and_not_by_a_withdrawal(clinic: Clinic):
    subject, patient = await clinic.patient()
    made = await clinic.decide(patient, subject, deny())
    with pytest.raises(Conflict, match="permits nothing"):
        await clinic.withdraw(patient, subject, made.id)
    await clinic.decide(patient, subject, permit(), replaces=(made.id,))
    assert clinic.ask(subject).allowed


@given(st.lists(st.sampled_from(["permit", "deny", "object", "lift", "withdraw"]), max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_stored_comes_to_the_same_as_what_was_done(clinic: Clinic, acts: list[str]):
    """Acts in any order: the last answer given to the patient is what the next reader meets."""
    subject, patient = await clinic.patient()
    permitted: list[str] = []
    objected = denied = False
    for act in acts:
        if act == "permit":
            permitted.append((await clinic.decide(patient, subject, permit())).id)
        elif act == "deny":
            await clinic.decide(patient, subject, deny())
            denied = True
        elif act == "object":
            await clinic.object(patient, subject)
            objected = True
        elif act == "lift" and objected:
            await clinic.lift(patient, subject)
            objected = False
        elif act == "withdraw" and permitted:
            await clinic.withdraw(patient, subject, permitted.pop())
        assert clinic.ask(subject).allowed is (bool(permitted) and not denied and not objected)


# Who decides


async def test_a_patient_does_not_decide_for_another(clinic: Clinic):
    subject, _ = await clinic.patient()
    _, other = await clinic.patient()
    for target in (subject, "sub_00000000000000000000000000"):
        with pytest.raises(Denied) as refused:
            await clinic.decide(other, target, permit())
        assert refused.value.code == "consent.not-holder"
        with pytest.raises(Denied):
            await clinic.object(other, target)


async def test_a_decision_of_another_patient_is_not_withdrawn_through_ones_own_record(clinic: Clinic):
    subject, patient = await clinic.patient()
    mine, me = await clinic.patient()
    theirs = await clinic.decide(patient, subject, permit())
    with pytest.raises(NotFound):
        await clinic.withdraw(me, mine, theirs.id)
    assert clinic.ask(subject).allowed


async def test_a_guardian_decides_until_majority_and_so_do_her_permissions(clinic: Clinic):
    subject = await clinic.subject(born=CHILD)
    guardian = await clinic.holder(subject, Capacity.GUARDIAN)
    made = await clinic.decide(guardian, subject, permit(), deny("statistics"))
    majority = Instant(int(datetime(CHILD.year + 18, 3, 1, tzinfo=UTC).timestamp()) * SECOND)
    assert [provision.valid.end for provision in made.provisions] == [majority, None]
    assert clinic.ask(subject).allowed
    clinic.clock.advance(majority - clinic.clock.now())
    assert clinic.ask(subject).reason is Reason.EXPIRED
    assert clinic.ask(subject, "statistics").reason is Reason.DENIED
    with pytest.raises(Denied) as refused:
        await clinic.decide(guardian, subject, permit())
    assert refused.value.code == "consent.not-holder"
    assert clinic.service.holders.subjects_of(guardian, clinic.clock.now()) == []


async def test_nobody_becomes_guardian_of_an_adult_and_nobody_without_proof(clinic: Clinic):
    subject = await clinic.subject()
    with pytest.raises(Denied, match="guardian of an adult"):
        await clinic.holder(subject, Capacity.GUARDIAN)
    with pytest.raises(Invalid, match="proves it"):
        await clinic.service.holders.hold(clinic.desk, Hold("per_x", subject, Capacity.REPRESENTATIVE))


async def test_a_minor_refuses_and_withdraws_but_does_not_permit(clinic: Clinic):
    subject = await clinic.subject(born=TEENAGER)
    guardian = await clinic.holder(subject, Capacity.GUARDIAN)
    minor = await clinic.holder(subject)
    with pytest.raises(Denied) as refused:
        await clinic.decide(minor, subject, permit())
    assert refused.value.code == "consent.minor"
    made = await clinic.decide(guardian, subject, permit())
    await clinic.withdraw(minor, subject, made.id)
    assert not clinic.ask(subject).allowed


async def test_nobody_else_takes_back_what_the_patient_refused(clinic: Clinic):
    subject = await clinic.subject(born=TEENAGER)
    guardian, minor = await clinic.holder(subject, Capacity.GUARDIAN), await clinic.holder(subject)
    refusal = await clinic.decide(minor, subject, deny())
    await clinic.object(minor, subject)
    for attempt in (
        clinic.decide(guardian, subject, permit(), replaces=(refusal.id,)),
        clinic.lift(guardian, subject),
    ):
        with pytest.raises(Denied) as refused:
            await attempt
        assert refused.value.code == "consent.own-refusal"


async def test_a_representative_decides_until_the_power_ends(clinic: Clinic):
    subject = await clinic.subject()
    account = await clinic.holder(subject, Capacity.REPRESENTATIVE, until=Instant(clinic.clock.now() + DAY))
    await clinic.decide(account, subject, permit())
    clinic.clock.advance(DAY)
    with pytest.raises(Denied):
        await clinic.decide(account, subject, deny())


async def test_an_end_of_a_power_is_recorded_and_holds_at_once(clinic: Clinic):
    subject, patient = await clinic.patient()
    await clinic.service.holders.end(clinic.desk, patient, subject)
    assert clinic.recorder.entries[-1].action == "consent.holder.end"
    with pytest.raises(Denied):
        await clinic.object(patient, subject)
    with pytest.raises(NotFound):
        await clinic.service.holders.end(clinic.desk, patient, subject)


# Subjects


async def test_who_a_subject_is_stands_nowhere_in_the_clear(clinic: Clinic, tmp_path):
    made = await clinic.subject(reference="IPP 0042-PRIVATE")
    found = await clinic.service.subjects.find(clinic.desk, FindSubject(site="chu", reference="ipp0042-private"))
    assert found.subject == made
    with clinic.database.read() as tx:
        rows = str(tx.all("SELECT * FROM consent_subject"))
        assert clinic.service.subjects.known(tx, made).reference == "IPP0042-PRIVATE"
    assert "PRIVATE" not in rows and "PRIVATE" not in str(clinic.recorder.entries)


async def test_a_reference_belongs_to_one_subject_of_a_site_and_to_another_of_another(clinic: Clinic):
    one = await clinic.subject("42")
    with pytest.raises(Conflict):
        await clinic.service.subjects.register(clinic.desk, RegisterSubject(site="chu", reference=" 4 2"))
    assert await clinic.subject("42", site="clinic") != one
    with pytest.raises(NotFound):
        await clinic.service.subjects.find(clinic.desk, FindSubject(site="elsewhere", reference="42"))


async def test_a_sealed_reference_does_not_open_for_another_subject(clinic: Clinic):
    one, other = await clinic.subject(), await clinic.subject()
    with clinic.database.read() as tx:
        sealed = store.sealed_reference(tx, one)
    assert sealed is not None
    with pytest.raises(Exception, match="does not open"):
        clinic.service.subjects._sealing.open(sealed, other)


async def test_a_subject_that_nobody_registered_is_refused_for_secondary_use_whatever_the_basis(tmp_path):
    bases = Bases(by_purpose={"research": LegalBasis.PUBLIC_INTEREST})
    with open_clinic(tmp_path, bases) as clinic:
        assert clinic.ask(await clinic.subject()).allowed
        assert clinic.ask("sub_unknown").reason is Reason.UNKNOWN_SUBJECT


# What others hear, and what nobody may say


async def test_others_hear_of_it_in_the_commit_of_the_decision(clinic: Clinic):
    subject, patient = await clinic.patient()
    made = await clinic.decide(patient, subject, permit("statistics"))
    await clinic.withdraw(patient, subject, made.id)
    with clinic.database.read() as tx:
        told = [(message.topic, message.id) for message in outbox.pending(tx, limit=10)]
    assert [topic for topic, _ in told] == ["consent.decided", "consent.withdrawn"]
    assert told[0][1] == made.id


@pytest.mark.parametrize(
    "provision",
    [
        permit("operation"),
        permit(projects=("p", "p")),
        permit(projects=("",)),
        permit(persons=tuple(f"per_{n}" for n in range(65))),
        permit(valid=Period(start=Instant(5), end=Instant(5))),
        permit("research", emergency=True),
        permit(sources=("x" * 257,)),
    ],
)
async def test_provisions_that_mean_nothing_are_refused(clinic: Clinic, provision):
    subject, patient = await clinic.patient()
    with pytest.raises(Invalid):
        await clinic.decide(patient, subject, provision)
    assert clinic.version(subject) == 0


async def test_decisions_are_only_ever_added(clinic: Clinic):
    subject, patient = await clinic.patient()
    first = await clinic.decide(patient, subject, permit())
    with clinic.database.read() as tx:
        before = tx.all("SELECT * FROM consent_decision ORDER BY number")
    await clinic.decide(patient, subject, deny(Purpose.EDUCATION), replaces=(first.id,))
    await clinic.object(patient, subject)
    with clinic.database.read() as tx:
        assert tx.all("SELECT * FROM consent_decision ORDER BY number")[:1] == before
    assert first.status is Status.IN_FORCE
