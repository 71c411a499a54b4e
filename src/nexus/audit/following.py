"""The log as it grows, entry by entry, for whoever holds the audit private key and acts on what is new."""

from collections.abc import Callable, Sequence

from nexus.audit import store
from nexus.audit.model import EntryContent
from nexus.audit.opening import EntryOpener
from nexus.audit.payload import Opened
from nexus.kernel.database import Database, Transaction


class LogGrowth:
    """How far the log has grown; needs no key."""

    @staticmethod
    def size(tx: Transaction) -> int:
        """How many entries there are."""
        return store.read_head(tx).size


class LogFollower(LogGrowth):
    """Opens what is new. `opener` raises Sealed while the key is not held."""

    def __init__(self, db: Database, opener: Callable[[], EntryOpener]) -> None:
        self._db = db
        self._opener = opener

    def between(self, first: int, end: int) -> Sequence[tuple[int, EntryContent]]:
        """The entries [first, end) that open, in order; what was erased is left out. Blocks."""
        rows = self._opener().rows(self._db, first, end)
        return [(row.index, row.entry.content()) for row in rows if isinstance(row.entry, Opened)]
