"""Receipts, given out: for each decided delivery, to those who may see it."""

from typing import Final

from nexus.kernel.database import Database
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Operation
from nexus.warehouse.intake.model import DECIDED, Delivery, Provider
from nexus.warehouse.intake.ports import Proofs, Signer
from nexus.warehouse.intake.receipt_format import content_of, encode, message_of
from nexus.warehouse.intake.requests import DeliveryReceipt

RECEIPT: Final = "intake.delivery.read"


class Receipts:
    """The story about receipts."""

    def __init__(self, database: Database, signer: Signer, proofs: Proofs) -> None:
        self._database = database
        self._signer = signer
        self._proofs = proofs

    async def give(self, op: Operation, provider: Provider, delivery: Delivery) -> DeliveryReceipt:
        """Raises Conflict if nothing is decided yet, NotFound, Sealed, Unavailable."""
        if delivery.state not in DECIDED:
            raise Conflict("nothing is decided about this delivery yet", code="intake.undecided")
        content = content_of(provider, delivery)
        log = await self._proofs.of_operation(delivery.operation, delivery.id)
        signature = await self._signer.sign(op, message_of(content))
        entry = op.allowed(
            RECEIPT, provider.resource, provider=provider.name, delivery=delivery.id, receipt=True, key=signature.key
        )
        await self._database.record(entry)
        name = f"delivery-{provider.name}-{delivery.number}.json"
        return DeliveryReceipt(name=name, media_type="application/json", content=encode(content, signature, log))
