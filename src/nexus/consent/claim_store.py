"""All SQL of the requests that patients make of their site."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from dataclasses import dataclass
from typing import Final

from nexus.consent.model import ClaimKind, ClaimState
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction


@dataclass(frozen=True, slots=True)
class Claim:
    """A request of a patient. `account`: who made it; empty where a desk filed it. `words`: sealed, or empty."""

    id: str
    subject: str
    site: str
    kind: ClaimKind
    account: str
    filed_by: str
    received_at: Instant
    due_at: Instant
    state: ClaimState
    words: bytes
    extended_at: Instant | None = None
    reason: str = ""
    """Why it was extended or refused."""
    closed_at: Instant | None = None
    closed_by: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a request was answered, when and by whom."""

    state: ClaimState
    reason: str
    at: Instant
    by: str


_CLAIM: Final = (
    "id, subject, site, kind, account, filed_by, received_at, due_at, state, words, extended_at, reason, closed_at,"
    " closed_by"
)


def add(tx: Transaction, new: Claim) -> None:
    """Store a request."""
    tx.execute(
        f"INSERT INTO consent_request ({_CLAIM}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new.id, new.subject, new.site, new.kind.value, new.account, new.filed_by, new.received_at, new.due_at),
            *(new.state.value, new.words, new.extended_at, new.reason, new.closed_at, new.closed_by),
        ),
    )


def find(tx: Transaction, claim_id: str) -> Claim | None:
    """One request."""
    row = tx.one(f"SELECT {_CLAIM} FROM consent_request WHERE id = ?", (claim_id,))
    return None if row is None else _claim(row)


def extend(tx: Transaction, claim: Claim, due_at: Instant, at: Instant, reason: str) -> bool:
    """Give it more time; False if somebody extended or closed it meanwhile."""
    return (
        tx.execute(
            "UPDATE consent_request SET due_at = ?, extended_at = ?, reason = ?"
            " WHERE id = ? AND state = 'received' AND extended_at IS NULL",
            (due_at, at, reason, claim.id),
        )
        == 1
    )


def close(tx: Transaction, claim: Claim, closed: Closing) -> bool:
    """It is answered; False if it was already."""
    return (
        tx.execute(
            "UPDATE consent_request SET state = ?, reason = ?, closed_at = ?, closed_by = ?"
            " WHERE id = ? AND state = 'received'",
            (closed.state.value, closed.reason or claim.reason, closed.at, closed.by, claim.id),
        )
        == 1
    )


def of_subject(tx: Transaction, subject_id: str, limit: int) -> list[Claim]:
    """The requests about a subject, newest first."""
    rows = tx.all(
        f"SELECT {_CLAIM} FROM consent_request WHERE subject = ? ORDER BY id DESC LIMIT ?", (subject_id, limit)
    )
    return [_claim(row) for row in rows]


def waiting_of(tx: Transaction, subject_id: str) -> int:
    """How many requests about a subject wait for their answer."""
    row = tx.one("SELECT count(*) FROM consent_request WHERE subject = ? AND state = 'received'", (subject_id,))
    assert row is not None
    return int(row[0])


def listed(tx: Transaction, site: str, after: str, limit: int, due_before: Instant | None) -> list[Claim]:
    """Requests of a site, or of all, in the order in which they were made; only those that wait and are due, if asked."""
    where, values = "id > ?", [after]
    bounds: list[object] = [*values]
    if site:
        where, bounds = f"{where} AND site = ?", [*bounds, site]
    if due_before is not None:
        where, bounds = f"{where} AND state = 'received' AND due_at < ?", [*bounds, due_before]
    rows = tx.all(f"SELECT {_CLAIM} FROM consent_request WHERE {where} ORDER BY id LIMIT ?", (*bounds, limit))
    return [_claim(row) for row in rows]


def waiting(tx: Transaction, now: Instant, soon: Instant) -> tuple[int, int]:
    """(overdue, due before `soon`) requests that wait for their answer."""
    row = tx.one(
        "SELECT count(CASE WHEN due_at < ? THEN 1 END), count(CASE WHEN due_at >= ? AND due_at < ? THEN 1 END)"
        " FROM consent_request"
        " WHERE state = 'received'",
        (now, now, soon),
    )
    assert row is not None
    return int(row[0]), int(row[1])


def _claim(row: Row) -> Claim:
    kind, state = ClaimKind(row[3]), ClaimState(row[8])
    return Claim(row[0], row[1], row[2], kind, row[4], row[5], row[6], row[7], state, row[9], *row[10:])
