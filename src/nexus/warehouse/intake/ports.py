"""What intake needs from others."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from nexus.crypto.signatures import Signature
from nexus.kernel.operation import Operation, Resource
from nexus.warehouse.intake.agreement import Agreement


class Gate(Protocol):
    """Who may see which provider."""

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do this; raise Denied otherwise. Never waits."""


class Signer(Protocol):
    """A key of the platform, kept by the key service, that signs receipts of deliveries and nothing else."""

    async def sign(self, op: Operation, message: bytes) -> Signature:
        """Raises Sealed or Unavailable."""


class Proofs(Protocol):
    """The audit log."""

    async def of_operation(self, operation: str, delivery: str) -> str:
        """The proof (tlog-proof) of the entry that an operation left about a delivery. Raises NotFound, Unavailable."""


class RowKeys(Protocol):
    """The sources that extracts come from."""

    def of(self, provider: str, agreement: Agreement) -> Mapping[str, Sequence[str]]:
        """By agreed table, the columns that tell its rows apart, as the agreement writes them; none where rows are only ever added.

        Raises Invalid where no changes can be told of what is agreed, with why.
        """
