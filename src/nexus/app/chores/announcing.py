"""Hands the messages of the database's outbox to those whom they concern: the oldest first, each at least once.

A message is forgotten once every receiver of its topic has taken it; what nobody receives is forgotten at once. Each stands for
itself: one that a receiver refuses now (what it speaks of lies under a key that is disabled, say) is put off, longer each time, and
holds up no other. Where nothing can be told at all (Unavailable), all of them wait. A receiver that is told again drops what
it has already seen, by the message's id.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from nexus.kernel import outbox
from nexus.kernel.clock import MINUTE, SECOND, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.errors import Damaged, NexusError, Unavailable
from nexus.kernel.outbox import Message

BATCH: Final = 128
"""Messages told before they are forgotten together."""
FIRST_DELAY: Final = 10 * SECOND
LONGEST_DELAY: Final = 5 * MINUTE

Receiver = Callable[[Message], Awaitable[None]]

_log = logging.getLogger("nexus.worker")


class Announcing:
    """There must be one for each platform: the worker."""

    def __init__(self, database: Database, receivers: Mapping[str, Sequence[Receiver]], clock: Clock) -> None:
        """`receivers`: by topic."""
        self._database = database
        self._receivers = receivers
        self._clock = clock

    async def announce(self) -> bool:
        """Tell a batch; returns whether there may be more. Raises Unavailable, and Damaged; what came before it is told."""
        with self._database.read() as tx:
            waiting = outbox.due(tx, self._clock.now(), limit=BATCH)
        told: list[Message] = []
        refused: list[Message] = []
        try:
            for message in waiting:
                (told if await self._taken(message) else refused).append(message)
        finally:
            if told or refused:
                await self._database.bookkeep(Bookkeeping.TOLD, lambda tx: self._settle(tx, told, refused))
        return len(waiting) == BATCH

    async def _taken(self, message: Message) -> bool:
        """Whether every receiver has taken it; who refuses keeps it from no other."""
        taken = True
        for receive in self._receivers.get(message.topic, ()):
            try:
                await receive(message)
            except (Unavailable, Damaged):
                raise
            except NexusError as error:
                _log.warning("%s is put off: %s (%s)", message.topic, error.message, error.code)
                taken = False
        return taken

    def _settle(self, tx: Transaction, told: Sequence[Message], refused: Sequence[Message]) -> None:
        outbox.forget(tx, told)
        now = self._clock.now()
        for message in refused:
            outbox.postpone(tx, message, Instant(now + min(LONGEST_DELAY, FIRST_DELAY << min(message.attempts, 8))))
