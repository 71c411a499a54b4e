"""Requests for rights."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from nexus.iam.model import AccessRequest, AccessRequestState, Role
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_COLUMNS = (
    "id, identity, asked_by, role, scope, ends_at, reason, state, asked_at, expires_at, decided_by, decided_at,"
    " answer, grant_id"
)


def add(tx: Transaction, new: AccessRequest) -> None:
    """Store a request."""
    tx.execute(
        f"INSERT INTO iam_access_request ({_COLUMNS}) VALUES ({', '.join('?' * 14)})",
        (
            new.id,
            new.identity,
            new.asked_by,
            new.role.value,
            new.scope,
            new.ends_at,
            new.reason,
            new.state.value,
            new.asked_at,
            new.expires_at,
            new.decided_by,
            new.decided_at,
            new.answer,
            new.grant,
        ),
    )


def find(tx: Transaction, request_id: str) -> AccessRequest | None:
    """One request, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM iam_access_request WHERE id = ?", (request_id,))
    return None if row is None else _request(row)


def in_state(tx: Transaction, state: AccessRequestState, after: str, limit: int) -> list[AccessRequest]:
    """Requests in a stored state, after an id."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM iam_access_request WHERE state = ? AND id > ? ORDER BY id LIMIT ?",
        (state.value, after, limit),
    )
    return [_request(row) for row in rows]


def open_of(tx: Transaction, asked_by: str, now: Instant) -> list[AccessRequest]:
    """The requests of a person that wait for an answer."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM iam_access_request WHERE asked_by = ? AND state = 'open' AND expires_at > ?",
        (asked_by, now),
    )
    return [_request(row) for row in rows]


def decide(tx: Transaction, decided: AccessRequest, now: Instant) -> bool:
    """Store a decision if the request still waits for one; False otherwise."""
    changed = tx.execute(
        "UPDATE iam_access_request SET state = ?, decided_by = ?, decided_at = ?, answer = ?, grant_id = ?"
        " WHERE id = ? AND state = 'open' AND expires_at > ?",
        (
            decided.state.value,
            decided.decided_by,
            decided.decided_at,
            decided.answer,
            decided.grant,
            decided.id,
            now,
        ),
    )
    return changed == 1


def expire(tx: Transaction, now: Instant) -> int:
    """Mark requests whose time is over; returns how many."""
    return tx.execute(
        "UPDATE iam_access_request SET state = 'expired' WHERE state = 'open' AND expires_at <= ?", (now,)
    )


def withdraw_all_of(tx: Transaction, person: str, now: Instant) -> None:
    """Withdraw what a person who is gone has asked for."""
    tx.execute(
        "UPDATE iam_access_request SET state = 'withdrawn', decided_at = ? WHERE asked_by = ? AND state = 'open'",
        (now, person),
    )


def _request(row: Row) -> AccessRequest:
    return AccessRequest(
        id=row[0],
        identity=row[1],
        asked_by=row[2],
        role=Role(row[3]),
        scope=row[4],
        ends_at=Instant(row[5]),
        reason=row[6],
        state=AccessRequestState(row[7]),
        asked_at=Instant(row[8]),
        expires_at=Instant(row[9]),
        decided_by=row[10],
        decided_at=None if row[11] is None else Instant(row[11]),
        answer=row[12],
        grant=row[13],
    )
