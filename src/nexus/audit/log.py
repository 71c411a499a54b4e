"""The writing side of the audit log."""

from collections.abc import Sequence

from nexus.crypto.hpke import SealingKey
from nexus.kernel.clock import Clock, SystemClock
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Entry


class AuditLog:
    """Appends entries inside the caller's transaction (the kernel's `Recorder`). Holds no secret that could read them."""

    def __init__(self, public_key: SealingKey, *, clock: Clock | None = None) -> None:
        self._public_key = public_key
        self._clock = clock or SystemClock()

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Append `entries` in order; if it raises, nothing of the transaction may stay."""
        raise NotImplementedError
