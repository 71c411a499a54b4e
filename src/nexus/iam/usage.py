"""Which rights are used: noted from decisions, a day for each grant, in one write for many; and those that are not.

Noting never delays a decision: it is kept in memory, and written by and by. A process that is killed loses the uses of
its last seconds; they were no decision, and their operations are in the audit log.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable

from nexus.iam.memory import remember
from nexus.iam.model import Role
from nexus.iam.requests.analysis import Unused, UnusedRight, UnusedRights
from nexus.iam.rules import page_size
from nexus.iam.store import usage
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.errors import anatomy
from nexus.kernel.operation import PLATFORM, Operation, Resource

WRITE_AFTER_S = 5.0
"""How long noted uses wait for others."""
MAX_NOTED = 65_536
"""Rights whose use of this day is remembered in a process."""

logger = logging.getLogger(__name__)


class UseLedger:
    """Notes uses; one for each gate. Writes a right at most once a day and process."""

    def __init__(self, db: Database, write_after_s: float = WRITE_AFTER_S) -> None:
        self._db = db
        self._write_after_s = write_after_s
        self._noted: OrderedDict[str, int] = OrderedDict()
        self._waiting: dict[str, int] = {}
        self._writing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many uses wait to be written."""
        return len(self._waiting)

    def note(self, grants: Iterable[str], now: Instant) -> None:
        """These grants were used now. Never blocks and never raises."""
        day = now // DAY
        for grant in grants:
            if self._noted.get(grant) != day:
                remember(self._noted, grant, day, MAX_NOTED)
                self._waiting[grant] = day
        if self._waiting:
            self._write_later()

    async def write(self) -> None:
        """Write what waits. What cannot be written waits on."""
        waiting, self._waiting = self._waiting, {}
        try:
            await self._db.bookkeep(Bookkeeping.GRANT_USE, lambda tx: usage.note(tx, waiting))
        except Exception as error:
            self._waiting = waiting | self._waiting
            logger.warning("the use of rights could not be noted: %s", anatomy(error))

    def _write_later(self) -> None:
        if self._writing is not None and not self._writing.done():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no loop here: written with the next use that has one
        self._writing = loop.create_task(self._wait_and_write())

    async def _wait_and_write(self) -> None:
        await asyncio.sleep(self._write_after_s)
        await self.write()


class UsageStories:
    """Rights that nobody uses."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def unused(self, op: Operation, request: UnusedRights) -> Unused:
        """Rights that hold, were granted that long ago and were not used since."""
        now, limit = self._clock.now(), page_size(request.limit)
        before_day = now // DAY - request.days
        with self._db.read() as tx:
            found = usage.unused(tx, before_day, request.identity, request.after, limit, now)
            since = usage.counted_since(tx)
        about = Resource("Identity", request.identity) if request.identity else PLATFORM
        await self._db.record(op.allowed("iam.unused-rights", about, days=request.days, found=len(found)))
        return Unused(
            counted_since=since, rights=tuple(map(_view, found)), next=found[-1].grant if len(found) == limit else None
        )


def _view(row: usage.UnusedRow) -> UnusedRight:
    return UnusedRight(
        grant=row.grant,
        identity=row.identity,
        role=Role(row.role),
        scope=row.scope,
        granted_at=row.granted_at,
        ends_at=row.ends_at,
        last_used=None if row.day is None else Instant(row.day * DAY),
    )
