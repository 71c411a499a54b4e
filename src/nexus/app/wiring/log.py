"""The audit log's reading side, for the processes that hold its private key."""

from collections.abc import Callable, Collection

from nexus.app.custody import Index, Part
from nexus.app.ground import Ground
from nexus.audit.policy import LogIdentity
from nexus.audit.reader import AuditReader
from nexus.audit.service import AuditService
from nexus.audit.witnesses import WitnessClient
from nexus.crypto.hpke import OpeningKey
from nexus.crypto.notes import VerifierKey
from nexus.kernel.ids import is_id
from nexus.kernel.operation import Operation
from nexus.objects.naming import SUBJECT
from nexus.objects.service import ObjectService


def log_identity(index: Index) -> LogIdentity:
    """The log's name and public keys."""
    return LogIdentity(index.origin, tuple(VerifierKey.parse(text) for text in index.log_keys))


def audit_reader(ground: Ground) -> Callable[[], AuditReader]:
    """Gives the reader while the private key is held; raises Sealed while it is not."""
    held: list[AuditReader] = []
    ground.hold.on_wipe(held.clear)

    def reader() -> AuditReader:
        if not held:
            key = OpeningKey(ground.hold.secrets[Part.AUDIT_READER])
            held.append(AuditReader(ground.database, key, ground.directory.log))
        return held[0]

    return reader


def audit_service(
    ground: Ground, witnesses: WitnessClient | None, objects: ObjectService | None = None
) -> AuditService:
    """The operations of the audit log. `objects` knows which manifests name a patient."""

    async def names(op: Operation, subject: str) -> Collection[str]:
        is_patient = objects is not None and is_id(subject, SUBJECT)
        return (await objects.finding.names(op, subject))[0] if objects and is_patient else (subject,)

    return AuditService(
        ground.database,
        log_identity(ground.index),
        audit_reader(ground),
        ground.directory.log,
        witnesses=witnesses,
        clock=ground.clock,
        names=names,
    )
