"""Moves the key service's audit entries from its outbox into the log: each once, in order.

The outbox forgets a message only after the log has it. If the worker dies in between, the message comes again and is
known by its id; ids are forgotten once the outbox has forgotten the message.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from nexus.kernel import entries
from nexus.kernel.database import Bookkeeping, Database, Migration, Recorded, Transaction
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Entry
from nexus.kernel.outbox import Message
from nexus.kms.client import KeyServiceClient

BATCH: Final = 128
"""Messages shipped at a time; they share one commit."""

MIGRATIONS: Final = (
    Migration("app", 1, ("CREATE TABLE app_shipped (id TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT",)),
)


class Shipping:
    """There must be one for each platform: the worker."""

    def __init__(
        self, kms: KeyServiceClient, database: Database, heed: Callable[[Entry], None] = lambda entry: None
    ) -> None:
        """`heed` is told of each entry once it is in the log."""
        self._kms = kms
        self._database = database
        self._heed = heed

    async def ship(self) -> bool:
        """Ship one batch; returns whether there may be more."""
        messages = await self._kms.entries(BATCH)
        if not messages:
            return False
        known = self._known()
        await self._write([message for message in messages if message.id not in known])
        await self._kms.entries_done(messages[-1].position)
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
