"""Intake: what stands behind its ports, in the processes that perform every operation and in the worker."""

from nexus.app.ground import Ground
from nexus.app.wiring.consent import LogProofs
from nexus.app.wiring.log import audit_reader
from nexus.iam.gate import Gate
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient
from nexus.kms.uses import Use
from nexus.objects.service import ObjectService
from nexus.warehouse.intake.examining import Examining
from nexus.warehouse.intake.handing_in import HandingIn
from nexus.warehouse.intake.ingress import Ingress
from nexus.warehouse.intake.receipt_format import Signature, signed
from nexus.warehouse.intake.service import IntakeService


class DeliverySigner:
    """The port `warehouse.intake.ports.Signer`: a key of the key service that is bound to this use."""

    def __init__(self, kms: KeyServiceClient) -> None:
        self._kms = kms

    async def sign(self, op: Operation, message: bytes) -> Signature:
        """By the version whose turn it is."""
        made = await self._kms.sign_bound(Use.DELIVERY_RECEIPTS, message, op)
        key = await self._kms.bound_key(Use.DELIVERY_RECEIPTS, op)
        public = next(each.public_key for each in key.versions if each.number == made.version)
        return signed(f"{made.key_id}.{made.version}", public, made.signature)


def intake_service(ground: Ground, objects: ObjectService, gate: Gate) -> IntakeService:
    """The operations of intake, for a process that holds the audit log's private key."""
    return IntakeService(
        ground.database,
        gate,
        ground.clock,
        Ingress(objects),
        signer=DeliverySigner(ground.kms),
        proofs=LogProofs(audit_reader(ground), "delivery"),
    )


def examining(ground: Ground, objects: ObjectService) -> Examining:
    """The worker's: notices deliveries and checks them."""
    ingress = Ingress(objects)
    handing_in = HandingIn(ground.database, ingress, ground.clock)
    return Examining(ground.database, ingress, handing_in, ground.clock, ground.operation)
