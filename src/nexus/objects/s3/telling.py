"""Posts events of buckets in the very commit that makes them: whatever is recorded of an object is told, or neither happens.

It stands between the database and the audit log: entries pass through it unchanged, and those that tell of an object leave
events in the outbox of notifications (`store/events.py`), one for each destination that hears of them.
"""

from collections.abc import Sequence

from nexus.kernel.database import Recorder, Transaction
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry
from nexus.objects.s3 import subscriptions
from nexus.objects.store import events


class TellingRecorder:
    """A `Recorder` before another one."""

    def __init__(self, log: Recorder) -> None:
        self._log = log

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Hand on the entries; then post what they tell of."""
        self._log.record(tx, entries)
        for entry in entries:
            if event := subscriptions.event_of(entry):
                _post(tx, entry, event)


def _post(tx: Transaction, entry: Entry, event: str) -> None:
    configured = events.configured(tx, entry.resource.id)
    if configured is None:
        return
    key, version = str(entry.details["key"]), str(entry.details["version"])
    told = subscriptions.decode(configured.document)
    hearing = [each for each in told.each if each.hears(event, key)]
    if not hearing:
        return
    etag, versioned = events.etag_of(tx, configured.number, version) or ("", entry.details["version"] is not None)
    rows = []
    for each in hearing:
        body = subscriptions.body_of(
            entry, event, each, region=told.region, owner=configured.owner, etag=etag, versioned=versioned
        )
        rows.append((new_id("evt"), each.destination, body, entry.operation.at))
    events.post(tx, rows)
