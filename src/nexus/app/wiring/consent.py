"""Consent: what stands behind its ports, and who hears of decisions.

| topic               | receivers |
|---------------------|-----------|
| `consent.decided`   | nobody yet |
| `consent.withdrawn` | nobody yet |
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from nexus.app.chores.announcing import Receiver
from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.consent.events import DECIDED, WITHDRAWN
from nexus.consent.model import LegalBasis, Scan
from nexus.consent.rulings import Rulings
from nexus.consent.sealing import SubjectSealing
from nexus.consent.service import ConsentService, Others
from nexus.iam.store import patients
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.service import ObjectService
from nexus.projects import store as projects
from nexus.projects.model import LegalBasis as ProjectBasis
from nexus.projects.model import ProjectState


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


def rulings(ground: Ground) -> Rulings:
    """What every door that reads data of subjects asks."""
    return Rulings(ground.settings.bases(), ProjectBases())


def consent_service(ground: Ground, objects: ObjectService) -> ConsentService:
    """The operations of consent, for a process that holds the key that references are sealed under."""
    return ConsentService(
        ground.database,
        ground.clock,
        sealing=SubjectSealing(ground.hold.secrets[Part.IDENTITY]),
        ages=ground.settings.ages(),
        rulings=rulings(ground),
        others=Others(StoredDocuments(objects), PatientAccounts()),
    )


def receivers(ground: Ground) -> Mapping[str, Sequence[Receiver]]:
    """Who is told of what patients decided, by topic."""
    return {DECIDED: (), WITHDRAWN: ()}
