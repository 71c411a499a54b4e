"""What the portal needs from others besides operations."""

from collections.abc import Sequence
from typing import Protocol

from nexus.audit.model import EntryContent, Receipt
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Operation, Resource
from nexus.kernel.secret import Secret


class CodeForm(Protocol):
    """The form of the codes on patients' letters."""

    def well_formed(self, typed: str) -> bool:
        """Whether what was typed can be a code: a mistyped one is said so at once, and costs no try."""


class Accounts(Protocol):
    """Accounts of patients, made inside the transaction that records why."""

    def create(self, tx: Transaction, by: str, now: Instant) -> str:
        """An account without factors; returns its id."""

    def invite(self, tx: Transaction, person: str, birth_date: Secret, now: Instant) -> tuple[Secret, Instant]:
        """A new code and its end; whatever opened the account before ends now."""


class Files(Protocol):
    """Subjects, and who decides for them."""

    def resource(self, subject: str) -> Resource:
        """A subject as the gate sees him."""

    def own_account(self, tx: Transaction, subject: str, now: Instant) -> str | None:
        """The account by which a subject decides for himself now. Raises NotFound for an unknown subject."""

    def hold(self, tx: Transaction, op: Operation, subject: str, account: str, now: Instant) -> None:
        """From now on this account is the subject's own. Raises NotFound, Denied."""


class Deciders(Protocol):
    """Who decides for whom, inside the transaction that asks."""

    def subjects(self, tx: Transaction, account: str, now: Instant) -> Sequence[str]:
        """For whom an account decides."""

    def accounts(self, tx: Transaction, subject: str, now: Instant) -> Sequence[str]:
        """Which accounts decide for a subject, as far as they are open."""

    def gone(self, tx: Transaction, account: str) -> bool:
        """Whether an account was deleted: nothing of it comes back."""


class Growing(Protocol):
    """The audit log as it grows."""

    def size(self, tx: Transaction) -> int:
        """How many entries there are."""


class Following(Growing, Protocol):
    """The same, to whoever can open it."""

    def between(self, first: int, end: int) -> Sequence[tuple[int, EntryContent]]:
        """Entries [first, end) that open, with their places, in order. Blocks. Raises Sealed while the key is not held."""


class Proofs(Protocol):
    """The audit log, as far as proofs go."""

    async def receipt(self, index: int) -> Receipt:
        """A receipt for one entry, verified before it is handed out."""

    def log_keys(self) -> tuple[str, tuple[str, ...]]:
        """The log's name, and its public keys."""
