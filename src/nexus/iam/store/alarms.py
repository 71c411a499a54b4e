"""Alarms: written in the commit of what they tell of, told by the worker, kept."""

from nexus.iam.supervision import Alarm, AlarmKind
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.ids import new_id


def sound(tx: Transaction, kind: AlarmKind, person: str, about: str, at: Instant) -> None:
    """Raise an alarm. `person` and `about` are ids: an alarm names nobody."""
    tx.execute(
        "INSERT INTO iam_alarm (id, kind, person, about, at) VALUES (?, ?, ?, ?, ?)",
        (new_id("alm"), kind.value, person, about, at),
    )


def untold(tx: Transaction, limit: int) -> list[Alarm]:
    """The oldest alarms that were not told yet."""
    rows = tx.all(
        "SELECT position, id, kind, person, about, at FROM iam_alarm WHERE told_at IS NULL ORDER BY position LIMIT ?",
        (limit,),
    )
    return [Alarm(row[0], row[1], AlarmKind(row[2]), row[3], row[4], Instant(row[5])) for row in rows]


def told(tx: Transaction, position: int, now: Instant) -> bool:
    """Mark an alarm as told; whether it was not yet."""
    return tx.execute("UPDATE iam_alarm SET told_at = ? WHERE position = ? AND told_at IS NULL", (now, position)) == 1


def waiting(tx: Transaction) -> int:
    """How many alarms were not told yet."""
    row = tx.one("SELECT count(*) FROM iam_alarm WHERE told_at IS NULL")
    assert row is not None
    return int(row[0])
