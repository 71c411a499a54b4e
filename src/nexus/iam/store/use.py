"""When credentials were last used, to the hour: for reviews, never for a decision."""

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction


def note(tx: Transaction, kind: str, subject: str, at: Instant) -> None:
    """Remember a use. `kind`: access-key or token."""
    tx.execute(
        "INSERT INTO iam_use VALUES (?, ?, ?) ON CONFLICT (kind, subject)"
        " DO UPDATE SET last_used_at = excluded.last_used_at WHERE excluded.last_used_at > iam_use.last_used_at",
        (kind, subject, at),
    )


def last(tx: Transaction, kind: str, subject: str) -> Instant | None:
    """The last use that was noted, or None."""
    row = tx.one("SELECT last_used_at FROM iam_use WHERE kind = ? AND subject = ?", (kind, subject))
    return None if row is None else Instant(row[0])
