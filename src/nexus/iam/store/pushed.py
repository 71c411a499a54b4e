"""Pushed authorization requests that wait for their person. Of the reference, the hash is all that is stored."""

from collections.abc import Mapping

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction

MAX_WAITING = 1_000
"""Requests of one client that wait at the same time."""
_fields = msgspec.json.Decoder(dict[str, str])


def add(tx: Transaction, digest: bytes, client: str, fields: Mapping[str, str], ends_at: Instant) -> None:
    """Keep a request until it is used, or its time is over."""
    document = msgspec.json.encode(dict(fields), order="deterministic")
    tx.execute("INSERT INTO iam_oidc_pushed VALUES (?, ?, ?, ?)", (digest, client, document, ends_at))


def find(tx: Transaction, digest: bytes, client: str, now: Instant) -> dict[str, str] | None:
    """The parameters of a request of this client that may still be used, or None."""
    row = tx.one(
        "SELECT request FROM iam_oidc_pushed WHERE hash = ? AND client = ? AND expires_at > ?", (digest, client, now)
    )
    return None if row is None else _fields.decode(row[0])


def spend(tx: Transaction, digest: bytes) -> bool:
    """Use a request; False if it was used before."""
    return tx.execute("DELETE FROM iam_oidc_pushed WHERE hash = ?", (digest,)) == 1


def count(tx: Transaction, client: str, now: Instant) -> int:
    """How many requests of a client wait."""
    row = tx.one("SELECT count(*) FROM iam_oidc_pushed WHERE client = ? AND expires_at > ?", (client, now))
    return int(row[0]) if row else 0
