"""Intake: what stands behind its ports, in the processes that perform every operation and in the worker."""

from collections.abc import Mapping, Sequence

from nexus.app.file_signing import FileSigner
from nexus.app.ground import Ground
from nexus.app.wiring.consent import LogProofs
from nexus.app.wiring.log import audit_reader
from nexus.iam.gate import Gate
from nexus.kms.uses import Use
from nexus.objects.service import ObjectService
from nexus.warehouse.intake.agreement import Agreement
from nexus.warehouse.intake.examining import Examining
from nexus.warehouse.intake.handing_in import HandingIn
from nexus.warehouse.intake.ingress import Ingress
from nexus.warehouse.intake.service import IntakeService


class SourceKeys:
    """The port `RowKeys`, over the sources that a warehouse is built from."""

    def of(self, provider: str, agreement: Agreement) -> Mapping[str, Sequence[str]]:
        from nexus.warehouse.building.row_keys import row_keys  # what maps: loaded only where changes were delivered

        return row_keys(provider, agreement)


def intake_service(ground: Ground, objects: ObjectService, gate: Gate) -> IntakeService:
    """The operations of intake, for a process that holds the audit log's private key."""
    return IntakeService(
        ground.database,
        gate,
        ground.clock,
        Ingress(objects),
        signer=FileSigner(ground.kms, Use.DELIVERY_RECEIPTS),
        proofs=LogProofs(audit_reader(ground), "delivery"),
    )


def examining(ground: Ground, objects: ObjectService) -> Examining:
    """The worker's: notices deliveries and checks them."""
    ingress = Ingress(objects)
    handing_in = HandingIn(ground.database, ingress, ground.clock)
    return Examining(ground.database, ingress, handing_in, ground.clock, ground.operation, keys=SourceKeys())
