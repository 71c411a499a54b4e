"""Command lines that wait to be let in (device flow). Device codes are stored as hashes."""

from dataclasses import dataclass

import msgspec

from nexus.iam.oidc.model import Proof
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_proof = msgspec.json.Decoder(Proof | None)
_COLUMNS = "device_hash, user_code, client, jkt, origin, agent, created_at, expires_at, interval, polled_at, state, person, proof"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command line that waits. `state` is waiting, allowed, refused or spent; `person` is who decided."""

    device_hash: bytes
    user_code: str
    client: str
    jkt: str
    origin: str
    agent: str
    created_at: Instant
    expires_at: Instant
    interval: int
    """Microseconds between two questions."""
    polled_at: Instant
    state: str
    person: str
    proof: Proof | None


def add(tx: Transaction, new: Waiting) -> bool:
    """Store a new one; False if its user code is taken."""
    changed = tx.execute(
        f"INSERT INTO iam_oidc_device ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT DO NOTHING",
        (
            new.device_hash,
            new.user_code,
            new.client,
            new.jkt,
            new.origin,
            new.agent,
            new.created_at,
            new.expires_at,
            new.interval,
            new.polled_at,
            new.state,
            new.person,
            msgspec.json.encode(new.proof),
        ),
    )
    return changed == 1


def count(tx: Transaction, origin: str, now: Instant) -> int:
    """How many wait from one network origin."""
    row = tx.one("SELECT count(*) FROM iam_oidc_device WHERE origin = ? AND expires_at > ?", (origin, now))
    return int(row[0]) if row else 0


def by_device(tx: Transaction, device_hash: bytes) -> Waiting | None:
    """The one with this device code, or None."""
    return _found(tx.one(f"SELECT {_COLUMNS} FROM iam_oidc_device WHERE device_hash = ?", (device_hash,)))  # noqa: S608


def by_user_code(tx: Transaction, user_code: str, now: Instant) -> Waiting | None:
    """The one that waits under this user code, or None."""
    return _found(
        tx.one(
            f"SELECT {_COLUMNS} FROM iam_oidc_device WHERE user_code = ? AND state = 'waiting' AND expires_at > ?",  # noqa: S608
            (user_code, now),
        )
    )


def decide(tx: Transaction, device_hash: bytes, state: str, person: str, proof: Proof) -> bool:
    """Let it in or keep it out; False if that was decided before."""
    changed = tx.execute(
        "UPDATE iam_oidc_device SET state = ?, person = ?, proof = ? WHERE device_hash = ? AND state = 'waiting'",
        (state, person, msgspec.json.encode(proof), device_hash),
    )
    return changed == 1


def polled(tx: Transaction, device_hash: bytes, now: Instant, interval: int) -> None:
    """Remember the last question, and how long to wait before the next."""
    tx.execute(
        "UPDATE iam_oidc_device SET polled_at = ?, interval = ? WHERE device_hash = ?", (now, interval, device_hash)
    )


def spend(tx: Transaction, device_hash: bytes) -> bool:
    """Use what was allowed; False if it was used before."""
    return (
        tx.execute(
            "UPDATE iam_oidc_device SET state = 'spent' WHERE device_hash = ? AND state = 'allowed'", (device_hash,)
        )
        == 1
    )


def _found(row: Row | None) -> Waiting | None:
    if row is None:
        return None
    (*rest, polled_at, state, person, proof) = row
    device_hash, user_code, client, jkt, origin, agent, created_at, expires_at, interval = rest
    return Waiting(
        device_hash,
        user_code,
        client,
        jkt,
        origin,
        agent,
        Instant(created_at),
        Instant(expires_at),
        interval,
        Instant(polled_at),
        state,
        person,
        _proof.decode(proof),
    )
