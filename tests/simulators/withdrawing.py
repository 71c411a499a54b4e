"""Processes that read patients' objects while patients change their minds, over one data directory, until they are killed.

`python -m simulators.withdrawing DIRECTORY` reads lines of standard input, `<role> <seed> <journal>`, and forks a child for
each; it prints the child's process id. Roles:

- `reader`: reads through the object store, many at once; one of two hundred commits fails.
- `door`: the same through the S3 door, signed.
- `forgetful`: a reader that believes what decisions were a twentieth of a second ago. The negative control.
- `outside`: a reader that asks before the transaction, not inside it. The negative control.
- `patients`: permits, withdraws, objects and lifts; measures a bare commit beside it.

A journal is a file of JSON arrays, one a line: readers write ["read", subject, began, ended, served, operation]; patients
write ["asked", subject, "withdraw" | "permit", began] before and ["done", subject, "withdraw" | "permit", began, ended] after,
and ["commit", began, ended]. Times are nanoseconds of the machine's monotonic clock, the same in all processes.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nexus.app.wiring.subjects import Subjects
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS as AUDIT
from nexus.consent import store as consent_store
from nexus.consent.migrations import MIGRATIONS as CONSENT
from nexus.consent.model import Status
from nexus.consent.rules import CONSENT_ONLY, status_of
from nexus.consent.rulings import Rulings
from nexus.crypto.hpke import OpeningKey
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.kernel.clock import SystemClock
from nexus.kernel.database import Transaction
from nexus.kernel.errors import NexusError
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Actor, ActorKind, Entry, Operation
from nexus.kernel.secret import Secret
from nexus.objects.declaration import Declaration
from nexus.objects.errors import Hidden, Refused
from nexus.objects.model import Metadata, ObjectRef
from nexus.objects.ports import Subjects as Port
from nexus.objects.ports import Version
from simulators.consents import Clinic, permit
from simulators.data_keys import SimulatedDataKeys
from simulators.object_store import Store, everything
from simulators.s3_door import S3Door, machine

PRIVATE_KEY = OpeningKey(Secret(bytes(31) + b"\1"))
PATIENTS = 60
AT_ONCE = 24
"""Reads under way in one reader."""
DECIDERS = 3
"""Patients who change their minds at once."""
FORGETFUL_S = 0.05
"""For how long a forgetful reader believes what it heard."""
FAULTY = 200
"""One of so many commits of a reader fails."""


class FaultyLog(AuditLog):
    """The real log, on a disk that refuses now and then."""

    def __init__(self, seed: str) -> None:
        super().__init__(PRIVATE_KEY.public)
        self._dice = random.Random(seed)

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        super().record(tx, entries)
        if self._dice.randrange(FAULTY) == 0:
            raise OSError("the disk refuses")


class Forgetful(Subjects):
    """Asks for the version of all decisions now and then only."""

    def __init__(self) -> None:
        super().__init__(Rulings())
        self._heard: tuple[Version, float] = ((), 0.0)

    def version(self, tx: Transaction) -> Version:
        now = time.monotonic()
        if now > self._heard[1] + FORGETFUL_S:
            self._heard = (super().version(tx), now)
        return self._heard[0]


def open_store(root: Path, *, log: AuditLog | None = None, subjects: Port | None = None) -> Store:
    """The store as every process finds it."""
    keys = SimulatedDataKeys()
    keys.add_key(key=b"k" * 32)
    return Store(
        root,
        keys=keys,
        recorder=log or AuditLog(PRIVATE_KEY.public),
        migrations=[*AUDIT, *CONSENT, *IAM],
        subjects=subjects or Subjects(Rulings()),
        clock=SystemClock(),
    )


async def prepare(root: Path) -> list[tuple[str, str]]:
    """A bucket with an object of each patient, who permits research. Returns (subject, account) of each."""
    store = open_store(root)
    clinic = Clinic(store.database, store.recorder, CONSENT_ONLY, clock=SystemClock())
    bucket = await store.bucket("scans", project="p")
    await store.objects.buckets.declare_subjects(store.op, bucket, Declaration(categories=("imaging",)))
    bucket = store.objects.buckets.find("scans")
    made = []
    for number in range(PATIENTS):
        subject, account = await clinic.patient()
        size = 90_000 if number % 4 == 0 else 500
        await store.put(bucket, subject, bytes(size), metadata=Metadata(tags={"nexus:subject": subject}))
        await clinic.decide(account, subject, permit("research"))
        made.append((subject, account))
    store.close()
    (root / "patients.json").write_text(json.dumps(made))
    return made


class Journal:
    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, *line: object) -> None:
        os.write(self._fd, (json.dumps(line) + "\n").encode())


def research() -> Operation:
    actor = Actor("per_reader", ActorKind.PERSON, person="per_reader")
    return Operation(new_id("op"), actor, "research", SystemClock().now(), "127.0.0.1", "test")


Read = Callable[[str], Awaitable[tuple[bool, str]]]
"""Reads the object of a subject: whether it was served, and the operation that did it."""


async def read_for_ever(read: Read, subjects: Sequence[str], seed: str, journal: Journal) -> None:
    async def one(number: int) -> None:
        dice = random.Random(f"{seed}-{number}")
        while True:
            subject, began = dice.choice(subjects), time.monotonic_ns()
            try:
                served, operation = await read(subject)
            except (OSError, NexusError):
                continue  # the disk refused: nothing was served
            journal.note("read", subject, began, time.monotonic_ns(), served, operation)

    await asyncio.gather(*(one(number) for number in range(AT_ONCE)))


def through_the_store(store: Store) -> Read:
    bucket = store.objects.buckets.find("scans")

    async def read(subject: str) -> tuple[bool, str]:
        op = research()
        try:
            opened = await store.objects.reading.get(op, bucket, subject)
            await everything(opened)
        except (Hidden, Refused):
            return False, op.id
        return True, op.id

    return read


def outside_the_transaction(store: Store) -> Read:
    """What the store must not do: ask first, and record afterwards."""
    bucket = store.objects.buckets.find("scans")

    async def read(subject: str) -> tuple[bool, str]:
        op = research()
        try:
            await store.objects.reading.open(op, ObjectRef(bucket, subject))
        except Hidden:
            return False, op.id
        entry = op.allowed("objects.object.read", bucket.resource, key=subject)
        await store.database.record(replace(entry, subject=subject))
        return True, op.id

    return read


def through_the_door(store: Store) -> Read:
    door = S3Door(store.database, store.recorder, store.objects, store.keys, SystemClock(), 1.0)
    reader = machine("reader")
    door.rights.give(reader, "*", site="*")
    client = door.client(door.ring.add(reader, purpose="research"))

    async def read(subject: str) -> tuple[bool, str]:
        answer = await client("GET", f"/scans/{subject}")
        assert answer.status in (200, 404, 500, 503), answer
        if answer.status >= 500:
            raise OSError(answer.status)
        return answer.status == 200, answer.headers["x-amz-request-id"]

    return read


class Minds:
    """Patients who change their minds: half of them permit and withdraw, half object and lift."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._clinic = Clinic(store.database, store.recorder, CONSENT_ONLY, clock=SystemClock())

    async def change_for_ever(self, patients: Sequence[tuple[str, str]], seed: str) -> None:
        dice = random.Random(seed)
        while True:
            number = dice.randrange(len(patients))
            subject, account = patients[number]
            objects, held = int(subject[-1], 36) % 2 == 0, self._in_force(subject)
            if objects:
                await self._act("withdraw", subject, self._clinic.object(account, subject))
            elif held:
                await self._act("withdraw", subject, self._clinic.withdraw(account, subject, held))
            began = time.monotonic_ns()
            await self._store.database.record(self._clinic.desk.allowed("platform.status", PLATFORM))
            self._journal.note("commit", began, time.monotonic_ns())
            await asyncio.sleep(dice.random() * 0.02)
            await self._act(
                "permit", subject, self._lift(subject, account) if objects else self._give(subject, account)
            )

    async def _act(self, what: str, subject: str, act: Awaitable[object]) -> None:
        began = time.monotonic_ns()
        self._journal.note("asked", subject, what, began)
        await act
        self._journal.note("done", subject, what, began, time.monotonic_ns())

    async def _lift(self, subject: str, account: str) -> None:
        with suppress(NexusError):  # there may be no objection
            await self._clinic.lift(account, subject)

    async def _give(self, subject: str, account: str) -> None:
        if not self._in_force(subject):
            await self._clinic.decide(account, subject, permit("research"))

    def _in_force(self, subject: str) -> str:
        """The one permission that holds; empty if none does."""
        now = SystemClock().now()
        with self._store.database.read() as tx:
            history = consent_store.history(tx, subject)
        held = [each.id for each in history if status_of(each, history, now) is Status.IN_FORCE]
        return held[0] if held else ""


async def live(root: Path, role: str, seed: str, journal: Journal) -> None:
    patients = [tuple(pair) for pair in json.loads((root / "patients.json").read_text())]
    subjects = [subject for subject, _ in patients]
    if role == "patients":
        minds = Minds(open_store(root), journal)
        await asyncio.gather(*(minds.change_for_ever(patients[n::DECIDERS], f"{seed}-{n}") for n in range(DECIDERS)))
    port = Forgetful() if role == "forgetful" else None
    store = open_store(root, log=FaultyLog(seed), subjects=port)
    ways = {"door": through_the_door, "outside": outside_the_transaction}
    read = ways.get(role, through_the_store)(store)
    await read_for_ever(read, subjects, seed, journal)


def main(root: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        role, seed, journal = line.split()
        child = os.fork()
        if child == 0:
            os.close(0)
            asyncio.run(live(root, role, seed, Journal(journal)))
        print(child, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
