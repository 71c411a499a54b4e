"""What a person is told about her own account."""

from nexus.iam.model import Notice, NoticeKind
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

MAX_NOTICES = 100
"""Notices of a person that are kept; the oldest make room."""
_COLUMNS = "id, person, kind, origin, first_at, last_at, times, seen_at"


def add(tx: Transaction, new: Notice) -> None:
    """Tell a person something. What she has not seen yet, of the same kind and from the same place, is counted once more."""
    counted = tx.execute(
        "UPDATE iam_notice SET times = times + 1, last_at = ?"
        " WHERE person = ? AND kind = ? AND origin = ? AND seen_at IS NULL",
        (new.last_at, new.person, new.kind.value, new.origin),
    )
    if counted:
        return
    tx.execute(
        f"INSERT INTO iam_notice ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 1, NULL)",  # noqa: S608 - a constant
        (new.id, new.person, new.kind.value, new.origin, new.first_at, new.last_at),
    )
    tx.execute(
        "DELETE FROM iam_notice WHERE person = ? AND id NOT IN"
        " (SELECT id FROM iam_notice WHERE person = ? ORDER BY last_at DESC, id DESC LIMIT ?)",
        (new.person, new.person, MAX_NOTICES),
    )


def of_person(tx: Transaction, person: str) -> list[Notice]:
    """The notices of a person, the latest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM iam_notice WHERE person = ? ORDER BY last_at DESC, id DESC",  # noqa: S608 - a constant
        (person,),
    )
    return [_notice(row) for row in rows]


def unseen(tx: Transaction, person: str) -> int:
    """How many notices a person has not seen."""
    row = tx.one("SELECT count(*) FROM iam_notice WHERE person = ? AND seen_at IS NULL", (person,))
    return 0 if row is None else int(row[0])


def mark_seen(tx: Transaction, person: str, now: Instant) -> int:
    """Mark everything that a person was told as seen; returns how many notices that were."""
    return tx.execute("UPDATE iam_notice SET seen_at = ? WHERE person = ? AND seen_at IS NULL", (now, person))


def unmailed(tx: Transaction, limit: int) -> list[tuple[Notice, str]]:
    """Notices whose mail was not arranged yet, the oldest first, each with the person's address; patients have none here."""
    columns = ", ".join(f"n.{name}" for name in _COLUMNS.split(", "))
    rows = tx.all(
        f"SELECT {columns}, coalesce(p.email, '') FROM iam_notice n LEFT JOIN iam_person p ON p.id = n.person"  # noqa: S608
        " AND p.id NOT IN (SELECT person FROM iam_patient)"
        " WHERE n.mailed_at IS NULL ORDER BY n.first_at, n.id LIMIT ?",
        (limit,),
    )
    return [(_notice(row), row[8]) for row in rows]


def mark_mailed(tx: Transaction, notice: str, now: Instant) -> None:
    """The mail of a notice is arranged, or there is none."""
    tx.execute("UPDATE iam_notice SET mailed_at = ? WHERE id = ?", (now, notice))


def mailed_since(tx: Transaction, person: str, since: Instant) -> int:
    """How many notices a person was mailed since then."""
    row = tx.one("SELECT count(*) FROM iam_notice WHERE person = ? AND mailed_at > ?", (person, since))
    return 0 if row is None else int(row[0])


def forget(tx: Transaction, person: str) -> None:
    """Remove what a deleted person was told."""
    tx.execute("DELETE FROM iam_notice WHERE person = ?", (person,))


def _notice(row: Row) -> Notice:
    seen = None if row[7] is None else Instant(row[7])
    return Notice(row[0], row[1], NoticeKind(row[2]), row[3], Instant(row[4]), Instant(row[5]), row[6], seen)
