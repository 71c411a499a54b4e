"""Which places in the log are whose: written behind its growth, in full steps. Run by the worker.

An index of the entries themselves would be kept up to date by the commit that a read waits for, where each patient changes
another page of the database: encrypted, written and folded for a line of sixteen bytes. Here a step brings many lines to a page.
Histories are right without it: what is not placed yet is looked through entry by entry.
"""

import asyncio
from typing import Final

from nexus.audit import store
from nexus.kernel.database import Bookkeeping, Database, Transaction

STEP: Final = 2_048
"""Entries placed at a time. So many, and what comes in within a second, are looked through at most."""


class Placing:
    """The worker's share of finding a person's entries. Needs no key: it moves numbers that the log shows anyway."""

    def __init__(self, db: Database, step: int = STEP) -> None:
        self._db = db
        self._step = step

    async def advance(self) -> bool:
        """Place the next full step; whether there was one."""
        first, places = await asyncio.to_thread(self._next)
        if len(places) < self._step:
            return False
        places.sort()

        def work(tx: Transaction) -> None:
            if store.placed(tx) == first:  # else somebody else has done it
                store.place(tx, places, first + self._step)

        await self._db.bookkeep(Bookkeeping.INDEX, work)
        return True

    def _next(self) -> tuple[int, list[tuple[int, int]]]:
        """Where the next step begins, and (epoch, position) of each of its entries. Blocks."""
        with self._db.read() as tx:
            first = store.placed(tx)
            if store.end_of_leaves(tx) < first + self._step:
                return first, []
            return first, store.epochs_between(tx, first, first + self._step)
