"""Access reviews: campaigns and their items, and what an item does to the right or credential that it is about."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from collections.abc import Mapping
from dataclasses import dataclass

from nexus.iam.supervision import ItemKind, ItemVerdict, Review, ReviewItem
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Row, Transaction
from nexus.kernel.ids import new_id

_ITEM = "id, review, kind, subject, identity, person, role, scope, last_used_at, verdict, decided_by, decided_at"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the subjects of a kind lie, and what of them a review shows."""

    table: str
    holder: str
    role: str
    scope: str
    ends: str
    used: str
    """What tells when `s` was last used."""


_NOTED = "(SELECT u.last_used_at FROM iam_use u WHERE u.kind = '{}' AND u.subject = s.id)"
_USED_DAY = f"(SELECT u.day * {DAY} FROM iam_grant_use u WHERE u.grant_id = s.id)"
_ELEVATED_AT = "(SELECT max(e.starts_at) FROM iam_elevation e WHERE e.eligibility = s.id)"
_SOURCES: Mapping[ItemKind, _Source] = {
    ItemKind.GRANT: _Source("iam_grant", "identity", "s.role", "s.scope", "ends_at", _USED_DAY),
    ItemKind.ELIGIBILITY: _Source("iam_eligibility", "person", "s.role", "s.scope", "ends_at", _ELEVATED_AT),
    ItemKind.ACCESS_KEY: _Source("iam_access_key", "identity", "''", "''", "expires_at", _NOTED.format("access-key")),
    ItemKind.TOKEN: _Source("iam_token", "identity", "''", "''", "expires_at", _NOTED.format("token")),
}


def add(tx: Transaction, new: Review) -> None:
    """Store a campaign."""
    tx.execute(
        "INSERT INTO iam_review (id, opened_by, opened_at, deadline) VALUES (?, ?, ?, ?)",
        (new.id, new.opened_by, new.opened_at, new.deadline),
    )


def fill(tx: Transaction, review_id: str, now: Instant) -> int:
    """Add an item for every right and credential that holds now or will hold; returns how many."""
    for kind, source in _SOURCES.items():
        found = tx.all(
            f"SELECT s.id, i.id, i.person, {source.role}, {source.scope}, {source.used}"
            f" FROM {source.table} s JOIN iam_identity i ON i.id = s.{source.holder}"
            f" WHERE s.revoked_at IS NULL AND s.{source.ends} > ?",
            (now,),
        )
        tx.execute_many(
            "INSERT INTO iam_review_item (id, review, kind, subject, identity, person, role, scope, last_used_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(new_id("rvi"), review_id, kind.value, *row) for row in found],
        )
    row = tx.one("SELECT count(*) FROM iam_review_item WHERE review = ?", (review_id,))
    assert row is not None
    return int(row[0])


def find(tx: Transaction, review_id: str) -> Review | None:
    """One campaign, or None."""
    row = tx.one("SELECT id, opened_by, opened_at, deadline, closed_at FROM iam_review WHERE id = ?", (review_id,))
    return None if row is None else _review(row)


