"""Clients of the issuer, and what persons agreed to."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

import msgspec

from nexus.iam.oidc.model import Client, Registration
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_CLIENT = "id, registration, secret_hash, created_by, created_at"
_registration = msgspec.json.Decoder(Registration)
READ_CLIENT = f"SELECT {_CLIENT} FROM iam_oidc_client WHERE id = ?"


def add(tx: Transaction, new: Client) -> None:
    """Store a new client."""
    document = msgspec.json.encode(new.registration, order="deterministic")
    tx.execute(
        f"INSERT INTO iam_oidc_client ({_CLIENT}) VALUES (?, ?, ?, ?, ?)",
        (new.id, document, new.secret_hash, new.created_by, new.created_at),
    )


def find(tx: Transaction, client_id: str) -> Client | None:
    """One client, or None."""
    row = tx.one(READ_CLIENT, (client_id,))
    return None if row is None else client_of(row)


def named(document: bytes) -> str:
    """The name of a tool, out of its stored registration."""
    return _registration.decode(document).name


def page(tx: Transaction, after: str, limit: int) -> list[Client]:
    """Clients in order of creation, after an id."""
    rows = tx.all(f"SELECT {_CLIENT} FROM iam_oidc_client WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    return [client_of(row) for row in rows]


def count(tx: Transaction) -> int:
    """How many clients there are."""
    row = tx.one("SELECT count(*) FROM iam_oidc_client")
    return int(row[0]) if row else 0


def set_secret(tx: Transaction, client_id: str, secret_hash: bytes) -> None:
    """Replace the secret of a client."""
    tx.execute("UPDATE iam_oidc_client SET secret_hash = ? WHERE id = ?", (secret_hash, client_id))


def remove(tx: Transaction, client_id: str, now: Instant) -> bool:
    """Remove a client, end what was issued to it, forget who agreed to it; False if there is none."""
    tx.execute("UPDATE iam_oidc_authorization SET ended_at = ? WHERE client = ? AND ended_at IS NULL", (now, client_id))
    tx.execute("DELETE FROM iam_oidc_consent WHERE client = ?", (client_id,))
    tx.execute("DELETE FROM iam_oidc_code WHERE client = ?", (client_id,))
    tx.execute("DELETE FROM iam_oidc_pushed WHERE client = ?", (client_id,))
    return tx.execute("DELETE FROM iam_oidc_client WHERE id = ?", (client_id,)) == 1


def agreed(tx: Transaction, person: str, client_id: str) -> str:
    """The scopes that a person agreed to tell a client, as one text; empty if she did not."""
    row = tx.one("SELECT scope FROM iam_oidc_consent WHERE person = ? AND client = ?", (person, client_id))
    return row[0] if row else ""


def agree(tx: Transaction, person: str, client_id: str, scope: str, now: Instant) -> None:
    """Remember what a person agreed to."""
    tx.execute(
        "INSERT INTO iam_oidc_consent VALUES (?, ?, ?, ?) ON CONFLICT (person, client)"
        " DO UPDATE SET scope = excluded.scope, at = excluded.at",
        (person, client_id, scope, now),
    )


def client_of(row: Row) -> Client:
    """The client in a row of `READ_CLIENT`."""
    return Client(row[0], _registration.decode(row[1]), row[2], row[3], Instant(row[4]))
