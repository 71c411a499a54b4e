"""Uses of break-glass with their reviews; the access itself is an elevation of kind emergency."""

from dataclasses import dataclass

from nexus.iam.model import Elevation, EligibilityKind, Role
from nexus.iam.supervision import Verdict
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_USE = (
    "e.id, e.eligibility, e.person, e.role, e.scope, e.reason, e.purpose, e.session, e.starts_at, e.ends_at, e.ended_at,"
    " b.due_at, b.verdict, b.overdue_at, b.reviewed_by, b.reviewed_at, b.comment"
)
_FROM = "FROM iam_break_glass b JOIN iam_elevation e ON e.id = b.elevation"


@dataclass(frozen=True, slots=True)
class BreakGlassRow:
    """One use of break-glass and where its review stands."""

    access: Elevation
    due_at: Instant
    verdict: Verdict
    overdue: bool
    reviewed_by: str | None
    reviewed_at: Instant | None
    comment: str


def add(tx: Transaction, elevation_id: str, person: str, due_at: Instant) -> None:
    """Open the review of a use."""
    tx.execute(
        "INSERT INTO iam_break_glass (elevation, person, due_at) VALUES (?, ?, ?)", (elevation_id, person, due_at)
    )


def find(tx: Transaction, elevation_id: str) -> BreakGlassRow | None:
    """One use, or None."""
    row = tx.one(f"SELECT {_USE} {_FROM} WHERE e.id = ?", (elevation_id,))
    return None if row is None else _use(row)


def uses(tx: Transaction, person: str, after: str, limit: int, *, reviewed: bool) -> list[BreakGlassRow]:
    """Uses of one person or of all (`person` empty), after an id; those that were reviewed too, if `reviewed`."""
    rows = tx.all(
        f"SELECT {_USE} {_FROM} WHERE (b.person = ? OR ? = '') AND e.id > ? AND (? = 1 OR b.verdict = 'none')"
        " ORDER BY e.id LIMIT ?",
        (person, person, after, reviewed, limit),
    )
    return [_use(row) for row in rows]


def late(tx: Transaction, now: Instant) -> list[BreakGlassRow]:
    """Uses whose review is over its time and has not been called overdue yet."""
    rows = tx.all(f"SELECT {_USE} {_FROM} WHERE b.verdict = 'none' AND b.overdue_at IS NULL AND b.due_at <= ?", (now,))
    return [_use(row) for row in rows]


def call_overdue(tx: Transaction, elevation_id: str, now: Instant) -> bool:
    """Mark a review as overdue; False if it was reviewed or marked in the meantime."""
    changed = tx.execute(
        "UPDATE iam_break_glass SET overdue_at = ? WHERE elevation = ? AND overdue_at IS NULL AND verdict = 'none'",
        (now, elevation_id),
    )
    return changed == 1


def judge(tx: Transaction, elevation_id: str, verdict: Verdict, by: str, comment: str, now: Instant) -> bool:  # noqa: PLR0917
    """Close a review; False if it was closed before."""
    changed = tx.execute(
        "UPDATE iam_break_glass SET verdict = ?, reviewed_by = ?, comment = ?, reviewed_at = ?"
        " WHERE elevation = ? AND verdict = 'none'",
        (verdict.value, by, comment, now, elevation_id),
    )
    return changed == 1


def blamed(tx: Transaction, person: str) -> bool:
    """Whether a use of this person was not justified, or is overdue and still waits."""
    row = tx.one(
        "SELECT 1 FROM iam_break_glass WHERE person = ?"
        " AND (verdict = 'unjustified' OR (verdict = 'none' AND overdue_at IS NOT NULL))",
        (person,),
    )
    return row is not None


def suspend(tx: Transaction, person: str, now: Instant) -> None:
    """Suspend every emergency grant of a person and end what is open through them."""
    tx.execute(
        "UPDATE iam_eligibility SET suspended_at = ?"
        " WHERE person = ? AND kind = 'emergency' AND suspended_at IS NULL AND revoked_at IS NULL",
        (now, person),
    )
    tx.execute(
        "UPDATE iam_elevation SET ended_at = ?"
        " WHERE person = ? AND kind = 'emergency' AND ended_at IS NULL AND ends_at > ?",
        (now, person, now),
    )


def reinstate(tx: Transaction, person: str) -> None:
    """Lift the suspension of a person's emergency grants."""
    tx.execute("UPDATE iam_eligibility SET suspended_at = NULL WHERE person = ? AND kind = 'emergency'", (person,))


def counts(tx: Transaction, now: Instant) -> tuple[int, int, int]:
    """Uses that are open now, reviews that wait, and those of them that are overdue."""
    row = tx.one(
        "SELECT (SELECT count(*) FROM iam_elevation WHERE kind = 'emergency' AND ended_at IS NULL AND ends_at > ?),"
        " count(*), count(CASE WHEN due_at <= ? THEN 1 END) FROM iam_break_glass WHERE verdict = 'none'",
        (now, now),
    )
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def _use(row: Row) -> BreakGlassRow:
    access = Elevation(
        id=row[0],
        eligibility=row[1],
        person=row[2],
        role=Role(row[3]),
        scope=row[4],
        kind=EligibilityKind.EMERGENCY,
        reason=row[5],
        purpose=row[6],
        session=row[7],
        starts_at=Instant(row[8]),
        ends_at=Instant(row[9]),
        ended_at=None if row[10] is None else Instant(row[10]),
    )
    reviewed_at = None if row[15] is None else Instant(row[15])
    return BreakGlassRow(access, Instant(row[11]), Verdict(row[12]), row[13] is not None, row[14], reviewed_at, row[16])
