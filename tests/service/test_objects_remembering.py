"""What a process remembers of rulings, over the real decisions, rights and log."""

import asyncio

import pytest

from nexus.app.wiring.subjects import Subjects
from nexus.audit.log import AuditLog
from nexus.consent.model import Reason
from nexus.consent.rules import CONSENT_ONLY
from nexus.consent.rulings import Rulings
from nexus.kernel.clock import SystemClock
from nexus.kernel.database import Recorded
from nexus.kernel.engines.port import TransactionLostError
from nexus.kernel.errors import Unavailable
from nexus.kernel.operation import PLATFORM
from nexus.objects.errors import Hidden
from simulators.consents import Clinic, permit
from simulators.object_store import everything
from simulators.operations import operation
from simulators.queues import held, queued
from simulators.wards import IMAGING, of
from simulators.withdrawing import PRIVATE_KEY, open_store, research


class Counting(Subjects):
    """The real one, which counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(Rulings())
        self.asked = 0

    def rulings(self, tx, op, bucket, subjects):
        self.asked += 1
        return super().rulings(tx, op, bucket, subjects)


class Log(AuditLog):
    """The real one; while a test says so, commits of several come to nothing as a whole."""

    lost = False

    def record(self, tx, entries):
        super().record(tx, entries)
        if self.lost and len(entries) > 1:
            raise TransactionLostError(Unavailable("the connection is gone"), shared=True)


class Ward:
    """Patients, each with an object, who permit research."""

    def __init__(self, root) -> None:
        self.log, self.subjects = Log(PRIVATE_KEY.public), Counting()
        self.store = open_store(root, log=self.log, subjects=self.subjects)
        self.clinic = Clinic(self.store.database, self.log, CONSENT_ONLY, clock=SystemClock())
        self.decisions: dict[str, tuple[str, str, str]] = {}

    async def furnish(self, *keys: str) -> None:
        bucket = await self.store.bucket("scans", project="p")
        await self.store.objects.buckets.declare_subjects(self.store.op, bucket, IMAGING)
        self.bucket = self.store.objects.buckets.find("scans")
        for key in keys:
            subject, account = await self.clinic.patient()
            await self.store.put(self.bucket, key, b"bytes", metadata=of(subject))
            made = await self.clinic.decide(account, subject, permit("research"))
            self.decisions[key] = subject, account, made.id

    async def withdraw(self, key: str, clinic: Clinic | None = None) -> None:
        subject, account, decision = self.decisions[key]
        await (clinic or self.clinic).withdraw(account, subject, decision)

    async def read(self, key: str) -> bool:
        try:
            await everything(await self.store.objects.reading.get(research(), self.bucket, key))
        except Hidden:
            return False
        return True


@pytest.fixture
async def ward(tmp_path):
    made = Ward(tmp_path)
    await made.furnish("a", "b", "c")
    yield made
    made.store.close()


async def test_a_decision_makes_a_process_ask_about_that_patient_only(ward):
    assert [await ward.read(key) for key in "abc"] == [True] * 3
    asked = ward.subjects.asked
    await ward.withdraw("b")
    assert [await ward.read(key) for key in "ac"] == [True] * 2
    assert ward.subjects.asked == asked, "nobody else is asked about anew"
    assert not await ward.read("b")
    assert ward.subjects.asked > asked


async def test_decisions_of_another_process_are_seen_patient_by_patient(ward, tmp_path):
    assert [await ward.read(key) for key in "abc"] == [True] * 3
    other = open_store(tmp_path)
    try:
        asked = ward.subjects.asked
        await ward.withdraw("c", Clinic(other.database, other.recorder, CONSENT_ONLY, clock=SystemClock()))
    finally:
        other.close()
    assert [await ward.read(key) for key in "abc"] == [True, True, False]
    assert ward.subjects.asked <= asked + 2


@pytest.mark.parametrize("table", ["iam_version", "projects", "erasure"])
async def test_whatever_else_changes_makes_it_ask_about_everybody(ward, table):
    assert [await ward.read(key) for key in "ab"] == [True] * 2
    asked = ward.subjects.asked

    def change(tx):
        if table == "iam_version":
            tx.execute("UPDATE iam_version SET version = version + 1")
        elif table == "erasure":
            ward.subjects.renew(tx)
        return Recorded(None, ward.store.op.allowed("platform.status", PLATFORM))

    if table == "projects":
        ward.subjects._rulings._projects = Opened()
    await ward.store.database.write(change)
    assert [await ward.read(key) for key in "ab"] == [True] * 2
    assert ward.subjects.asked == asked + 2


class Opened:
    """A project has just been opened."""

    def basis(self, tx, project):
        return None

    def version(self, tx):
        return 7


async def test_what_was_found_in_a_commit_that_came_to_nothing_is_not_believed(ward, tmp_path):
    """Its number is another decision's afterwards: one by the very patient who was read in it."""
    assert await ward.read("a")
    async with held(ward.store):
        withdrawing = await queued(ward.store, 1, ward.withdraw("b"))
        reading = await queued(ward.store, 2, ward.read("a"))
        ward.log.lost = True
    both = await asyncio.gather(withdrawing, reading, return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in both)
    ward.log.lost = False
    other = open_store(tmp_path)
    try:
        await ward.withdraw("a", Clinic(other.database, other.recorder, CONSENT_ONLY, clock=SystemClock()))
    finally:
        other.close()
    assert not await ward.read("a")
    assert await ward.read("b")


async def test_that_somebody_is_unknown_is_not_remembered(ward):
    """Registering a patient changes nobody else's ruling, and is seen at the next question all the same."""
    before = ward.clinic.rulings_version()
    with ward.store.database.read() as tx:
        ruled = ward.subjects.rulings(tx, operation(purpose="research"), ward.bucket, ["sub_unknown"])["sub_unknown"]
    assert (ruled.allowed, ruled.reason, ruled.until) == (False, Reason.UNKNOWN_SUBJECT.value, 0)
    await ward.clinic.subject()
    assert ward.clinic.rulings_version() == before
