"""What both services have: a database of their own, entries that wait for the log, a copy of themselves.

Entries commit with what they tell of into an outbox of that database; the worker moves them into the audit log, in order
and once. A service whose entries nobody collects stops before it loses one.
"""

import asyncio
from pathlib import Path
from typing import Final

from nexus.kernel import outbox
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.engines.sqlite import Sizes
from nexus.kernel.operation import Operation
from nexus.pseudonyms.messages import Collected, Copied, CopyTo, Entries, Forget, Nothing, Waiting

RANDOM_KEYS: Final = Sizes(cache_kib=128 * 1_024, fold_pages=32_000)
"""Of a level's database: every person touches pages anywhere. A page stays decrypted, and is folded once for several commits."""
MAX_ENTRIES: Final = 1_024
"""Entries handed over in one call."""


class Level:
    """One of the two services, as the worker and the supervisor know it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, op: Operation, request: Entries) -> Waiting:
        """The oldest entries that nobody has acknowledged."""
        with self._database.read() as tx:
            found = outbox.pending(tx, limit=min(request.limit, MAX_ENTRIES))
        return Waiting(tuple((each.position, each.id, each.topic, each.body) for each in found))

    async def entries_done(self, op: Operation, request: Forget) -> Collected:
        """Forget the entries up to and including this position."""
        count = await self._database.bookkeep(Bookkeeping.SHIPPED, lambda tx: outbox.acknowledge(tx, request.upto))
        return Collected(count)

    async def copy(self, op: Operation, request: CopyTo) -> Copied:
        """Write the database as it is now into a new file, under the key that it has: for a backup."""
        await asyncio.to_thread(self._database.copy_to, Path(request.path))
        return Copied()

    async def ping(self, op: Operation, request: Nothing) -> Copied:
        """Nothing: it answers."""
        return Copied()

    def forget(self) -> None:
        """Drop every secret: the lease on the key service has ended."""
