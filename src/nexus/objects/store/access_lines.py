"""Lines of access logs that wait to be written into their target buckets."""

from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.objects.model import Grant


class Delivery(msgspec.Struct, frozen=True):
    """How the log objects of a bucket are named after the prefix, and whom their list names."""

    folder: str = ""
    """`site/region/bucket` of the source, where names are partitioned by date; else empty: simple names."""
    by_event: bool = False
    """Partitioned by the day of what the lines tell of; else by the time at which they are written."""
    grants: tuple[Grant, ...] = ()


SIMPLE: Final = Delivery()
_delivery: Final = msgspec.json.Decoder(Delivery)


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
    delivery: Delivery = SIMPLE


def add(tx: Transaction, new: Line) -> None:
    """Keep a line until it is written; its position is given here."""
    delivery = "" if new.delivery == SIMPLE else msgspec.json.encode(new.delivery).decode()
    tx.execute(
        "INSERT INTO objects_access_line (source, target, prefix, at, text, delivery) VALUES (?, ?, ?, ?, ?, ?)",
        (new.source, new.target, new.prefix, new.at, new.text, delivery),
    )


def waiting(tx: Transaction, limit: int) -> list[Line]:
    """The oldest lines that wait."""
    rows = tx.all(
        "SELECT position, source, target, prefix, at, text, delivery FROM objects_access_line ORDER BY position LIMIT ?",
        (limit,),
    )
    return [
        Line(row[0], row[1], row[2], row[3], Instant(row[4]), row[5], _delivery.decode(row[6]) if row[6] else SIMPLE)
        for row in rows
    ]


def forget(tx: Transaction, positions: list[int]) -> None:
    """Remove lines that were written, or cannot be."""
    tx.execute_many("DELETE FROM objects_access_line WHERE position = ?", [(position,) for position in positions])
