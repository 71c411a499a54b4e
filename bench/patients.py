"""A store with patients for a benchmark: small objects in a bucket that names nobody, and the same of patients who permit research.

No HTTP and no signature, but encryption, audit log, durable commits and consent, wired as the doors wire them.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from nexus.app.wiring.consent import ProjectBases
from nexus.app.wiring.subjects import Subjects
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS as AUDIT
from nexus.consent.migrations import MIGRATIONS as CONSENT
from nexus.consent.rules import CONSENT_ONLY
from nexus.consent.rulings import Rulings
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.kernel.clock import SystemClock
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket, Metadata
from nexus.projects.migrations import MIGRATIONS as PROJECTS
from simulators.consents import Clinic, permit
from simulators.data_keys import SimulatedDataKeys
from simulators.object_store import Store
from simulators.withdrawing import PRIVATE_KEY, research

T = TypeVar("T")
SMALL = 4_096
DECLARED = Declaration(categories=("imaging",), source="pacs")
TAGS = {"kind": "ct", "series": "axial"}
"""What all objects say of themselves, whether they name a patient or not."""


def open_store(root: Path) -> Store:
    """The store as a door of the platform finds it; keys come from a key service in memory."""
    keys = SimulatedDataKeys()
    keys.add_key(key=b"k" * 32)
    return Store(
        root,
        keys=keys,
        recorder=AuditLog(PRIVATE_KEY.public),
        migrations=[*AUDIT, *CONSENT, *IAM, *PROJECTS],
        subjects=Subjects(Rulings(CONSENT_ONLY, ProjectBases())),
        clock=SystemClock(),
    )


@dataclass(frozen=True)
class Patient:
    """One who has permitted research by this decision, and whose object has this key."""

    key: str
    subject: str
    account: str
    decision: str


@dataclass
class Ward:
    """Two buckets with objects under the same keys; those of `named` are each of another patient."""

    store: Store
    plain: Bucket
    named: Bucket
    patients: Sequence[Patient]

    async def read(self, bucket: Bucket, key: str) -> None:
        """GET, to the last byte, by a researcher."""
        opened = await self.store.objects.reading.get(research(), bucket, key)
        async for _ in opened.body:
            pass

    def close(self) -> None:
        self.store.close()


def reopened(root: Path, patients: Sequence[Patient]) -> Ward:
    """A ward that was furnished before, as a process that has just been born finds it."""
    store = open_store(root)
    return Ward(store, store.objects.buckets.find("plain"), store.objects.buckets.find("named"), patients)


async def furnish(root: Path, *, patients: int) -> Ward:
    """A ward whose patients have all permitted research."""
    store = open_store(root)
    clinic = Clinic(store.database, store.recorder, CONSENT_ONLY, clock=SystemClock())
    plain, named = await store.bucket("plain", project="p"), await store.bucket("named", project="p")
    await store.objects.buckets.declare_subjects(store.op, named, DECLARED)
    named = store.objects.buckets.find("named")

    async def admit(number: int) -> Patient:
        subject, account = await clinic.patient()
        decision = await clinic.decide(account, subject, permit("research"))
        key, body = f"studies/{number:06}", os.urandom(SMALL)
        await store.put(plain, key, body, metadata=Metadata(tags=TAGS))
        await store.put(named, key, body, metadata=Metadata(tags={**TAGS, "nexus:subject": subject}))
        return Patient(key, subject, account, decision.id)

    return Ward(store, plain, named, await at_once([partial(admit, number) for number in range(patients)]))


async def at_once(calls: Sequence[Callable[[], Awaitable[T]]], many: int = 64) -> list[T]:
    """What the calls return, in their order; so many are under way."""
    room = asyncio.Semaphore(many)

    async def one(call: Callable[[], Awaitable[T]]) -> T:
        async with room:
            return await call()

    return await asyncio.gather(*(one(call) for call in calls))