def campaigns(tx: Transaction, after: str, limit: int) -> list[Review]:
    """Campaigns after an id."""
    rows = tx.all(
        "SELECT id, opened_by, opened_at, deadline, closed_at FROM iam_review WHERE id > ? ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [_review(row) for row in rows]


def current(tx: Transaction) -> Review | None:
    """The campaign that is open, or None."""
    row = tx.one("SELECT id, opened_by, opened_at, deadline, closed_at FROM iam_review WHERE closed_at IS NULL")
    return None if row is None else _review(row)


def last_opened(tx: Transaction) -> Instant | None:
    """When the last campaign was opened; without any, when the first identity was created; None on an empty platform."""
    row = tx.one("SELECT coalesce((SELECT max(opened_at) FROM iam_review), (SELECT min(created_at) FROM iam_identity))")
    return None if row is None or row[0] is None else Instant(row[0])


def close(tx: Transaction, review_id: str, now: Instant) -> None:
    """Close a campaign."""
    tx.execute("UPDATE iam_review SET closed_at = ? WHERE id = ? AND closed_at IS NULL", (now, review_id))


def item(tx: Transaction, item_id: str) -> ReviewItem | None:
    """One item, or None."""
    row = tx.one(f"SELECT {_ITEM} FROM iam_review_item WHERE id = ?", (item_id,))
    return None if row is None else _item(row)


def items(tx: Transaction, review_id: str, verdict: ItemVerdict, after: str, limit: int) -> list[ReviewItem]:
    """Items of a campaign with a verdict, after an id."""
    rows = tx.all(
        f"SELECT {_ITEM} FROM iam_review_item WHERE review = ? AND verdict = ? AND id > ? ORDER BY id LIMIT ?",
        (review_id, verdict.value, after, limit),
    )
    return [_item(row) for row in rows]


def suspended_before(tx: Transaction, before: Instant, limit: int) -> list[ReviewItem]:
    """Items that were suspended before a moment and never restored."""
    rows = tx.all(
        f"SELECT {_ITEM} FROM iam_review_item WHERE verdict = 'suspended' AND decided_at <= ? LIMIT ?", (before, limit)
    )
    return [_item(row) for row in rows]


def waiting(tx: Transaction, review_id: str) -> int:
    """Items of a campaign that wait for a verdict."""
    row = tx.one("SELECT count(*) FROM iam_review_item WHERE review = ? AND verdict = 'none'", (review_id,))
    assert row is not None
    return int(row[0])


def kept(tx: Transaction) -> int:
    """Items of closed campaigns that still have no verdict and whose right still holds."""
    row = tx.one(
        "SELECT count(*) FROM iam_review_item m JOIN iam_review r ON r.id = m.review"
        " JOIN iam_grant g ON g.id = m.subject AND g.revoked_at IS NULL"
        " WHERE m.verdict = 'none' AND r.closed_at IS NOT NULL"
    )
    assert row is not None
    return int(row[0])


def judge(tx: Transaction, about: ReviewItem, verdict: ItemVerdict, by: str, now: Instant) -> bool:
    """Store a verdict if the item still stands where it stood; False otherwise."""
    changed = tx.execute(
        "UPDATE iam_review_item SET verdict = ?, decided_by = ?, decided_at = ? WHERE id = ? AND verdict = ?",
        (verdict.value, by, now, about.id, about.verdict.value),
    )
    return changed == 1


def withhold(tx: Transaction, about: ReviewItem, now: Instant) -> None:
    """Take away what an item is about, with what was elevated through it. Nothing happens if it is gone already."""
    source = _SOURCES[about.kind]
    tx.execute(f"UPDATE {source.table} SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, about.subject))
    tx.execute(
        "UPDATE iam_elevation SET ended_at = ? WHERE eligibility = ? AND ended_at IS NULL AND ends_at > ?",
        (now, about.subject, now),
    )


def give_back(tx: Transaction, about: ReviewItem) -> bool:
    """Undo `withhold`; False if it has been deleted, or was taken away at another moment."""
    source = _SOURCES[about.kind]
    changed = tx.execute(
        f"UPDATE {source.table} SET revoked_at = NULL WHERE id = ? AND revoked_at = ?",
        (about.subject, about.decided_at),
    )
    return changed == 1


def delete(tx: Transaction, about: ReviewItem) -> None:
    """Delete what was suspended long ago. An eligible grant stays, taken away: elevations of the past point at it."""
    if about.kind is not ItemKind.ELIGIBILITY:
        table = _SOURCES[about.kind].table
        tx.execute(f"DELETE FROM {table} WHERE id = ? AND revoked_at IS NOT NULL", (about.subject,))


def _review(row: Row) -> Review:
    return Review(row[0], row[1], Instant(row[2]), Instant(row[3]), None if row[4] is None else Instant(row[4]))


def _item(row: Row) -> ReviewItem:
    return ReviewItem(
        id=row[0],
        review=row[1],
        kind=ItemKind(row[2]),
        subject=row[3],
        identity=row[4],
        person=row[5],
        role=row[6],
        scope=row[7],
        last_used_at=None if row[8] is None else Instant(row[8]),
        verdict=ItemVerdict(row[9]),
        decided_by=row[10],
        decided_at=None if row[11] is None else Instant(row[11]),
    )
