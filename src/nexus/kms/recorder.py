"""The recorder of kms.db: entries commit with their change into the outbox; a collector moves them to the audit log."""

from collections.abc import Sequence
from typing import Final

from nexus.kernel import outbox
from nexus.kernel.database import Transaction
from nexus.kernel.entries import encode
from nexus.kernel.errors import Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry

TOPIC: Final = "audit.entry"
MAX_PENDING: Final = 1_000_000
"""Entries that may wait for their collector (some 600 MB): beyond this nothing happens any more, and nothing is lost."""


class OutboxRecorder:
    """A kernel `Recorder`. The id of each message lets the collector drop what it has seen."""

    def __init__(self, limit: int = MAX_PENDING) -> None:
        self._limit = limit

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        if pending_count(tx) + len(entries) > self._limit:
            raise Unavailable(
                "too many audit entries wait to be collected",
                code="kms.outbox-full",
                hint="the worker collects them: see that it runs",
            )
        outbox.post(tx, [(new_id("ent"), TOPIC, encode(entry)) for entry in entries])


def pending_count(tx: Transaction) -> int:
    """Entries that nobody has acknowledged: positions are dense, because entries leave from the front only."""
    row = tx.one("SELECT coalesce(max(position) - min(position) + 1, 0) FROM outbox")
    return int(row[0]) if row else 0
