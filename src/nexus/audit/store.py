"""All SQL of the audit log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from nexus.audit.epochs import Epoch
from nexus.audit.model import LogPolicy
from nexus.crypto.merkle import Frontier
from nexus.kernel.database import Row, Transaction
from nexus.kernel.errors import Conflict, Damaged

LeafRow = tuple[int, bytes, int, bytes]
"""(position, leaf data, epoch id, sealed entry)"""


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as committed. `erasures` counts the persons erased so far."""

    size: int
    root: bytes
    frontier: Frontier
    erasures: int


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    size: int
    note: str
    published_at: int
    witnessed: bool


def read_head(tx: Transaction) -> Head:
    """The tree head. Raises Damaged if it is gone or contradicts itself."""
    row = tx.one("SELECT size, root, frontier, erasures FROM audit_head WHERE id = 1")
    if row is None:
        raise Damaged("the audit log has no head", code="audit.head-missing", hint="restore the last backup")
    size, root, peaks, erasures = row
    frontier = Frontier.decode(size, peaks)
    if frontier.root() != root:
        raise Damaged("the head of the audit log contradicts itself", code="audit.head", hint="run: nexus audit verify")
    return Head(size, root, frontier, erasures)


def swap_head(tx: Transaction, old: Head, frontier: Frontier) -> None:
    """Replace the head that was read by a longer one. Raises Conflict if it is no longer the same."""
    changed = tx.execute(
        "UPDATE audit_head SET size = ?, root = ?, frontier = ? WHERE id = 1 AND size = ? AND root = ?",
        (frontier.size, frontier.root(), frontier.encode(), old.size, old.root),
    )
    if changed != 1:
        raise Conflict("another process has appended to the audit log", code="audit.head-moved", hint="retry")


def insert_leaves(tx: Transaction, rows: Sequence[LeafRow]) -> None:
    tx.execute_many("INSERT INTO audit_leaf (position, leaf, epoch, sealed) VALUES (?, ?, ?, ?)", rows)


def store_epochs(tx: Transaction, epochs: Iterable[Epoch]) -> None:
    """Make sure that these epochs are stored. A key counts as stored once an earlier transaction has committed it."""
    for epoch in epochs:
        if epoch.stored:
            continue
        if tx.one("SELECT 1 FROM audit_epoch WHERE id = ?", (epoch.id,)):
            epoch.stored = True
        else:
            tx.execute(
                "INSERT INTO audit_epoch (id, person, sealed) VALUES (?, ?, ?)", (epoch.id, epoch.tag, epoch.sealed)
            )


# Leaves


def leaves_between(tx: Transaction, first: int, end: int) -> list[bytes]:
    """Leaf data of the entries [first, end). Raises Damaged, naming the first that is missing."""
    rows = tx.all(
        "SELECT position, leaf FROM audit_leaf WHERE position >= ? AND position < ? ORDER BY position", (first, end)
    )
    for expected, (position, _) in enumerate(rows, first):
        if position != expected:
            raise missing_entry(expected)
    if len(rows) != end - first:
        raise missing_entry(first + len(rows))
    return [leaf for _, leaf in rows]


def missing_entry(index: int) -> Damaged:
    return Damaged(
        f"entry {index} of the audit log is missing",
        code="audit.entry-missing",
        hint="stop, keep every copy of the data, and compare with the witnesses: nexus audit log verify",
    )


# Checkpoints and policy


def latest_checkpoint(tx: Transaction, *, witnessed: bool = False, holding: int = 0) -> StoredCheckpoint | None:
    """The newest checkpoint (only witnessed ones, on request) of more than `holding` entries."""
    row = tx.one(
        "SELECT size, note, published_at, witnessed FROM audit_checkpoint WHERE witnessed >= ? AND size > ?"
        " ORDER BY size DESC LIMIT 1",
        (int(witnessed), holding),
    )
    return _checkpoint(row)


def checkpoint_of(tx: Transaction, size: int) -> StoredCheckpoint | None:
    """The checkpoint of exactly this size, if it is kept."""
    return _checkpoint(
        tx.one("SELECT size, note, published_at, witnessed FROM audit_checkpoint WHERE size = ?", (size,))
    )


def all_checkpoints(tx: Transaction) -> list[StoredCheckpoint]:
    """Every checkpoint that is kept, oldest first."""
    rows = tx.all("SELECT size, note, published_at, witnessed FROM audit_checkpoint ORDER BY size")
    return [StoredCheckpoint(size, note, at, bool(witnessed)) for size, note, at, witnessed in rows]


def _checkpoint(row: Row | None) -> StoredCheckpoint | None:
    return None if row is None else StoredCheckpoint(row[0], row[1], row[2], bool(row[3]))


def put_checkpoint(tx: Transaction, checkpoint: StoredCheckpoint) -> None:
    """Keep a checkpoint, or its later form with more cosignatures."""
    tx.execute(
        "INSERT INTO audit_checkpoint VALUES (?, ?, ?, ?)"
        " ON CONFLICT (size) DO UPDATE SET note = excluded.note, witnessed = excluded.witnessed",
        (checkpoint.size, checkpoint.note, checkpoint.published_at, int(checkpoint.witnessed)),
    )


def thin_checkpoints(tx: Transaction, keep: int, period: int) -> int:
    """Of those older than the newest `keep`, keep the last of each `period` (microseconds); returns how many went."""
    row = tx.one("SELECT size FROM audit_checkpoint ORDER BY size DESC LIMIT 1 OFFSET ?", (keep,))
    if row is None:
        return 0
    return tx.execute(
        "DELETE FROM audit_checkpoint WHERE size <= ?"
        " AND size NOT IN (SELECT max(size) FROM audit_checkpoint GROUP BY published_at / ?)",
        (row[0], period),
    )


def read_policy(tx: Transaction) -> LogPolicy:
    """Who must cosign; nobody before it is first configured."""
    row = tx.one("SELECT body FROM audit_policy WHERE id = 1")
    return LogPolicy() if row is None else msgspec.json.decode(row[0], type=LogPolicy)


def put_policy(tx: Transaction, policy: LogPolicy) -> None:
    tx.execute(
        "INSERT INTO audit_policy VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        (msgspec.json.encode(policy, order="sorted"),),
    )
