"""Renewal of a domain whose secret leaked: everybody gets a pseudonym under the next one, page by page, without an identity.

1. The next epoch is entered, not ready. Whoever is new meanwhile still gets a pseudonym of the old one.
2. Page by page, each a commit: whoever of the old epoch has none in the new one gets it.
3. In one transaction: if nobody is left, the new epoch is ready, and counts from then on.

A process that is killed in between goes on where it was: what is there is never computed twice.
"""

from functools import partial
from typing import Final

from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.operation import Operation, Resource
from nexus.pseudonyms import ledger
from nexus.pseudonyms.function import Pseudonymising

PAGE: Final = 4_096
"""People of one commit."""
_LEFT: Final = (
    "SELECT old.link FROM pseudonyms_entered old WHERE old.domain = ? AND old.epoch = ? AND NOT EXISTS"
    " (SELECT 1 FROM pseudonyms_entered made WHERE made.domain = old.domain AND made.epoch = ?"
    " AND made.link = old.link) AND old.body > ? ORDER BY old.body LIMIT ?"
)
_LAST: Final = "SELECT body FROM pseudonyms_entered WHERE domain = ? AND epoch = ? AND link = ?"


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
        name, epoch = made.domain.name, made.domain.epoch
        rows = tx.all(_LEFT, (name, old_epoch, epoch, after, self._page))
        if not rows:
            return None
        ledger.enter(tx, made, [link for (link,) in rows])
        last = tx.one(_LAST, (name, old_epoch, rows[-1][0]))
        assert last is not None
        return bytes(last[0])

    async def _finished(self, op: Operation, old_epoch: int, made: Pseudonymising) -> bool:
        name, epoch = made.domain.name, made.domain.epoch

        def work(tx: Transaction) -> Recorded[bool]:
            done = tx.one(_LEFT, (name, old_epoch, epoch, b"", 1)) is None
            if done:
                tx.execute("UPDATE pseudonyms_domain SET ready = 1 WHERE name = ? AND epoch = ?", (name, epoch))
            entry = op.allowed("pseudonyms.domain.renewed", Resource("PseudonymDomain", name), epoch=epoch, ready=done)
            return Recorded(done, entry)

        return await self._database.write(work)
