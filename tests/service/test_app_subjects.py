"""The object store asks real consent: decisions, objection, dates, recipients, emergencies, of real patients."""

from dataclasses import replace

import pytest

from nexus.app.wiring.subjects import REMEMBERED_FOR, Subjects
from nexus.consent.migrations import MIGRATIONS as CONSENT
from nexus.consent.model import Period
from nexus.consent.rules import CONSENT_ONLY
from nexus.consent.rulings import Rulings
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.kernel.clock import HOUR, Instant
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import Operation
from nexus.objects.declaration import Declaration
from nexus.objects.errors import Hidden, Refused
from nexus.objects.model import Metadata
from simulators.consents import Clinic, deny, permit
from simulators.object_store import Store
from simulators.operations import operation


class House:
    """An object store and consent in one database."""

    def __init__(self, root) -> None:
        self.store = Store(root, migrations=[*CONSENT, *IAM], subjects=Subjects(Rulings()))
        self.clinic = Clinic(self.store.database, self.store.recorder, CONSENT_ONLY)
        self.clinic.clock = self.store.clock

    async def begin(self, **attributes: str):
        made = await self.store.bucket("scans", **attributes)
        declared = Declaration(categories=("imaging",), source="pacs")
        await self.store.objects.buckets.declare_subjects(self.store.op, made, declared)
        self.bucket = self.store.objects.buckets.find("scans")

    async def patient(self) -> tuple[str, str]:
        """A patient with an object under the name of his subject."""
        subject, account = await self.clinic.patient()
        await self.store.put(self.bucket, subject, b"scan", metadata=Metadata(tags={"nexus:subject": subject}))
        return subject, account

    def op(self, purpose: str = "research") -> Operation:
        return operation("per_reader", purpose=purpose, at=self.store.clock.now())

    async def may(self, subject: str, op: Operation | None = None) -> bool:
        try:
            await self.store.get(self.bucket, subject, op=op or self.op())
        except (Hidden, Refused):
            return False
        return True


@pytest.fixture
async def house(tmp_path):
    made = House(tmp_path)
    await made.begin(project="p")
    yield made
    made.store.close()


async def test_a_withdrawal_counts_at_the_next_read_and_the_log_names_both_decisions(house):
    subject, account = await house.patient()
    assert not await house.may(subject), "nothing without a permission"
    given = await house.clinic.decide(account, subject, permit("research"))
    assert await house.may(subject)
    read = house.store.entries[-1]
    assert (read.subject, read.details["consent"], read.details["ruling"]) == (subject, given.id, "permitted")
    await house.clinic.withdraw(account, subject, given.id)
    assert not await house.may(subject)
    page = await house.store.objects.listing.objects(house.op(), house.bucket)
    assert page.versions == ()


async def test_the_objection_hides_from_every_secondary_use_and_its_lifting_shows_again(house):
    subject, account = await house.patient()
    await house.clinic.decide(account, subject, permit("research", "statistics", "quality"))
    for objected in (False, True, False):
        for purpose in ("research", "statistics", "quality"):
            assert await house.may(subject, house.op(purpose)) is not objected
        assert await house.may(subject, house.op("care"))
        await (house.clinic.lift if objected else house.clinic.object)(account, subject)


async def test_a_permission_counts_for_its_project_and_its_categories_only(house):
    for provision, expected in (
        (permit("research", projects=("p",)), True),
        (permit("research", projects=("q",)), False),
        (permit("research", categories=("imaging",)), True),
        (permit("research", categories=("genetic",)), False),
        (permit("research", sources=("pacs",)), True),
        (permit("research", sources=("lab",)), False),
        (permit("research", persons=("per_reader",)), True),
        (permit("research", persons=("per_other",)), False),
    ):
        subject, account = await house.patient()
        await house.clinic.decide(account, subject, provision)
        assert await house.may(subject) is expected, provision


async def test_a_permission_ends_to_the_moment_though_it_was_asked_before(house):
    subject, account = await house.patient()
    now = house.store.clock.now()
    period = Period(start=Instant(now + 1_000_000), end=Instant(now + 10_000_000))
    await house.clinic.decide(account, subject, permit("research", valid=period))
    for second in range(12):
        assert await house.may(subject) is (1 <= second < 10), second
        house.store.clock.advance(1_000_000)


async def test_broken_glass_opens_care_unless_the_patient_refuses_that_too(house):
    subject, account = await house.patient()
    await house.clinic.decide(account, subject, deny("care"))
    care = house.op("care")
    until = Instant(care.at + HOUR)
    emergency = replace(care, actor=replace(care.actor, break_glass="elv_1", break_glass_until=until))
    assert not await house.may(subject, care)
    assert await house.may(subject, emergency)
    entry = house.store.entries[-1]
    assert (entry.subject, entry.details["consent"], entry.details["break_glass"]) == (subject, "emergency", "elv_1")
    assert not await house.may(subject, replace(emergency, at=until)), "when it is over, it is over"
    assert not await house.may(subject, replace(emergency, purpose="research"))
    await house.clinic.decide(account, subject, deny("care", emergency=True))
    assert not await house.may(subject, emergency)


async def test_a_ruling_is_not_remembered_beyond_minutes_even_if_nothing_happens(house):
    subject, account = await house.patient()
    await house.clinic.decide(account, subject, permit("research"))
    with house.store.database.read() as tx:
        found = house.store.objects.consenting.subjects.rulings(tx, house.op(), house.bucket, (subject,))
    assert found[subject].until == house.store.clock.now() + REMEMBERED_FOR


async def test_only_words_that_patients_decide_in_are_declared(house):
    for words in ({"categories": ("scans",)}, {"sensitivity": "secret"}):
        with pytest.raises(Invalid) as caught:
            declared = Declaration(**{"categories": ("imaging",), **words})
            await house.store.objects.buckets.declare_subjects(house.store.op, house.bucket, declared)
        assert "imaging" in caught.value.hint
