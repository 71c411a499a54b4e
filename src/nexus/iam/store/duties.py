"""What one human being holds, over all accounts of hers that are recorded."""

from nexus.iam.model import Role
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction

_ACCOUNTS = (
    "WITH accounts (id) AS (SELECT ?1 UNION SELECT person FROM iam_same_person"
    " WHERE human = (SELECT human FROM iam_same_person WHERE person = ?1))"
)


def held_by(tx: Transaction, identity_id: str, now: Instant) -> list[tuple[Role, str]]:
    """Role and scope of each right that holds now or will hold, and of each open elevation, of every account."""
    rows = tx.all(
        f"{_ACCOUNTS} SELECT role, scope FROM iam_grant WHERE identity IN (SELECT id FROM accounts)"  # noqa: S608
        " AND revoked_at IS NULL AND ends_at > ?2"
        " UNION SELECT role, scope FROM iam_elevation WHERE person IN (SELECT id FROM accounts)"
        " AND ended_at IS NULL AND ends_at > ?2",
        (identity_id, now),
    )
    return [(Role(role), scope) for role, scope in rows]


def holders_of_several(tx: Transaction, now: Instant) -> list[str]:
    """Active persons who hold more than one role now."""
    rows = tx.all(
        "SELECT g.identity FROM iam_grant g JOIN iam_identity i ON i.id = g.identity WHERE i.state = 'active'"
        " AND i.kind = 'person' AND g.revoked_at IS NULL AND g.starts_at <= ?1 AND g.ends_at > ?1"
        " GROUP BY g.identity HAVING count(DISTINCT g.role) > 1 ORDER BY g.identity",
        (now,),
    )
    return [identity for (identity,) in rows]
