"""Notices that wait to be told by mail. A notice is mailed once, however often what it tells of happens again."""

from nexus.iam.letters import about_account
from nexus.iam.model import Notice
from nexus.iam.store import notices
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.errors import Invalid
from nexus.mail.outbox import Outbox

MAX_NOTICES = 50
"""Notices that are mailed in one round."""
MAX_A_DAY = 10
"""Notices that one person is mailed within a day: whoever makes them cannot fill her mailbox. The console shows them all."""


class Telling:
    """Posts what is new to the people whom it concerns."""

    def __init__(self, db: Database, clock: Clock, outbox: Outbox, console: str) -> None:
        self._db = db
        self._clock = clock
        self._outbox = outbox
        self._console = console

    async def tell(self) -> bool:
        """One round; whether there may be more."""
        with self._db.read() as tx:
            if not notices.unmailed(tx, 1):
                return False
        return await self._db.bookkeep(Bookkeeping.PROGRESS, self._post) == MAX_NOTICES

    def _post(self, tx: Transaction) -> int:
        """In one commit: the messages, and that they were posted."""
        now, found = self._clock.now(), notices.unmailed(tx, MAX_NOTICES)
        for notice, address in found:
            old = now - notice.last_at > DAY  # mail was off when it was written
            enough = notices.mailed_since(tx, notice.person, Instant(now - DAY)) >= MAX_A_DAY
            if address and notice.seen_at is None and not (old or enough):
                self._send(tx, address, notice, now)
            notices.mark_mailed(tx, notice.id, now)
        return len(found)

    def _send(self, tx: Transaction, address: str, notice: Notice, now: Instant) -> None:
        try:
            self._outbox.post(tx, about_account(address, notice, self._console), now)
        except Invalid:  # an address that no mail reaches: the console tells her
            return
