"""Alarms that wait to be told: the outbox that whoever assembles the platform empties."""

from collections.abc import Callable

from nexus.iam.store import alarms
from nexus.iam.supervision import Alarm
from nexus.kernel.clock import Clock
from nexus.kernel.database import Bookkeeping, Database, Transaction

MAX_ALARMS = 100
"""Alarms that are told in one round."""


class Alarms:
    """In order, at least once: an alarm stays until it was told."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def untold(self) -> list[Alarm]:
        """The oldest alarms that were not told yet."""
        with self._db.read() as tx:
            return alarms.untold(tx, MAX_ALARMS)

    async def told(self, alarm: Alarm, also: Callable[[Transaction], None] = lambda tx: None) -> None:
        """Mark an alarm as told; `also` is done in the same commit, once."""
        now = self._clock.now()

        def work(tx: Transaction) -> None:
            if alarms.told(tx, alarm.position, now):
                also(tx)

        await self._db.bookkeep(Bookkeeping.PROGRESS, work)
