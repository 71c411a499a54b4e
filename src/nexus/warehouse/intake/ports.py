"""What intake needs from others."""

from typing import Protocol

from nexus.crypto.signatures import Signature
from nexus.kernel.operation import Operation, Resource


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
