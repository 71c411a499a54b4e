"""What consent needs from others. `app/wiring/consent.py` decides who keeps these promises."""

from typing import Protocol

from nexus.consent.model import LegalBasis, Scan
from nexus.crypto.signatures import Signature
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Operation


class Documents(Protocol):
    """Scans, kept as encrypted objects."""

    async def holds(self, op: Operation, site: str, scan: Scan) -> bool:
        """Whether this version is in a bucket of that site and what it holds has this hash. The reading is recorded."""


class Accounts(Protocol):
    """Accounts, as identity knows them."""

    def is_patient(self, tx: Transaction, account: str) -> bool:
        """Whether it is the account of a patient, and active or about to be."""


class Signer(Protocol):
    """The key that signs receipts. It lives in the key service."""

    async def sign(self, op: Operation, message: bytes) -> Signature:
        """By the version whose turn it is. Raises Sealed or Unavailable while there is none."""


class Proofs(Protocol):
    """The audit log, proving its entries."""

    async def of_operation(self, operation: str, decision: str) -> str:
        """The proof (C2SP tlog-proof) of the entry by which an operation recorded a decision. Waits a little for the next
        checkpoint. Raises NotFound once it was erased, Unavailable while no checkpoint covers it."""


class Projects(Protocol):
    """Projects, and what each rests on."""

    def basis(self, tx: Transaction, project: str) -> LegalBasis | None:
        """The legal basis of a project that is open now; None for any other name."""

    def version(self, tx: Transaction) -> int:
        """Never falls, and rises with each change of what `basis` says."""
