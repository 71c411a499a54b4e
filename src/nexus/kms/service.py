"""The key service put together: what the server serves. One instance, one thread, one event loop."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import NexusError
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kernel.secret import Secret
from nexus.kms import recorder, rules
from nexus.kms.anchors import AnchorRegister
from nexus.kms.binding import BoundKeys
from nexus.kms.computing import Computing
from nexus.kms.datakeys import DataKeys
from nexus.kms.destruction import Destruction
from nexus.kms.lifecycle import LifeCycle
from nexus.kms.model import KeyServiceStatus, ServiceState
from nexus.kms.ports import TOKEN_LOST, Announcer
from nexus.kms.rewrapping import Rewrapping
from nexus.kms.seal import DEFAULT_COST, Argon2Cost
from nexus.kms.timer import Timer, own_operation
from nexus.kms.transport import Transport
from nexus.kms.unsealing import Identity, Unsealing
from nexus.kms.vault import ProviderFactory, Vault

_log: Final = logging.getLogger("nexus.kms")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one platform's key service is told. `anchors`: files outside the data directory and outside backups."""

    instance: str
    provider: str
    seal_file: Path
    anchors: tuple[Path, ...]
    demonstration: bool = False
    demo_destruction_seconds: int = 0
    cost: Argon2Cost = DEFAULT_COST


class KeyService:
    """Its parts hold the use cases; this class starts them, tells their state, and seals when the token is lost."""

    def __init__(
        self, db: Database, settings: ServiceSettings, factory: ProviderFactory, announcer: Announcer, clock: Clock
    ) -> None:
        """Raises Invalid on a shortened waiting period outside a demonstration."""
        self._db = db
        self._settings = settings
        self._clock = clock
        self.vault = Vault(db, AnchorRegister(settings.anchors, settings.instance), factory)
        self.lifecycle = LifeCycle(db, self.vault, announcer, clock)
        self.data_keys = DataKeys(db, self.vault)
        self.rewrapping = Rewrapping(db, self.vault, self.data_keys, clock)
        self.computing = Computing(db, self.vault)
        self.bound_keys = BoundKeys(
            db,
            self.vault,
            lifecycle=self.lifecycle,
            computing=self.computing,
            data_keys=self.data_keys,
            clock=clock,
        )
        self.transport = Transport(db, self.vault, self.lifecycle, clock)
        self.destruction = Destruction(
            db,
            self.vault,
            lifecycle=self.lifecycle,
            computing=self.computing,
            announcer=announcer,
            clock=clock,
            instance=settings.instance,
            demonstration=settings.demonstration,
            demo_seconds=settings.demo_destruction_seconds,
        )
        self.unsealing = Unsealing(
            db,
            self.vault,
            announcer,
            clock=clock,
            identity=Identity(settings.instance, settings.provider, settings.seal_file),
            cost=settings.cost,
        )
        self.timer = Timer(
            db,
            self.vault,
            lifecycle=self.lifecycle,
            destruction=self.destruction,
            transport=self.transport,
            clock=clock,
        )
        self._ticking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the timer. The service starts sealed, always."""
        self._ticking = asyncio.create_task(self.timer.run(self.heed), name="kms timer")

    async def close(self) -> None:
        """Stop the timer and zeroise."""
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
        self.vault.close()

    async def unseal(self, op: Operation, offered: Secret) -> KeyServiceStatus:
        """Take a passphrase or a share; once unsealed, make good what a founding, a crash or a restore left open."""
        was_open = self.vault.is_open
        if await self.unsealing.unseal(op, offered) and not was_open:
            own = own_operation(self._clock)
            await self.destruction.bury_returned(own)
            await self.destruction.ensure_signing_keys(own)
        return self.status()

    async def heed(self, error: NexusError) -> None:
        """Seal when the token is lost: its session cannot be had again without its PIN, which nobody holds."""
        if error.code == TOKEN_LOST and self.vault.is_open:
            _log.error("the token is lost: the key service seals itself")
            with suppress(NexusError):
                await self.unsealing.seal(own_operation(self._clock), why="the token was lost")

    def status(self) -> KeyServiceStatus:
        """What the service says of itself, sealed or not. Raises Damaged if not even the seal can be read."""
        facts = self.vault.facts()
        keys = [stored.key for stored in self.vault.all()] if self.vault.is_open else []
        now = self._clock.now()
        counted: dict[str, int] = {}
        for key in keys:
            counted[key.state.value] = counted.get(key.state.value, 0) + 1
        return KeyServiceStatus(
            state=self.unsealing.state,
            provider=self._settings.provider,
            device=facts.device if facts else "",
            emulated=facts.emulated if facts else True,
            unseal_with=self.unsealing.method(),
            progress=self.unsealing.progress(),
            retry_after_s=self.unsealing.pause_s() if self.unsealing.state is ServiceState.SEALED else 0,
            keys=counted,
            rotation_due=sum(rules.rotation_due(key, now) for key in keys),
            missing=tuple(sorted(self.vault.missing)) if self.vault.is_open else (),
            anchors=self.vault.anchor_places,
            pending_entries=self.pending_entries(),
            demonstration=self._settings.demonstration,
        )

    async def read_status(self, op: Operation) -> KeyServiceStatus:
        """`status` for the doors: recorded as any other reading."""
        await self._db.record(op.allowed("kms.service.status", PLATFORM))
        return self.status()

    def pending_entries(self) -> int:
        with self._db.read() as tx:
            return recorder.pending_count(tx)
