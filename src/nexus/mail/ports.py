"""What the outbox needs from others."""

from collections.abc import Callable
from typing import Protocol

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.mail.model import Message


class Carrier(Protocol):
    """Takes a message to its mailbox."""

    def carry(self, message_id: str, message: Message, at: Instant) -> None:
        """Returns once somebody else answers for the message. Blocks, for a bounded time; called on a thread.

        Raises Refused (for good), NotNow (this message, now) or Unreachable (no message, now).
        """


GivenUp = Callable[[Transaction, str, str, Instant], None]
"""Raises an alarm in the transaction that gives a message up: its kind, its id, the moment."""
