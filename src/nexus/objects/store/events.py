"""Events of buckets that wait to be told, each for one destination: the outbox of notifications."""

from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that a destination has not taken yet. `body` is what it is sent."""

    position: int
    id: str
    destination: str
    body: bytes
    attempts: int
    created_at: Instant


@dataclass(frozen=True, slots=True)
class Configured:
    """A bucket that tells, and the document that says what to whom."""

    number: int
    site: str
    owner: str
    document: bytes


def configured(tx: Transaction, bucket: str) -> Configured | None:
    """What a bucket tells, by its name; None for one that tells nothing, and for data of patients."""
    row = tx.one(
        "SELECT b.number, b.site, b.owner, d.body FROM objects_bucket b"
        " JOIN objects_document d ON d.bucket = b.number AND d.name = 'notification'"
        " WHERE b.name = ? AND b.subjects IS NULL",
        (bucket,),
    )
    return None if row is None else Configured(row[0], row[1], row[2], row[3])


def etag_of(tx: Transaction, bucket: int, version_id: str) -> tuple[str, bool] | None:
    """The ETag of a version, and whether it is one of several; None if it is gone."""
    row = tx.one("SELECT etag, unversioned FROM objects_version WHERE bucket = ? AND id = ?", (bucket, version_id))
    return None if row is None else (row[0], not row[1])


def post(tx: Transaction, rows: list[tuple[str, str, bytes, Instant]]) -> None:
    """Keep (id, destination, body, now) until they are taken."""
    tx.execute_many(
        "INSERT INTO objects_event (id, destination, body, attempts, next_at, created_at) VALUES (?, ?, ?, 0, ?, ?)",
        [(event_id, destination, body, now, now) for event_id, destination, body, now in rows],
    )


def due(tx: Transaction, now: Instant, limit: int) -> list[Waiting]:
    """The oldest ones whose time has come."""
    rows = tx.all(
        "SELECT position, id, destination, body, attempts, created_at FROM objects_event WHERE next_at <= ?"
        " ORDER BY position LIMIT ?",
        (now, limit),
    )
    return [Waiting(row[0], row[1], row[2], row[3], row[4], Instant(row[5])) for row in rows]


def forget(tx: Transaction, positions: list[int]) -> None:
    """Remove those that were taken, or are given up."""
    tx.execute_many("DELETE FROM objects_event WHERE position = ?", [(position,) for position in positions])


def postpone(tx: Transaction, destination: str, failed: int, next_at: Instant) -> None:
    """One was not taken: it and all others of its destination wait."""
    tx.execute("UPDATE objects_event SET attempts = attempts + 1 WHERE position = ?", (failed,))
    tx.execute(
        "UPDATE objects_event SET next_at = ? WHERE destination = ? AND next_at < ?", (next_at, destination, next_at)
    )
