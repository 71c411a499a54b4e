"""Renewal of a domain whose secret leaked: everybody gets a pseudonym under the next one, page by page, without an identity.

1. The next epoch is entered, not ready. Whoever is new meanwhile still gets a pseudonym of the old one.
2. Page by page, each a commit: whoever of the old epoch has none in the new one gets it.
3. In one transaction: if as many are in the new epoch as in the old one, it is ready, and counts from then on.

A process that is killed in between begins with the first page again: who is there gets the same pseudonym, entered once.
"""

from functools import partial
from typing import Final

from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.operation import Operation, Resource
from nexus.pseudonyms import ledger
from nexus.pseudonyms.function import Pseudonymising
from nexus.pseudonyms.notation import Domain

PAGE: Final = 4_096
"""People of one commit."""


class Renewing:
    """Brings everybody of an epoch into the next one."""

    def __init__(self, database: Database, *, page: int = PAGE) -> None:
        self._database = database
        self._page = page

    async def run(self, op: Operation, old_epoch: int, made: Pseudonymising) -> int:
        """Go on until the new epoch is ready; returns how many people are in it. Raises Conflict on a collision."""
        after = b""
        while True:
            turn = partial(self._turn, old_epoch=old_epoch, made=made, after=after)
            last = await self._database.bookkeep(Bookkeeping.PROGRESS, turn)
            if last is not None:
                after = last
            elif await self._finished(op, old_epoch, made):
                return self.people(made)
            else:
                after = b""  # somebody came in behind us

    def people(self, made: Pseudonymising) -> int:
        """How many have a pseudonym in this epoch."""
        with self._database.read() as tx:
            return ledger.count(tx, made.domain)

    def _turn(self, tx: Transaction, old_epoch: int, made: Pseudonymising, after: bytes) -> bytes | None:
        """A page; returns the old pseudonym that it ended with, or None if there was nobody left behind `after`."""
        rows = ledger.page(tx, Domain(made.domain.name, old_epoch), after, self._page)
        ledger.enter(tx, made, [link for _, link in rows])
        return rows[-1][0] if rows else None

    async def _finished(self, op: Operation, old_epoch: int, made: Pseudonymising) -> bool:
        name, epoch = made.domain.name, made.domain.epoch

        def work(tx: Transaction) -> Recorded[bool]:
            done = ledger.count(tx, made.domain) == ledger.count(tx, Domain(name, old_epoch))
            if done:
                tx.execute("UPDATE pseudonyms_domain SET ready = 1 WHERE name = ? AND epoch = ?", (name, epoch))
            entry = op.allowed("pseudonyms.domain.renewed", Resource("PseudonymDomain", name), epoch=epoch, ready=done)
            return Recorded(done, entry)

        return await self._database.write(work)
