"""An audit recorder that remembers entries in memory, and refuses on demand."""

from collections.abc import Sequence

from nexus.kernel.database import Transaction
from nexus.kernel.operation import Entry


class MemoryRecorder:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.broken = False

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        if self.broken:
            raise OSError("the log cannot be written")
        self.entries.extend(entries)
