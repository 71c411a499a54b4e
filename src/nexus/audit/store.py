"""All SQL of the audit log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from nexus.audit.epochs import Epoch
from nexus.audit.model import LogPolicy
from nexus.crypto.merkle import EMPTY_ROOT, Frontier
from nexus.kernel.database import Row, Transaction
from nexus.kernel.errors import Conflict, Damaged

LeafRow = tuple[int, bytes, int, bytes]
"""(position, leaf data, epoch id, sealed entry)"""


MAX_TAGS = 500
"""Persons that one statement looks for."""


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


def claimed_head(tx: Transaction) -> Head:
    """What a damaged head row still says, for verifying the rest of the log."""
    row = tx.one("SELECT size, root, erasures FROM audit_head WHERE id = 1")
    size, root, erasures = row or (end_of_leaves(tx), EMPTY_ROOT, 0)
    return Head(size, root, Frontier(), erasures)


def swap_head(tx: Transaction, old: Head, frontier: Frontier) -> None:
    """Replace the head that was read by a longer one. Raises Conflict if it is no longer the same."""
    changed = tx.execute(
        "UPDATE audit_head SET size = ?, root = ?, frontier = ? WHERE id = 1 AND size = ? AND root = ?",
        (frontier.size, frontier.root(), frontier.encode(), old.size, old.root),
    )
    if changed != 1:
        raise Conflict("another process has appended to the audit log", code="audit.head-moved", hint="retry")


def insert_leaves(tx: Transaction, rows: Sequence[LeafRow]) -> None:
    """Add entries. A position that is taken is an error of the database."""
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
    """The error for a gap in the log."""
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


def forget_checkpoints(tx: Transaction) -> None:
    """Drop every checkpoint: the log goes on under another name, and the old ones are signed under the former."""
    tx.execute("DELETE FROM audit_checkpoint")


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
    """Replace the witness policy."""
    tx.execute(
        "INSERT INTO audit_policy VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        (msgspec.json.encode(policy, order="sorted"),),
    )


# Entries and epochs


def leaf_rows(tx: Transaction, first: int, end: int) -> list[LeafRow]:
    """The entries [first, end) that exist, in order."""
    return cast(
        list[LeafRow],
        tx.all(
            "SELECT position, leaf, epoch, sealed FROM audit_leaf WHERE position >= ? AND position < ? ORDER BY 1",
            (first, end),
        ),
    )


def leaf_rows_at(tx: Transaction, places: Sequence[int]) -> list[LeafRow]:
    """The entries at these places that exist."""
    marks = ", ".join("?" * len(places))
    sql = f"SELECT position, leaf, epoch, sealed FROM audit_leaf WHERE position IN ({marks})"  # noqa: S608 - marks
    return cast(list[LeafRow], tx.all(sql, tuple(places))) if places else []


def places_of_persons(tx: Transaction, persons: Sequence[bytes], end: int) -> list[int]:
    """The places before `end` of every entry that is sealed for one of these persons, in order."""
    places: list[int] = []
    for start in range(0, len(persons), MAX_TAGS):
        tags = persons[start : start + MAX_TAGS]
        marks = ", ".join("?" * len(tags))
        known = (
            "SELECT p.position FROM audit_epoch e JOIN audit_place p ON p.epoch = e.id"  # noqa: S608 - marks
            f" WHERE e.person IN ({marks}) AND p.position < ?"
        )
        youngest = (
            "SELECT position FROM audit_leaf WHERE position >= ? AND position < ?"  # noqa: S608 - marks
            f" AND epoch IN (SELECT id FROM audit_epoch WHERE person IN ({marks}))"
        )
        places += [place for (place,) in tx.all(known, (*tags, end))]
        places += [place for (place,) in tx.all(youngest, (placed(tx), end, *tags))]
    return sorted(places)


def placed(tx: Transaction) -> int:
    """The position before which every entry has its place."""
    row = tx.one("SELECT until FROM audit_placed WHERE id = 1")
    return 0 if row is None else int(row[0])


def epochs_between(tx: Transaction, first: int, end: int) -> list[tuple[int, int]]:
    """(epoch, position) of the entries [first, end)."""
    sql = "SELECT epoch, position FROM audit_leaf WHERE position >= ? AND position < ?"
    return cast(list[tuple[int, int]], tx.all(sql, (first, end)))


def place(tx: Transaction, places: Sequence[tuple[int, int]], until: int) -> None:
    """Keep (epoch, position) of all entries before `until` that had no place yet."""
    tx.execute_many("INSERT INTO audit_place (epoch, position) VALUES (?, ?)", places)
    tx.execute("UPDATE audit_placed SET until = ? WHERE id = 1", (until,))


def person_of_place(tx: Transaction, place: int) -> bytes | None:
    """The tag of the person for whom the entry at a place is sealed; None if there is no entry, or he was erased."""
    row = tx.one(
        "SELECT e.person FROM audit_leaf l JOIN audit_epoch e ON e.id = l.epoch WHERE l.position = ?", (place,)
    )
    return None if row is None or row[0] is None else bytes(row[0])


def end_of_leaves(tx: Transaction) -> int:
    """One more than the position of the last entry that there is."""
    row = tx.one("SELECT max(position) FROM audit_leaf")
    return 0 if row is None or row[0] is None else int(row[0]) + 1


def epoch_state(tx: Transaction, epoch: int) -> tuple[bool, str | None] | None:
    """Whether the epoch key is still there, and which operation erased it; None if there is no such epoch."""
    row = tx.one("SELECT sealed IS NOT NULL, erased_by FROM audit_epoch WHERE id = ?", (epoch,))
    return None if row is None else (bool(row[0]), row[1])


def sealed_epoch(tx: Transaction, epoch: int) -> bytes:
    """The sealed key of an epoch that is there."""
    row = tx.one("SELECT sealed FROM audit_epoch WHERE id = ?", (epoch,))
    assert row is not None
    return cast(bytes, row[0])


def epochs_of(tx: Transaction, person: bytes) -> list[int]:
    """Ids of a person's epochs, by the person's tag."""
    return [epoch for (epoch,) in tx.all("SELECT id FROM audit_epoch WHERE person = ? ORDER BY id", (person,))]


def erase_epochs(tx: Transaction, person: bytes, operation: str) -> None:
    """Destroy a person's epoch keys; make every process take new ones."""
    tx.execute(
        "UPDATE audit_epoch SET person = NULL, sealed = NULL, erased_by = ? WHERE person = ?", (operation, person)
    )
    tx.execute("UPDATE audit_head SET erasures = erasures + 1 WHERE id = 1")


