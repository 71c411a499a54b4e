"""Rows of locks: the retention and the hold of versions."""

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Row, Transaction
from nexus.objects.retention import Lock, Mode

_ONE = "SELECT mode, until, held FROM objects_lock WHERE version = ?"


def find(tx: Transaction, version_id: str) -> Lock | None:
    """The lock of a version, by its internal id."""
    return _lock(tx.one(_ONE, (version_id,)))


def peek(database: Database, version_id: str) -> Lock | None:
    """`find` as of now."""
    return _lock(database.peek(_ONE, (version_id,)))


def put(tx: Transaction, version_id: str, lock: Lock) -> None:
    """Store or replace the lock of a version."""
    tx.execute(
        "INSERT INTO objects_lock VALUES (?, ?, ?, ?) ON CONFLICT (version)"
        " DO UPDATE SET mode = excluded.mode, until = excluded.until, held = excluded.held",
        (version_id, lock.mode.value if lock.mode else "", lock.until, int(lock.held)),
    )


def delete(tx: Transaction, version_id: str) -> None:
    """Forget the lock of a version that is removed."""
    tx.execute("DELETE FROM objects_lock WHERE version = ?", (version_id,))


def _lock(row: Row | None) -> Lock | None:
    if row is None:
        return None
    mode, until, held = row
    return Lock(mode=Mode(mode) if mode else None, until=Instant(until), held=bool(held))
