"""Hands the messages of the database's outbox to those whom they concern: in order, each at least once.

A message is forgotten once every receiver of its topic has taken it; what nobody receives is forgotten at once. A receiver
that fails holds up the messages behind: it is tried again, and drops what it has already seen by the message's id.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from nexus.kernel import outbox
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.outbox import Message

BATCH: Final = 128
"""Messages told before they are forgotten together."""

Receiver = Callable[[Message], Awaitable[None]]


class Announcing:
    """There must be one for each platform: the worker."""

    def __init__(self, database: Database, receivers: Mapping[str, Sequence[Receiver]]) -> None:
        """`receivers`: by topic."""
        self._database = database
        self._receivers = receivers

    async def announce(self) -> bool:
        """Tell a batch; returns whether there may be more. Raises what a receiver raises; what came before it is told."""
        with self._database.read() as tx:
            waiting = outbox.pending(tx, limit=BATCH)
        told = 0
        try:
            for message in waiting:
                for receive in self._receivers.get(message.topic, ()):
                    await receive(message)
                told = message.position
        finally:
            if told:
                await self._database.bookkeep(Bookkeeping.TOLD, lambda tx: outbox.acknowledge(tx, told))
        return len(waiting) == BATCH
