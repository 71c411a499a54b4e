"""The outbox: messages that wait to leave. Whoever posts can seal a message and never open one."""

from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.crypto.hpke import OpeningKey, SealingKey
from nexus.kernel.clock import DAY, HOUR, MINUTE, Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Damaged, Throttled
from nexus.kernel.ids import new_id
from nexus.mail.model import Message, checked

FIRST_PAUSE: Final = MINUTE
LAST_PAUSE: Final = 2 * HOUR
"""The pause doubles from the first to this one."""
MAX_AGE: Final = 3 * DAY
"""What could not leave for this long is given up."""
MAX_WAITING: Final = 100_000
"""Messages in the outbox; beyond, nothing more is posted: a server that is gone must not fill the disk."""
RETRY_AFTER_S: Final = 600


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the outbox, as everybody may see it."""

    id: str
    kind: str
    posted_at: Instant
    attempts: int
    sealed: bytes


class Outbox:
    """Where a message is posted: in the transaction of what it tells of."""

    def __init__(self, key: SealingKey) -> None:
        self._key = key

    def check(self, message: Message) -> None:
        """Raises what `post` would raise of the message itself: Invalid."""
        checked(message)

    def post(self, tx: Transaction, message: Message, now: Instant) -> str:
        """Post a message; it leaves within seconds of the commit. Returns its id, which names it in the log.

        Raises Invalid (address, subject, text), and Throttled when the outbox is full.
        """
        plain = msgspec.json.encode(checked(message))
        if waiting(tx) >= MAX_WAITING:
            raise Throttled("too many messages wait to be sent", code="mail.full", retry_after_s=RETRY_AFTER_S)
        made = new_id("mail")
        tx.execute(
            "INSERT INTO mail_outbox (id, kind, sealed, posted_at, due_at) VALUES (?, ?, ?, ?, ?)",
            (made, message.kind, self._key.seal(plain, _context(made)), now, now),
        )
        return made


def opened(key: OpeningKey, found: Waiting) -> Message:
    """A message in clear. Raises Damaged if it was altered or moved from another row."""
    plain = key.open(found.sealed, _context(found.id))
    try:
        return msgspec.json.decode(plain.reveal(), type=Message)
    except msgspec.DecodeError:
        raise Damaged("a waiting message cannot be read", code="mail.damaged") from None
    finally:
        plain.wipe()


def due(tx: Transaction, now: Instant, limit: int) -> list[Waiting]:
    """Messages whose time has come, the longest waiting first."""
    rows = tx.all(
        "SELECT id, kind, posted_at, attempts, sealed FROM mail_outbox WHERE due_at <= ? ORDER BY due_at, id LIMIT ?",
        (now, limit),
    )
    return [Waiting(row[0], row[1], Instant(row[2]), row[3], row[4]) for row in rows]


def remove(tx: Transaction, message: str) -> bool:
    """Forget a message that left or was given up; whether it was still there."""
    return tx.execute("DELETE FROM mail_outbox WHERE id = ?", (message,)) == 1


def postpone(tx: Transaction, found: Waiting, now: Instant) -> None:
    """Try a message again after a pause that doubles each time."""
    pause = min(FIRST_PAUSE * 2 ** min(found.attempts, 16), LAST_PAUSE)
    tx.execute("UPDATE mail_outbox SET attempts = attempts + 1, due_at = ? WHERE id = ?", (now + pause, found.id))


def waiting(tx: Transaction) -> int:
    """How many messages wait."""
    row = tx.one("SELECT count(*) FROM mail_outbox")
    assert row is not None
    return int(row[0])


def oldest(tx: Transaction) -> Instant | None:
    """Since when the oldest one waits."""
    row = tx.one("SELECT min(posted_at) FROM mail_outbox")
    return None if row is None or row[0] is None else Instant(row[0])


def _context(message: str) -> bytes:
    return f"nexus mail v1:{message}".encode()
