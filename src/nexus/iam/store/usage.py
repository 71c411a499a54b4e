"""The day on which each right was last used."""

from collections.abc import Mapping
from typing import NamedTuple

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Transaction


class UnusedRow(NamedTuple):
    """A right, and the day (since 1970) of its last use, if there ever was one."""

    grant: str
    identity: str
    role: str
    scope: str
    granted_at: Instant
    ends_at: Instant
    day: int | None


def note(tx: Transaction, days: Mapping[str, int]) -> None:
    """Store the days (since 1970) on which rights were used; an earlier day never replaces a later one."""
    tx.execute_many(
        "INSERT INTO iam_grant_use (grant_id, day) VALUES (?, ?)"
        " ON CONFLICT (grant_id) DO UPDATE SET day = excluded.day WHERE excluded.day > iam_grant_use.day",
        list(days.items()),
    )


def counted_since(tx: Transaction) -> Instant:
    """Since when uses are counted."""
    row = tx.one("SELECT since FROM iam_use_counted")
    return Instant(0 if row is None else row[0])


def unused(  # noqa: PLR0917 - the parameters of one statement
    tx: Transaction, before_day: int, identity: str, after: str, limit: int, now: Instant
) -> list[UnusedRow]:
    """Rights that hold now, were granted before a day, and were not used since; after a grant's id."""
    rows = tx.all(
        "SELECT g.id, g.identity, g.role, g.scope, g.granted_at, g.ends_at, u.day FROM iam_grant g"
        " LEFT JOIN iam_grant_use u ON u.grant_id = g.id"
        " WHERE g.id > ?1 AND (?2 = '' OR g.identity = ?2) AND g.revoked_at IS NULL AND g.starts_at <= ?3 AND g.ends_at > ?3"
        " AND g.granted_at < ?4 AND g.starts_at < ?4 AND (u.day IS NULL OR u.day < ?5) ORDER BY g.id LIMIT ?6",
        (after, identity, now, before_day * DAY, before_day, limit),
    )
    return [UnusedRow(*row) for row in rows]
