"""Consent over a real database in a temporary directory: patients, guardians, professionals, and questions of readers."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from nexus.consent.ages import Ages
from nexus.consent.holders import Hold
from nexus.consent.migrations import MIGRATIONS
from nexus.consent.model import Capacity, Effect, Provision, Question, Recipient, Ruling, Scan
from nexus.consent.ports import Proofs
from nexus.consent.receipt_record import Circumstances
from nexus.consent.requests import Decide, DecisionView, LiftObjection, Object, RegisterSubject, Withdraw
from nexus.consent.rules import CONSENT_ONLY, Bases
from nexus.consent.rulings import Rulings
from nexus.consent.sealing import SubjectSealing
from nexus.consent.service import ConsentService, Others
from nexus.iam.model import Purpose
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Transaction
from nexus.kernel.errors import Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, ActorKind, Operation
from nexus.kernel.secret import Secret
from simulators.clock import ManualClock
from simulators.databases import database as open_database
from simulators.file_signer import LocalFileSigner
from simulators.recorder import MemoryRecorder

KEY = Secret(b"c" * 32)


def permit(*purposes: str, **sides) -> Provision:
    """A permission, for research unless said otherwise."""
    return Provision(effect=Effect.PERMIT, purposes=_purposes(purposes), **sides)


def deny(*purposes: str, **sides) -> Provision:
    """A denial, of research unless said otherwise."""
    return Provision(effect=Effect.DENY, purposes=_purposes(purposes), **sides)


def _purposes(names: Sequence[str]) -> tuple[Purpose, ...]:
    return tuple(map(Purpose, names)) or (Purpose.RESEARCH,)


class Papers:
    """Documents that the site keeps, by where they are; the port `Documents`."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, str, str], bytes] = {}

    def keep(self, body: bytes = b"%PDF-1.7 signed", site: str = "chu") -> Scan:
        """A scan that is there."""
        version = new_id("ver")
        self.kept[site, "papers", "consent.pdf", version] = body
        return Scan(bucket="papers", key="consent.pdf", version=version, sha256=hashlib.sha256(body).hexdigest())

    async def holds(self, op: Operation, site: str, scan: Scan) -> bool:
        body = self.kept.get((site, scan.bucket, scan.key, scan.version))
        return body is not None and hashlib.sha256(body).hexdigest() == scan.sha256


class Enrolled:
    """Accounts of patients; the port `Accounts`."""

    def __init__(self) -> None:
        self.accounts: set[str] = set()

    def is_patient(self, tx: Transaction, account: str) -> bool:
        return account in self.accounts


class NoProofs:
    """A log that nobody publishes; the port `Proofs`."""

    async def of_operation(self, operation: str, decision: str) -> str:
        raise Unavailable("no checkpoint covers it yet")


class Clinic:
    """A site, its patients, and whoever asks for their data."""

    def __init__(
        self,
        database: Database,
        recorder: MemoryRecorder,
        bases: Bases = CONSENT_ONLY,
        clock: Clock | None = None,
        proofs: Proofs | None = None,
    ) -> None:
        self.database = database
        self.recorder = recorder
        self.clock = clock or ManualClock()
        self.papers, self.enrolled = Papers(), Enrolled()
        self.service = ConsentService(
            database,
            self.clock,
            sealing=SubjectSealing(KEY),
            ages=Ages(),
            rulings=Rulings(bases),
            others=Others(
                self.papers,
                self.enrolled,
                LocalFileSigner(),
                proofs or NoProofs(),
                Circumstances(site="", zone="zone-1", notice="", language="fr"),
            ),
        )
        self.desk = self.op(new_id("per"))

    def op(self, person: str, purpose: str = "operation") -> Operation:
        """An operation of a person who is signed in."""
        actor = Actor(person, ActorKind.PERSON, person=person, session="ses_test")
        return Operation(new_id("op"), actor, purpose, self.clock.now(), "192.0.2.7", "test")

    async def subject(self, reference: str = "", site: str = "chu", born: date | None = None) -> str:
        """A registered patient."""
        asked = RegisterSubject(site=site, reference=reference or new_id("ipp"), born=born)
        return (await self.service.subjects.register(self.desk, asked)).subject

    async def holder(self, subject: str, capacity: Capacity = Capacity.SELF, until: Instant | None = None) -> str:
        """An account that decides for a subject."""
        account = new_id("per")
        proof = "" if capacity is Capacity.SELF else "act of 2026-11-02"
        await self.service.holders.hold(self.desk, Hold(account, subject, capacity, until, proof))
        return account

    async def patient(self, **known) -> tuple[str, str]:
        """A subject and the account of the patient himself."""
        subject = await self.subject(**known)
        return subject, await self.holder(subject)

    def version(self, subject: str) -> int:
        """How many decisions a subject has; none if there is no such subject."""
        with self.database.read() as tx:
            found = tx.one("SELECT version FROM consent_subject WHERE id = ?", (subject,))
        return int(found[0]) if found else 0

    async def decide(self, account: str, subject: str, *provisions: Provision, **more) -> DecisionView:
        """Decide on the state as it is."""
        asked = {"version": self.version(subject), **more}
        return await self.service.deciding.decide(
            self.op(account), Decide(subject=subject, provisions=provisions, **asked)
        )

    async def withdraw(self, account: str, subject: str, decision: str, **more) -> DecisionView:
        """Take a decision's permissions back."""
        return await self.service.deciding.withdraw(
            self.op(account), Withdraw(subject=subject, decision=decision, **more)
        )

    async def object(self, account: str, subject: str) -> DecisionView:
        """Object to every secondary use."""
        return await self.service.deciding.object(self.op(account), Object(subject=subject))

    async def lift(self, account: str, subject: str) -> DecisionView:
        """Take the objection back."""
        asked = LiftObjection(subject=subject, version=self.version(subject))
        return await self.service.deciding.lift_objection(self.op(account), asked)

    def ask(self, subject: str, purpose: str = "research", **more) -> Ruling:
        """What a reader of project `p` of another site is told."""
        recipient = more.pop("recipient", Recipient("other", "p", "per_reader"))
        question = Question((subject,), purpose, recipient, more.pop("at", self.clock.now()), **more)
        with self.database.read() as tx:
            return self.service.rulings.of(tx, question)[subject]

    def rulings_version(self) -> int:
        """The version of all rulings."""
        with self.database.read() as tx:
            return self.service.rulings.version(tx)


@contextmanager
def open_clinic(folder: Path, bases: Bases = CONSENT_ONLY) -> Iterator[Clinic]:
    """A fresh clinic whose database lies in `folder`; closed at the end."""
    recorder = MemoryRecorder()
    database = open_database(folder / "nexus.db", key=Secret(b"k" * 32), recorder=recorder)
    database.migrate(MIGRATIONS)
    try:
        yield Clinic(database, recorder, bases)
    finally:
        database.close()
