"""What consent needs from others. `app/wiring/consent.py` decides who keeps these promises."""

from typing import Protocol

from nexus.consent.model import LegalBasis, Scan
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


class Projects(Protocol):
    """Projects, and what each rests on."""

    def basis(self, tx: Transaction, project: str) -> LegalBasis | None:
        """The legal basis of a project that is open now; None for any other name."""

    def version(self, tx: Transaction) -> int:
        """Never falls, and rises with each change of what `basis` says."""
