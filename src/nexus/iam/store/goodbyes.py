"""Who still has to be told that a session has ended. A trigger leaves the notes (migrations/issuer.py)."""

from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A note: `client` is to be told that `session` of `person` has ended."""

    id: int
    client: str
    person: str
    session: str
    attempts: int


def due(tx: Transaction, now: Instant, limit: int) -> list[Goodbye]:
    """The notes whose turn it is, oldest first."""
    rows = tx.all(
        "SELECT id, client, person, session, attempts FROM iam_oidc_goodbye WHERE next_at <= ? ORDER BY id LIMIT ?",
        (now, limit),
    )
    return [Goodbye(*row) for row in rows]


def postpone(tx: Transaction, goodbye: int, next_at: Instant) -> None:
    """Try again later."""
    tx.execute("UPDATE iam_oidc_goodbye SET attempts = attempts + 1, next_at = ? WHERE id = ?", (next_at, goodbye))


def done(tx: Transaction, goodbye: int) -> None:
    """Forget a note."""
    tx.execute("DELETE FROM iam_oidc_goodbye WHERE id = ?", (goodbye,))
