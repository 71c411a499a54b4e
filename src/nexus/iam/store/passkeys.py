"""Passkeys, burnt challenges and step-up proofs."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey as stored: what is needed to verify, never what is needed to sign."""

    id: str
    person: str
    credential_id: bytes
    public_key: bytes
    """COSE key, as the authenticator gave it."""
    sign_count: int
    name: str
    model: str
    """AAGUID: the make of the authenticator, where it says so."""
    synced: bool
    """Its owner's other devices may hold it too."""
    created_at: Instant
    last_used_at: Instant | None
    suspended_at: Instant | None


_PASSKEY = (
    "c.id, c.person, c.credential_id, c.public_key, c.sign_count, c.name, c.model, c.synced,"
    " c.created_at, c.last_used_at, c.suspended_at"
)


def add(tx: Transaction, new: PasskeyRow) -> None:
    """Store a new passkey."""
    tx.execute(
        "INSERT INTO iam_passkey (id, person, credential_id, public_key, sign_count, name, model, synced, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            new.person,
            new.credential_id,
            new.public_key,
            new.sign_count,
            new.name,
            new.model,
            new.synced,
            new.created_at,
        ),
    )


def find(tx: Transaction, passkey_id: str) -> PasskeyRow | None:
    """One passkey, or None."""
    row = tx.one(f"SELECT {_PASSKEY} FROM iam_passkey c WHERE c.id = ?", (passkey_id,))
    return None if row is None else _passkey(row)


def by_credential(tx: Transaction, credential_id: bytes) -> PasskeyRow | None:
    """The passkey that an authenticator calls by this name, or None."""
    row = tx.one(f"SELECT {_PASSKEY} FROM iam_passkey c WHERE c.credential_id = ?", (credential_id,))
    return None if row is None else _passkey(row)


def of_person(tx: Transaction, person: str) -> list[PasskeyRow]:
    """The passkeys of a person, oldest first."""
    rows = tx.all(f"SELECT {_PASSKEY} FROM iam_passkey c WHERE c.person = ? ORDER BY c.id", (person,))
    return [_passkey(row) for row in rows]


def usable(tx: Transaction, person: str) -> list[PasskeyRow]:
    """The passkeys of a person that are not suspended."""
    return [row for row in of_person(tx, person) if row.suspended_at is None]


def used(tx: Transaction, passkey_id: str, sign_count: int, now: Instant) -> None:
    """Remember the counter and the time of a use."""
    tx.execute("UPDATE iam_passkey SET sign_count = ?, last_used_at = ? WHERE id = ?", (sign_count, now, passkey_id))


def rename(tx: Transaction, passkey_id: str, name: str) -> None:
    """Give a passkey another name."""
    tx.execute("UPDATE iam_passkey SET name = ? WHERE id = ?", (name, passkey_id))


def suspend(tx: Transaction, passkey_id: str, now: Instant) -> None:
    """Refuse a passkey from now on."""
    tx.execute("UPDATE iam_passkey SET suspended_at = ? WHERE id = ? AND suspended_at IS NULL", (now, passkey_id))


def remove(tx: Transaction, passkey_id: str) -> None:
    """Forget a passkey."""
    tx.execute("DELETE FROM iam_passkey WHERE id = ?", (passkey_id,))


def remove_all_of(tx: Transaction, person: str) -> None:
    """Forget every passkey of a person."""
    tx.execute("DELETE FROM iam_passkey WHERE person = ?", (person,))


# Burnt challenges


def burn(tx: Transaction, nonce: bytes, ends_at: Instant) -> bool:
    """Remember that a challenge was presented; False if it was before."""
    return tx.execute("INSERT INTO iam_challenge VALUES (?, ?) ON CONFLICT (nonce) DO NOTHING", (nonce, ends_at)) == 1


# Step-up proofs


@dataclass(frozen=True, slots=True)
class ProofRow:
    """A factor proved for one content in one session."""

    session: str
    digest: str
    factor: str
    expires_at: Instant


def add_proof(tx: Transaction, proof_hash: bytes, new: ProofRow) -> None:
    """Store a proof by its hash."""
    tx.execute(
        "INSERT INTO iam_step_up VALUES (?, ?, ?, ?, ?)",
        (proof_hash, new.session, new.digest, new.factor, new.expires_at),
    )


def take_proof(tx: Transaction, proof_hash: bytes) -> ProofRow | None:
    """Read a proof and remove it: it is presented once, whatever comes of it."""
    row = tx.one("SELECT session, digest, factor, expires_at FROM iam_step_up WHERE proof_hash = ?", (proof_hash,))
    tx.execute("DELETE FROM iam_step_up WHERE proof_hash = ?", (proof_hash,))
    return None if row is None else ProofRow(row[0], row[1], row[2], Instant(row[3]))


def sweep(tx: Transaction, now: Instant) -> None:
    """Remove what has ended by its own recorded date."""
    tx.execute("DELETE FROM iam_challenge WHERE ends_at <= ?", (now,))
    tx.execute("DELETE FROM iam_step_up WHERE expires_at <= ?", (now,))


def _passkey(row: Row) -> PasskeyRow:
    known = (row[0], row[1], row[2], row[3], row[4], row[5], row[6])
    return PasskeyRow(*known, bool(row[7]), Instant(row[8]), row[9], row[10])