def erased_epochs(tx: Transaction) -> dict[str, list[int]]:
    """Operation -> ids of the epochs that it erased, in order."""
    erased: dict[str, list[int]] = {}
    for operation, epoch in tx.all("SELECT erased_by, id FROM audit_epoch WHERE sealed IS NULL ORDER BY id"):
        erased.setdefault(operation or "", []).append(epoch)
    return erased


# Search filters


def indexed_blocks(tx: Transaction) -> set[int]:
    """Blocks that have a filter."""
    return {block for (block,) in tx.all("SELECT block FROM audit_filter")}


def read_filter(tx: Transaction, block: int) -> tuple[str, str, bytes] | None:
    """(earliest time, latest time, bits) of a block, if it has been indexed."""
    return cast(
        tuple[str, str, bytes] | None,
        tx.one("SELECT first_at, last_at, bits FROM audit_filter WHERE block = ?", (block,)),
    )


def put_filter(tx: Transaction, block: int, first_at: str, last_at: str, bits: bytes) -> None:
    """Keep the filter of a block. Times are those of its first and last entry, as text that sorts."""
    tx.execute(
        "INSERT INTO audit_filter VALUES (?, ?, ?, ?) ON CONFLICT (block)"
        " DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at, bits = excluded.bits",
        (block, first_at, last_at, bits),
    )


def drop_filters(tx: Transaction, blocks: Iterable[int], after: int) -> None:
    """Forget the filters of these blocks, and of every block from `after` on."""
    tx.execute_many("DELETE FROM audit_filter WHERE block = ?", [(block,) for block in blocks])
    tx.execute("DELETE FROM audit_filter WHERE block >= ?", (after,))
