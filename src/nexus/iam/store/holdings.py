"""What identities hold and held, with the grants by which they do: for analysis, never for a decision."""

from collections.abc import Iterator

import msgspec

from nexus.iam.holdings import Held, Holding
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction

_HELD = msgspec.json.Decoder(tuple[Held, ...])

_SELECT = (
    "SELECT i.id, i.kind, i.name, i.person, i.state = 'active' AND o.state = 'active',"
    " (SELECT json_group_array(json(held)) FROM ("
    "SELECT json_array(g.id, g.role, g.scope, g.starts_at, g.ends_at, 'granted') AS held FROM iam_grant g"
    " WHERE g.identity = i.id AND g.granted_at <= ?1 AND g.starts_at <= ?1 AND g.ends_at > ?1"
    " AND (g.revoked_at IS NULL OR g.revoked_at > ?1)"
    " UNION ALL SELECT json_array(e.id, e.role, e.scope, e.starts_at, e.ends_at, 'elevated') FROM iam_elevation e"
    " WHERE e.person = i.id AND e.starts_at <= ?1 AND e.ends_at > ?1 AND (e.ended_at IS NULL OR e.ended_at > ?1)"
    " UNION ALL SELECT json_array(l.id, l.role, l.scope, l.starts_at, l.ends_at, 'eligible') FROM iam_eligibility l"
    " WHERE l.person = i.id AND l.granted_at <= ?1 AND l.starts_at <= ?1 AND l.ends_at > ?1"
    " AND l.suspended_at IS NULL AND (l.revoked_at IS NULL OR l.revoked_at > ?1)) h)"
    " FROM iam_identity i JOIN iam_identity o ON o.id = i.person"
)


def holding(tx: Transaction, identity_id: str, at: Instant) -> Holding | None:
    """What one identity held at a moment, whether it is active now or not; None if there is none."""
    row = tx.one(f"{_SELECT} WHERE i.id = ?2", (at, identity_id))
    return None if row is None else _holding(row)


def holdings(tx: Transaction, after: str, limit: int, now: Instant) -> Iterator[Holding]:
    """What active identities hold, in the order of their ids, after one."""
    rows = tx.all(
        f"{_SELECT} WHERE i.id > ?2 AND i.state = 'active' AND o.state = 'active' ORDER BY i.id LIMIT ?3",
        (now, after, limit),
    )
    return map(_holding, rows)


def _holding(row: tuple[object, ...]) -> Holding:
    identity, kind, name, person, active, held = row
    return Holding(str(identity), str(kind), str(name), str(person), bool(active), _HELD.decode(str(held)))
