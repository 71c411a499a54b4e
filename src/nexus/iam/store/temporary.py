"""Temporary access keys."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from dataclasses import dataclass
from typing import Final

from nexus.iam.store.credentials import BEARER
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction


@dataclass(frozen=True, slots=True)
class TemporaryKeyRow:
    """A temporary access key as stored: its secret is sealed, its token is a hash. One of the two parents is set."""

    id: str
    identity: str
    access_key: str | None
    session: str | None
    secret_sealed: bytes
    token_hash: bytes
    purpose: str
    narrowing: str | None
    name: str
    """What whoever asked for it called it."""
    created_at: Instant
    expires_at: Instant
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Parent:
    """What a temporary key was derived from: until when it lives, if it does."""

    in_force: bool
    ends_at: Instant


_KEY = (
    "c.id, c.identity, c.access_key, c.session, c.secret_sealed, c.token_hash, c.purpose, c.narrowing, c.name,"
    " c.created_at, c.expires_at, c.revoked_at IS NOT NULL"
)
BEARER_OF_TEMPORARY_KEY: Final = (
    f"SELECT {_KEY}, a.revoked_at IS NULL, coalesce(a.expires_at, c.expires_at), {BEARER}"
    " FROM iam_temporary_key c LEFT JOIN iam_access_key a ON a.id = c.access_key"
    " JOIN iam_identity i ON i.id = c.identity JOIN iam_identity o ON o.id = i.person WHERE c.id = ?"
)
"""The key, its parent among access keys (twelfth and thirteenth column; in force where it has none), who stands behind it."""
SESSION_OF_KEY: Final = "SELECT expires_at, last_used_at FROM iam_session WHERE id = ?"


def add(tx: Transaction, new: TemporaryKeyRow) -> None:
    """Store a new key."""
    tx.execute(
        "INSERT INTO iam_temporary_key (id, identity, access_key, session, secret_sealed, token_hash, purpose, narrowing,"
        " name, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            new.identity,
            new.access_key,
            new.session,
            new.secret_sealed,
            new.token_hash,
            new.purpose,
            new.narrowing,
            new.name,
            new.created_at,
            new.expires_at,
        ),
    )


def find(tx: Transaction, key_id: str) -> TemporaryKeyRow | None:
    """One key, or None."""
    row = tx.one(f"SELECT {_KEY} FROM iam_temporary_key c WHERE c.id = ?", (key_id,))
    return None if row is None else key_of(row)


def of_identity(tx: Transaction, identity_id: str, now: Instant) -> list[TemporaryKeyRow]:
    """The keys of an identity that have not ended by their own date, oldest first."""
    rows = tx.all(
        f"SELECT {_KEY} FROM iam_temporary_key c WHERE c.identity = ? AND c.expires_at > ? ORDER BY c.created_at, c.id",
        (identity_id, now),
    )
    return [key_of(row) for row in rows]


def count(tx: Transaction, identity_id: str, now: Instant) -> int:
    """How many of them there are."""
    row = tx.one(
        "SELECT count(*) FROM iam_temporary_key WHERE identity = ? AND expires_at > ? AND revoked_at IS NULL",
        (identity_id, now),
    )
    return 0 if row is None else int(row[0])


def end(tx: Transaction, key_id: str, now: Instant) -> bool:
    """End a key; False if there is none in force."""
    return (
        tx.execute("UPDATE iam_temporary_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, key_id))
        == 1
    )


def sweep(tx: Transaction, now: Instant) -> None:
    """Remove those that have ended by their own date."""
    tx.execute("DELETE FROM iam_temporary_key WHERE expires_at <= ?", (now,))


def key_of(row: Row) -> TemporaryKeyRow:
    """The key in the first columns of a row."""
    return TemporaryKeyRow(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        Instant(row[9]),
        Instant(row[10]),
        bool(row[11]),
    )


def parent_of(row: Row) -> Parent:
    """The parent among access keys in a row of `BEARER_OF_TEMPORARY_KEY`; in force where the parent is a session."""
    return Parent(bool(row[12]), Instant(row[13]))
