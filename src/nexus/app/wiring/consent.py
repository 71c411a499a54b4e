"""Consent: what stands behind its ports, and who hears of decisions.

| topic               | receivers |
|---------------------|-----------|
| `consent.decided`   | nobody: what is given is found by the next read |
| `consent.withdrawn` | `objects.reaching`: what was derived for projects, written down, and erased where the bucket says so |
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from nexus.app.chores.announcing import Receiver
from nexus.app.custody import Part
from nexus.app.file_signing import FileSigner
from nexus.app.ground import Ground
from nexus.app.wiring.log import audit_reader
from nexus.audit.model import ListEntries
from nexus.audit.reader import AuditReader
from nexus.consent.events import DECIDED, WITHDRAWN, Told
from nexus.consent.model import LegalBasis, Scan
from nexus.consent.ports import Documents
from nexus.consent.receipt_record import Circumstances
from nexus.consent.requests import Tongue
from nexus.consent.rulings import Rulings
from nexus.consent.sealing import SubjectSealing
from nexus.consent.service import ConsentService, Others
from nexus.iam.store import patients
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid, NotFound, Unavailable
from nexus.kernel.operation import Operation
from nexus.kernel.outbox import Message
from nexus.kms.uses import Use
from nexus.objects.service import ObjectService
from nexus.projects import store as projects
from nexus.projects.model import LegalBasis as ProjectBasis
from nexus.projects.model import ProjectState

PROOF_WAIT_S: Final = 5.0
"""How long a receipt waits for the next checkpoint to cover its decision."""
PROOF_POLL_S: Final = 0.1


class StoredDocuments:
    """The port `consent.ports.Documents`, over the object store."""

    def __init__(self, objects: ObjectService) -> None:
        self._objects = objects

    async def holds(self, op: Operation, site: str, scan: Scan) -> bool:
        """Reads the document to its end; other sites' buckets are as if they were not there."""
        try:
            bucket = self._objects.buckets.find(scan.bucket)
            if bucket.site != site:
                return False
            found = await self._objects.reading.get(op, bucket, scan.key, version_id=scan.version)
        except (NotFound, Invalid):
            return False
        digest = hashlib.sha256()
        async for part in found.body:
            digest.update(part)
        return hmac.compare_digest(digest.hexdigest(), scan.sha256)


class PatientAccounts:
    """The port `consent.ports.Accounts`, over identity."""

    def is_patient(self, tx: Transaction, account: str) -> bool:
        return patients.is_patient(tx, account)


class ProjectBases:
    """The port `consent.ports.Projects`. A legal obligation counts as public interest: patients may still object here."""

    def basis(self, tx: Transaction, project: str) -> LegalBasis | None:
        found = projects.project(tx, project)
        if found is None or found.state is not ProjectState.OPEN:
            return None
        return LegalBasis.CONSENT if found.legal_basis is ProjectBasis.CONSENT else LegalBasis.PUBLIC_INTEREST

    def version(self, tx: Transaction) -> int:
        """When a project last changed: each change has a later moment than the one before."""
        return projects.last_change(tx)


class LogProofs:
    """The port `consent.ports.Proofs`, over the audit log and its private key."""

    def __init__(self, reader: Callable[[], AuditReader], detail: str = "decision") -> None:
        """`detail`: what the entries call the thing that they are about."""
        self._reader = reader
        self._detail = detail

    async def of_operation(self, operation: str, decision: str) -> str:
        """Waits for the next checkpoint if the entry is too fresh to be covered by one."""
        index = await asyncio.to_thread(self._index, operation, decision)
        deadline = asyncio.get_running_loop().time() + PROOF_WAIT_S
        while True:
            try:
                return (await asyncio.to_thread(self._reader().prove, index))[0]
            except Unavailable:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(PROOF_POLL_S)

    def _index(self, operation: str, decision: str) -> int:
        cursor: str | None = None
        while operation:
            page = self._reader().page(ListEntries(operation=operation, cursor=cursor))
            for entry in page.entries:
                if entry.content and entry.content.details.get(self._detail) == decision:
                    return entry.index
            if page.next is None:
                break
            cursor = page.next
        raise NotFound(f"the log shows no entry of this {self._detail}", code="consent.no-entry")


def rulings(ground: Ground) -> Rulings:
    """What every door that reads data of subjects asks."""
    return Rulings(ground.settings.bases(), ProjectBases())


class NoDocuments:
    """The port `consent.ports.Documents` at a door where no papers are recorded."""

    async def holds(self, op: Operation, site: str, scan: Scan) -> bool:
        return False


def consent_service(ground: Ground, documents: Documents) -> ConsentService:
    """The operations of consent, for a process that holds the key that references are sealed under."""
    return ConsentService(
        ground.database,
        ground.clock,
        sealing=SubjectSealing(ground.hold.secrets[Part.IDENTITY]),
        ages=ground.settings.ages(),
        rulings=rulings(ground),
        others=Others(
            documents,
            PatientAccounts(),
            FileSigner(ground.kms, Use.CONSENT_RECEIPTS),
            LogProofs(audit_reader(ground)),
            Circumstances(
                site="", zone=ground.settings.zone, notice=ground.settings.consent_notice_url, language=Tongue.FRENCH
            ),
        ),
    )


def receivers(
    ground: Ground, objects: ObjectService, follow: Callable[[str], Awaitable[int]]
) -> Mapping[str, Sequence[Receiver]]:
    """Who is told of what patients decided, by topic. `follow`: leaves somebody out of the releases of projects."""

    async def reach(message: Message) -> None:
        told = msgspec.json.decode(message.body, type=Told)
        await objects.reaching.carry(ground.operation(), told.subject, told.decision, told.purposes)

    async def leave_out(message: Message) -> None:
        await follow(msgspec.json.decode(message.body, type=Told).subject)

    return {DECIDED: (), WITHDRAWN: (reach, leave_out)}
