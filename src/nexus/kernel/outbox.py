"""A transactional outbox: what a service must tell others commits with the change that it tells of.

Delivery is at least once; receivers drop what they have already seen by `id`. Messages go in order (`pending`, `acknowledge`), or,
where each stands for itself, one that cannot be told now is put off and holds up no other (`due`, `forget`, `postpone`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Migration, Transaction

MIGRATIONS = (
    Migration(
        "outbox",
        1,
        (
            "CREATE TABLE outbox (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
            " topic TEXT NOT NULL, body BLOB NOT NULL) STRICT",
        ),
    ),
    Migration(
        "outbox",
        2,
        (
            # Of what was put off: how often, and until when.
            "ALTER TABLE outbox ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE outbox ADD COLUMN next_at INTEGER NOT NULL DEFAULT 0",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Message:
    """`position` orders messages of one outbox; `body` is UTF-8 JSON."""

    position: int
    id: str
    topic: str
    body: bytes
    attempts: int = 0
    """How often it was put off."""


def post(tx: Transaction, messages: Sequence[tuple[str, str, bytes]]) -> None:
    """Add (id, topic, body) rows inside the caller's transaction."""
    tx.execute_many("INSERT INTO outbox (id, topic, body) VALUES (?, ?, ?)", messages)


def pending(tx: Transaction, *, limit: int) -> list[Message]:
    """The oldest messages that nobody has acknowledged."""
    return [
        Message(*row) for row in tx.all("SELECT position, id, topic, body FROM outbox ORDER BY 1 LIMIT ?", (limit,))
    ]


def due(tx: Transaction, now: Instant, *, limit: int) -> list[Message]:
    """The oldest messages that are not put off beyond this moment."""
    rows = tx.all(
        "SELECT position, id, topic, body, attempts FROM outbox WHERE next_at <= ? ORDER BY position LIMIT ?",
        (now, limit),
    )
    return [Message(*row) for row in rows]


def forget(tx: Transaction, told: Sequence[Message]) -> None:
    """Forget messages that were told."""
    tx.execute_many("DELETE FROM outbox WHERE position = ?", [(message.position,) for message in told])


def postpone(tx: Transaction, message: Message, until: Instant) -> None:
    """Put a message off."""
    tx.execute("UPDATE outbox SET attempts = attempts + 1, next_at = ? WHERE position = ?", (until, message.position))


def put_off(tx: Transaction) -> int:
    """How many messages were put off at least once."""
    row = tx.one("SELECT COUNT(*) FROM outbox WHERE attempts > 0")
    assert row is not None
    return int(row[0])


def waiting(tx: Transaction) -> int:
    """How many messages nobody has acknowledged, those put off among them."""
    row = tx.one("SELECT COUNT(*) FROM outbox")
    assert row is not None
    return int(row[0])


def acknowledge(tx: Transaction, upto: int) -> int:
    """Forget messages up to and including `upto`; returns how many they were."""
    return tx.execute("DELETE FROM outbox WHERE position <= ?", (upto,))
