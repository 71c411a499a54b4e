"""Eligible grants and elevations."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from nexus.iam.model import Elevation, ElevationApproval, Eligibility, EligibilityKind, Role
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_ELIGIBILITY = "id, person, role, scope, kind, approval, starts_at, ends_at, granted_by"
_ELEVATION = "id, eligibility, person, role, scope, kind, reason, purpose, session, starts_at, ends_at, ended_at"


def add_eligibility(tx: Transaction, new: Eligibility, granted_at: Instant) -> None:
    """Store an eligible grant."""
    tx.execute(
        f"INSERT INTO iam_eligibility ({_ELIGIBILITY}, granted_at) VALUES ({', '.join('?' * 10)})",
        (
            new.id,
            new.person,
            new.role.value,
            new.scope,
            new.kind.value,
            new.approval.value,
            new.starts_at,
            new.ends_at,
            new.granted_by,
            granted_at,
        ),
    )


def eligibility(tx: Transaction, eligibility_id: str) -> Eligibility | None:
    """One eligible grant that was not taken away, or None."""
    row = tx.one(
        f"SELECT {_ELIGIBILITY}, suspended_at FROM iam_eligibility WHERE id = ? AND revoked_at IS NULL",
        (eligibility_id,),
    )
    return None if row is None else _eligibility(row)


def eligibilities(tx: Transaction, person: str, after: str, limit: int, now: Instant) -> list[Eligibility]:
    """Eligible grants that hold now or will hold, of one person or of all (`person` empty), after an id."""
    rows = tx.all(
        f"SELECT {_ELIGIBILITY}, suspended_at FROM iam_eligibility WHERE (person = ? OR ? = '') AND id > ?"
        " AND revoked_at IS NULL AND ends_at > ? ORDER BY id LIMIT ?",
        (person, person, after, now, limit),
    )
    return [_eligibility(row) for row in rows]


def revoke_eligibility(tx: Transaction, eligibility_id: str, now: Instant) -> bool:
    """Take an eligible grant away, and end what was elevated through it; False if it is not there."""
    changed = tx.execute(
        "UPDATE iam_eligibility SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, eligibility_id)
    )
    tx.execute(
        "UPDATE iam_elevation SET ended_at = ? WHERE eligibility = ? AND ended_at IS NULL AND ends_at > ?",
        (now, eligibility_id, now),
    )
    return changed == 1


def revoke_eligibilities_of(tx: Transaction, person: str, now: Instant) -> None:
    """Take every eligible grant of a person away."""
    tx.execute("UPDATE iam_eligibility SET revoked_at = ? WHERE person = ? AND revoked_at IS NULL", (now, person))


def add_elevation(tx: Transaction, new: Elevation) -> None:
    """Store an elevation: it holds from now on."""
    tx.execute(
        f"INSERT INTO iam_elevation ({_ELEVATION}) VALUES ({', '.join('?' * 12)})",
        (
            new.id,
            new.eligibility,
            new.person,
            new.role.value,
            new.scope,
            new.kind.value,
            new.reason,
            new.purpose,
            new.session,
            new.starts_at,
            new.ends_at,
            new.ended_at,
        ),
    )


def elevation(tx: Transaction, elevation_id: str) -> Elevation | None:
    """One elevation, open or ended, or None."""
    row = tx.one(f"SELECT {_ELEVATION} FROM iam_elevation WHERE id = ?", (elevation_id,))
    return None if row is None else _elevation(row)


def elevations(tx: Transaction, person: str, after: str, limit: int, *, open_at: Instant | None) -> list[Elevation]:
    """Elevations of one person or of all (`person` empty), after an id; only those open at a moment, if one is given."""
    rows = tx.all(
        f"SELECT {_ELEVATION} FROM iam_elevation WHERE (person = ?1 OR ?1 = '') AND id > ?2"
        " AND ((ended_at IS NULL AND ends_at > ?3) OR ?3 IS NULL) ORDER BY id LIMIT ?4",
        (person, after, open_at, limit),
    )
    return [_elevation(row) for row in rows]


def open_elevation(tx: Transaction, eligibility_id: str, now: Instant) -> bool:
    """Whether an eligible grant is elevated now."""
    row = tx.one(
        "SELECT 1 FROM iam_elevation WHERE eligibility = ? AND ended_at IS NULL AND ends_at > ?", (eligibility_id, now)
    )
    return row is not None


def end_elevation(tx: Transaction, elevation_id: str, now: Instant) -> bool:
    """End an elevation before its time; False if it is not open."""
    changed = tx.execute(
        "UPDATE iam_elevation SET ended_at = ? WHERE id = ? AND ended_at IS NULL AND ends_at > ?",
        (now, elevation_id, now),
    )
    return changed == 1


def end_elevations_of(tx: Transaction, person: str, now: Instant) -> None:
    """End every open elevation of a person."""
    tx.execute(
        "UPDATE iam_elevation SET ended_at = ? WHERE person = ? AND ended_at IS NULL AND ends_at > ?",
        (now, person, now),
    )


def _eligibility(row: Row) -> Eligibility:
    return Eligibility(
        id=row[0],
        person=row[1],
        role=Role(row[2]),
        scope=row[3],
        kind=EligibilityKind(row[4]),
        approval=ElevationApproval(row[5]),
        starts_at=Instant(row[6]),
        ends_at=Instant(row[7]),
        granted_by=row[8],
        suspended=row[9] is not None,
    )


def _elevation(row: Row) -> Elevation:
    return Elevation(
        id=row[0],
        eligibility=row[1],
        person=row[2],
        role=Role(row[3]),
        scope=row[4],
        kind=EligibilityKind(row[5]),
        reason=row[6],
        purpose=row[7],
        session=row[8],
        starts_at=Instant(row[9]),
        ends_at=Instant(row[10]),
        ended_at=None if row[11] is None else Instant(row[11]),
    )
