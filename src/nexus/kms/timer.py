"""What happens by itself while the service is unsealed: rotation when due, destruction when its time has come.

Each task is tried by itself and tried again at the next turn: one key in trouble must not stop the others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nexus.kernel.clock import Clock
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import NexusError
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation, system_actor
from nexus.kms import rules, store
from nexus.kms.destruction import Destruction
from nexus.kms.lifecycle import LifeCycle
from nexus.kms.model import key_resource
from nexus.kms.requests import KeyRef
from nexus.kms.store import StoredKey
from nexus.kms.transport import Transport
from nexus.kms.vault import Vault

INTERVAL_S: Final = 1.0
"""How often the timer looks; a look at a thousand keys costs less than a millisecond."""
DOOR: Final = "kms"

_log: Final = logging.getLogger("nexus.kms")


def own_operation(clock: Clock) -> Operation:
    """An operation of the key service by itself."""
    return Operation(new_id("op"), system_actor("kms"), "operation", clock.now(), origin="local", door=DOOR)


class Timer:
    """Takes turns over every key; each turn may be repeated."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        *,
        lifecycle: LifeCycle,
        destruction: Destruction,
        transport: Transport,
        clock: Clock,
    ) -> None:
        self._db = db
        self._vault = vault
        self._lifecycle = lifecycle
        self._destruction = destruction
        self._transport = transport
        self._clock = clock

    async def run(self, lost: Callable[[NexusError], Awaitable[None]]) -> None:
        """Turn after turn, until cancelled. `lost` hears of every error: one of them may mean that the token is gone."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.turn(lost)
            except Exception:  # a timer that stopped would leave keys alive that were to be destroyed
                _log.exception("a turn of the timer failed")

    async def turn(self, lost: Callable[[NexusError], Awaitable[None]] | None = None) -> None:
        """One look at everything. Does nothing while sealed."""
        for task in (self._count_wraps, self._rotate_due, self._tell_due, self._destroy_due, self._drop_imports):
            if not self._vault.is_open:
                return
            try:
                await task()
            except NexusError as error:
                _log.error("the timer could not finish: %s (%s)", error.message, error.code)
                if lost is not None:
                    await lost(error)

    async def _count_wraps(self) -> None:
        counted, self._vault.wraps = self._vault.wraps, {}
        if not counted:
            return

        def work(tx: Transaction) -> list[StoredKey]:
            store.add_wraps(tx, counted)
            return [store.load(tx, key_id) for key_id in {key_id for key_id, _ in counted}]

        for stored in await self._db.bookkeep(Bookkeeping.PROGRESS, work):
            if self._vault.is_open and self._vault.stored(stored.key.id).key == stored.key:
                self._vault.put(stored)

    async def _rotate_due(self) -> None:
        now = self._clock.now()
        for stored in self._vault.all():
            if rules.rotates_now(stored.key, stored.wraps, now):
                await self._lifecycle.rotate(own_operation(self._clock), KeyRef(key_id=stored.key.id), automatic=True)

    async def _tell_due(self) -> None:
        """Keys that a person must rotate: one entry for each version that is due."""
        now = self._clock.now()
        for stored in self._vault.all():
            if rules.rotation_due(stored.key, now) and not stored.due_told:
                await self._tell(stored.key.id)

    async def _tell(self, key_id: str) -> None:
        async with self._vault.changing:
            op = own_operation(self._clock)

            def work(tx: Transaction) -> Recorded[StoredKey]:
                entry = op.allowed("kms.key.rotate", key_resource(key_id), step="due")
                return Recorded(store.mark_due_told(tx, key_id), entry)

            self._vault.put(await self._db.write(work))

    async def _destroy_due(self) -> None:
        await self._destruction.carry_out_due(own_operation(self._clock))

    async def _drop_imports(self) -> None:
        now = self._clock.now()
        with self._db.read() as tx:
            expired = store.expired_imports(tx, now)
        for import_id, _ in expired:
            await self._transport.forget_import(import_id)
