"""A transactional outbox: what a service must tell others commits with the change that it tells of.

Delivery is at least once and in order; receivers drop what they have already seen by `id`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nexus.kernel.database import Migration, Transaction

SCHEMA = Migration(
    "outbox",
    1,
    (
        "CREATE TABLE outbox (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " topic TEXT NOT NULL, body BLOB NOT NULL) STRICT",
    ),
)


@dataclass(frozen=True, slots=True)
class Message:
    """`position` orders messages of one outbox; `body` is UTF-8 JSON."""

    position: int
    id: str
    topic: str
    body: bytes


def post(tx: Transaction, messages: Sequence[tuple[str, str, bytes]]) -> None:
    """Add (id, topic, body) rows inside the caller's transaction."""
    tx.execute_many("INSERT INTO outbox (id, topic, body) VALUES (?, ?, ?)", messages)


def pending(tx: Transaction, *, limit: int) -> list[Message]:
    """The oldest messages that nobody has acknowledged."""
    return [
        Message(*row) for row in tx.all("SELECT position, id, topic, body FROM outbox ORDER BY 1 LIMIT ?", (limit,))
    ]


def acknowledge(tx: Transaction, upto: int) -> int:
    """Forget messages up to and including `upto`; returns how many they were."""
    return tx.execute("DELETE FROM outbox WHERE position <= ?", (upto,))
