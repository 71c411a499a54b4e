"""Lines of access logs that wait to be written into their target buckets."""

from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and where it goes: the target bucket by name, and how the names of its log objects begin."""

    position: int
    source: str
    """Name of the bucket that it tells of."""
    target: str
    prefix: str
    at: Instant
    text: str


def add(tx: Transaction, new: Line) -> None:
    """Keep a line until it is written; its position is given here."""
    tx.execute(
        "INSERT INTO objects_access_line (source, target, prefix, at, text) VALUES (?, ?, ?, ?, ?)",
        (new.source, new.target, new.prefix, new.at, new.text),
    )


def waiting(tx: Transaction, limit: int) -> list[Line]:
    """The oldest lines that wait."""
    rows = tx.all(
        "SELECT position, source, target, prefix, at, text FROM objects_access_line ORDER BY position LIMIT ?", (limit,)
    )
    return [Line(row[0], row[1], row[2], row[3], Instant(row[4]), row[5]) for row in rows]


def forget(tx: Transaction, positions: list[int]) -> None:
    """Remove lines that were written, or cannot be."""
    tx.execute_many("DELETE FROM objects_access_line WHERE position = ?", [(position,) for position in positions])
