"""Moves audit entries from the outboxes of services with databases of their own into the log: each once, in order.

The outbox forgets a message only after the log has it. If the worker dies in between, the message comes again and is
known by its id; ids are forgotten once the outbox has forgotten the message.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from nexus.kernel import entries
from nexus.kernel.database import Bookkeeping, Database, Migration, Recorded, Transaction
from nexus.kernel.errors import Conflict, Unavailable
from nexus.kernel.operation import Entry
from nexus.kernel.outbox import Message

BATCH: Final = 128
"""Messages shipped at a time; they share one commit."""

MIGRATIONS: Final = (
    Migration("app", 1, ("CREATE TABLE app_shipped (id TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT",)),
)


class Outbox(Protocol):
    """A service whose entries wait to be collected: the key service, a level of pseudonyms."""

    async def entries(self, limit: int) -> Sequence[Message]:
        """The oldest that nobody has acknowledged."""

    async def entries_done(self, upto: int) -> int:
        """Forget the entries up to and including this position."""


class Shipping:
    """There must be one for each platform: the worker. One service after the other, because they share what is known."""

    def __init__(
        self,
        kms: Outbox,
        database: Database,
        heed: Callable[[Entry], None] = lambda entry: None,
        others: Sequence[Outbox] = (),
    ) -> None:
        """`heed` is told of each entry once it is in the log."""
        self._outboxes = (kms, *others)
        self._database = database
        self._heed = heed

    async def ship(self) -> bool:
        """Ship one batch of each; returns whether there may be more. One that is away does not keep the others waiting."""
        more, failed = False, None
        for outbox in self._outboxes:
            try:
                more |= await self._ship(outbox)
            except Unavailable as error:
                failed = error
        if failed is not None:
            raise failed
        return more

    async def _ship(self, outbox: Outbox) -> bool:
        messages = await outbox.entries(BATCH)
        if not messages:
            return False
        known = self._known()
        await self._write([message for message in messages if message.id not in known])
        await outbox.entries_done(messages[-1].position)
        await self._forget()
        return len(messages) == BATCH

    async def _write(self, fresh: Sequence[Message]) -> None:
        """Submitted together so that they share commits; each refuses to be written before the one ahead of it."""
        written = []
        ahead: str | None = None
        for message in fresh:
            entry = entries.decode(message.body)
            written.append((entry, self._database.submit(_shipped(message, entry, ahead))))
            ahead = message.id
        for entry, future in written:
            await asyncio.wrap_future(future)
            self._heed(entry)

    def _known(self) -> set[str]:
        with self._database.read() as tx:
            return {row[0] for row in tx.all("SELECT id FROM app_shipped")}

    async def _forget(self) -> None:
        await self._database.bookkeep(Bookkeeping.SHIPPED, lambda tx: tx.execute("DELETE FROM app_shipped"))


def _shipped(message: Message, entry: Entry, ahead: str | None) -> Callable[[Transaction], Recorded[None]]:
    def work(tx: Transaction) -> Recorded[None]:
        if ahead is not None and tx.one("SELECT 1 FROM app_shipped WHERE id = ?", (ahead,)) is None:
            raise Conflict("an earlier entry was not shipped", code="shipping.order")
        tx.execute("INSERT INTO app_shipped (id, position) VALUES (?, ?)", (message.id, message.position))
        return Recorded(None, entry)

    return work
