"""The postman: one round through the outbox. There is one for each platform: the worker.

1. Take the messages that are due, the longest waiting first.
2. Open each; one that does not open is given up, because it never will.
3. Carry it. Taken: forget it, with an entry. Not now: later, with a longer pause. Refused, or too old: give it up, with an
   entry and an alarm. No server answers: end the round, and let what is too old go.
"""

from collections.abc import Callable
from typing import Final

from nexus.crypto.hpke import OpeningKey
from nexus.kernel.clock import Clock
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Damaged, Invalid, NexusError
from nexus.kernel.operation import Operation, Resource
from nexus.mail import outbox
from nexus.mail.model import NotNow, Refused, Unreachable
from nexus.mail.outbox import MAX_AGE, Waiting
from nexus.mail.patience import Patience
from nexus.mail.ports import Carrier, GivenUp

BATCH: Final = 20
"""Messages of one round."""
PATIENCE_S: Final = 60.0
"""A message that the server has not taken by then is tried again later."""
SENT, GIVEN_UP = "mail.send", "mail.give-up"


class Postman:
    """Carries what waits. `key` gives the key that opens messages, or raises Sealed while it is not held."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        key: Callable[[], OpeningKey],
        carrier: Carrier,
        operation: Callable[[], Operation],
        alarm: GivenUp,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._db = db
        self._clock = clock
        self._key = key
        self._carrier = carrier
        self._operation = operation
        self._alarm = alarm
        self._patience = Patience(patience_s)

    async def deliver(self) -> bool:
        """One round; whether more is due. Raises Unreachable when no server answers."""
        with self._db.read() as tx:
            found = outbox.due(tx, self._clock.now(), BATCH)
        for number, one in enumerate(found):
            try:
                await self._deliver(one)
            except Unreachable:
                await self._let_go_of_old(found[number:])
                raise
        return len(found) == BATCH

    async def _deliver(self, found: Waiting) -> None:
        try:
            message = outbox.opened(self._key(), found)
            await self._patience.bounded(lambda: self._carrier.carry(found.id, message, found.posted_at))
        except (Damaged, Invalid, Refused) as error:
            await self._give_up(found, error)
        except NotNow as error:
            await self._later(found, error)
        else:
            await self._db.write(lambda tx: self._forget(tx, found))

    def _forget(self, tx: Transaction, found: Waiting) -> Recorded[None]:
        outbox.remove(tx, found.id)
        sent = self._operation().allowed(SENT, _resource(found), kind=found.kind, attempts=found.attempts + 1)
        return Recorded(None, sent)

    async def _later(self, found: Waiting, error: NexusError) -> None:
        now = self._clock.now()
        if now - found.posted_at >= MAX_AGE:
            await self._give_up(found, error)
        else:
            await self._db.bookkeep(Bookkeeping.PROGRESS, lambda tx: outbox.postpone(tx, found, now))

    async def _let_go_of_old(self, found: list[Waiting]) -> None:
        for one in found:
            if self._clock.now() - one.posted_at >= MAX_AGE:
                await self._give_up(one, Unreachable("no server took it in time", code="mail.too-old"))

    async def _give_up(self, found: Waiting, error: NexusError) -> None:
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[None]:
            if outbox.remove(tx, found.id):
                self._alarm(tx, found.kind, found.id, now)
            failed = self._operation().failed(GIVEN_UP, _resource(found), kind=found.kind, code=error.code)
            return Recorded(None, failed)

        await self._db.write(work)


def _resource(found: Waiting) -> Resource:
    return Resource("Message", found.id)
