"""Makes the pages of an export. Blocks: call it on a thread."""

from nexus.audit import store
from nexus.audit.model import ExportedEntry, ExportLog, ExportPage
from nexus.audit.opening import EntryOpener, Row
from nexus.audit.payload import Opened
from nexus.audit.policy import LogIdentity, policy_text
from nexus.kernel.database import Database
from nexus.kernel.errors import Damaged, NotFound


def export_page(db: Database, identity: LogIdentity, opener: EntryOpener | None, request: ExportLog) -> ExportPage:
    """One page, of the checkpoint that the request names. `opener`: where payloads are wanted in the clear.

    Raises NotFound if there is no such checkpoint, Damaged if an entry is missing or does not open.
    """
    with db.read() as tx:
        checkpoint = store.checkpoint_of(tx, request.size) if request.size else store.latest_checkpoint(tx)
        if checkpoint is None:
            raise NotFound(
                "there is no checkpoint of this size", code="audit.no-such-checkpoint", hint="size 0 takes the latest"
            )
        end = min(checkpoint.size, request.first + request.limit)
        if opener is None:
            leaves = store.leaves_between(tx, request.first, max(request.first, end))
            entries = tuple(ExportedEntry(index=at, leaf=leaf) for at, leaf in enumerate(leaves, request.first))
        else:
            entries = tuple(map(_opened, opener.chunk(tx, request.first, end)))
        policy = store.read_policy(tx)
    return ExportPage(
        checkpoint=checkpoint.note,
        size=checkpoint.size,
        policy=policy_text(identity, policy),
        entries=entries,
        next=end if end < checkpoint.size else None,
    )


def _opened(row: Row) -> ExportedEntry:
    if isinstance(row.entry, Damaged):
        raise row.entry
    if isinstance(row.entry, Opened):
        return ExportedEntry(index=row.index, leaf=row.leaf, salt=row.entry.salt, payload=row.entry.payload)
    return ExportedEntry(index=row.index, leaf=row.leaf)
