"""Intents and their approvals."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nexus.iam.model import IntentState, Role
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction
from nexus.kernel.operation import Resource

_INTENT = (
    "id, operation, action, resource_type, resource_id, resource_attributes, request, digest, requester,"
    " requester_person, purpose, approver_role, approvals_needed, state, proposed_at, expires_at"
)


@dataclass(frozen=True, slots=True)
class IntentRow:
    """An intent as stored: `request` is the exact text that will run."""

    id: str
    operation: str
    action: str
    resource: Resource
    request: bytes
    digest: str
    requester: str
    requester_person: str
    purpose: str
    approver_role: Role
    approvals_needed: int
    state: IntentState
    proposed_at: Instant
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval as stored, with the digest of what was approved and the session it was given in."""

    person: str
    session: str
    digest: str
    at: Instant


def add(tx: Transaction, new: IntentRow) -> None:
    """Store a new intent."""
    tx.execute(
        f"INSERT INTO iam_intent ({_INTENT}) VALUES ({', '.join('?' * 16)})",
        (
            new.id,
            new.operation,
            new.action,
            new.resource.type,
            new.resource.id,
            json.dumps(dict(new.resource.attributes), sort_keys=True),
            new.request,
            new.digest,
            new.requester,
            new.requester_person,
            new.purpose,
            new.approver_role.value,
            new.approvals_needed,
            new.state.value,
            new.proposed_at,
            new.expires_at,
        ),
    )


def find(tx: Transaction, intent_id: str) -> IntentRow | None:
    """One intent, or None."""
    row = tx.one(f"SELECT {_INTENT} FROM iam_intent WHERE id = ?", (intent_id,))
    return None if row is None else _intent(row)


def in_state(tx: Transaction, state: IntentState, after: str, limit: int) -> list[IntentRow]:
    """Intents in a stored state, after an id."""
    rows = tx.all(
        f"SELECT {_INTENT} FROM iam_intent WHERE state = ? AND id > ? ORDER BY id LIMIT ?", (state.value, after, limit)
    )
    return [_intent(row) for row in rows]


def open_of(tx: Transaction, requester: str, now: Instant) -> int:
    """How many intents of a requester are waiting."""
    row = tx.one(
        "SELECT count(*) FROM iam_intent WHERE requester = ? AND state IN ('proposed', 'approved') AND expires_at > ?",
        (requester, now),
    )
    assert row is not None
    return int(row[0])


def move(tx: Transaction, intent_id: str, before: IntentState, after: IntentState, now: Instant) -> bool:
    """Change the state if it is still `before` and the intent has not expired; False otherwise."""
    changed = tx.execute(
        "UPDATE iam_intent SET state = ? WHERE id = ? AND state = ? AND expires_at > ?",
        (after.value, intent_id, before.value, now),
    )
    return changed == 1


def perform(tx: Transaction, intent_id: str, now: Instant) -> bool:
    """Mark the change of an executed intent as made; False if it was made before."""
    changed = tx.execute(
        "UPDATE iam_intent SET performed_at = ? WHERE id = ? AND state = 'executed' AND performed_at IS NULL",
        (now, intent_id),
    )
    return changed == 1


def expire(tx: Transaction, now: Instant) -> int:
    """Mark intents whose time is over; returns how many."""
    return tx.execute(
        "UPDATE iam_intent SET state = 'expired' WHERE state IN ('proposed', 'approved') AND expires_at <= ?", (now,)
    )


def approvals(tx: Transaction, intent_id: str) -> list[ApprovalRow]:
    """The approvals of an intent, oldest first."""
    rows = tx.all("SELECT person, session, digest, at FROM iam_approval WHERE intent = ? ORDER BY at", (intent_id,))
    return [ApprovalRow(row[0], row[1], row[2], Instant(row[3])) for row in rows]


def add_approval(tx: Transaction, intent_id: str, new: ApprovalRow) -> None:
    """Store an approval; one for each person."""
    tx.execute(
        "INSERT INTO iam_approval (intent, person, session, digest, at) VALUES (?, ?, ?, ?, ?)",
        (intent_id, new.person, new.session, new.digest, new.at),
    )


def _intent(row: Row) -> IntentRow:
    attributes: Mapping[str, Any] = json.loads(row[5])
    return IntentRow(
        id=row[0],
        operation=row[1],
        action=row[2],
        resource=Resource(row[3], row[4], attributes),
        request=row[6],
        digest=row[7],
        requester=row[8],
        requester_person=row[9],
        purpose=row[10],
        approver_role=Role(row[11]),
        approvals_needed=row[12],
        state=IntentState(row[13]),
        proposed_at=Instant(row[14]),
        expires_at=Instant(row[15]),
    )
