"""The platform's keys inside one process, held for as long as the lease on the key service stands.

Services are given a `HeldSecret` once. When the key service is sealed, killed or loses sight of us, every held secret is
wiped before anything else happens; when it is back, the same objects are filled again. Nobody is built anew.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from nexus.app import custody
from nexus.app.custody import Part
from nexus.app.datadir import DataDirectory
from nexus.kernel.errors import NexusError, Sealed, Unavailable
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import KeyEvent, KeyEventKind

FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 5.0
"""Between attempts to get the keys back: short at first, then longer, because each refused attempt is recorded."""

_log = logging.getLogger("nexus.keys")


class HeldSecret(Secret):
    """A secret that comes and goes with the lease. `reveal()` raises Sealed while it is gone."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(b"")

    def fill(self, secret: Secret) -> None:
        """Take over the bytes of `secret`, and wipe that."""
        self._bytes[:] = secret.reveal()
        secret.wipe()

    def reveal(self) -> bytes:
        if not self._bytes:
            raise _sealed()
        return bytes(self._bytes)


class KeyHold:
    """Keeps the lease of one process: holds its secrets, and says before each operation whether they may be used."""

    def __init__(
        self,
        kms: KeyServiceClient,
        directory: DataDirectory,
        parts: Sequence[Part],
        platform_key: str,
        operation: Callable[[], Operation],
    ) -> None:
        """`platform_key` wraps the parts; `operation` makes the operation under which the key service opens them."""
        self.secrets: Mapping[Part, HeldSecret] = {part: HeldSecret() for part in parts}
        self._kms = kms
        self._directory = directory
        self._platform_key = platform_key
        self._operation = operation
        self._wanted = asyncio.Event()
        self._filled = False
        self._lost = False
        self._closed = False
        self._wipers: list[Callable[[], None]] = []
        self._refilling: asyncio.Task[None] | None = None

    def on_wipe(self, wipe: Callable[[], None]) -> None:
        """Also call `wipe` whenever the lease ends: for keys that others derived. It must neither wait nor raise."""
        self._wipers.append(wipe)

    async def start(self) -> None:
        """Get the keys for the first time. Raises what the key service raises."""
        self._kms.subscribe(self._heed)
        await self._fill()
        self._refilling = asyncio.create_task(self._refill_forever(), name="refill keys")

    async def close(self) -> None:
        """Wipe everything, for good."""
        self._closed = True
        if self._refilling is not None:
            self._refilling.cancel()
            with suppress(asyncio.CancelledError):
                await self._refilling
        self._wipe()

    def require(self) -> None:
        """Return while keys may be used; raise Sealed or Unavailable otherwise. Never waits."""
        if self._filled and self._kms.leased:
            return
        if self._lost:
            raise Unavailable(
                "the key service does not answer",
                code="kms.lost",
                hint="retry; `nexus status` on the machine says more",
            )
        raise _sealed()

    def _heed(self, event: KeyEvent) -> None:
        """On the event loop, before the key service acknowledges to whoever sealed it or changed the key."""
        if self._closed:
            return
        self._lost = event.kind is KeyEventKind.LOST
        concerns_us = event.kind is not KeyEventKind.KEY_CHANGED or event.key_id in ("", self._platform_key)
        if event.kind is not KeyEventKind.UNSEALED and concerns_us:
            self._wipe()
            _log.warning("keys are gone (%s): everything is refused until they are back", event.kind.value)
        if not self._filled:
            self._wanted.set()

    def _wipe(self) -> None:
        self._filled = False
        for secret in self.secrets.values():
            secret.wipe()
        for wipe in self._wipers:
            wipe()

    async def _fill(self) -> None:
        op = self._operation()
        for part, held in self.secrets.items():
            held.fill(await custody.open_part(self._kms, self._directory, part, op))
        self._filled, self._lost = True, False

    async def _refill_forever(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                if not self._kms.leased:
                    raise _sealed()
                await self._fill()
                _log.info("keys are back")
                pause = FIRST_PAUSE_S
            except NexusError:  # not yet, or gone again in the meantime
                self._wipe()
                self._wanted.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE_S) if self._kms.leased else FIRST_PAUSE_S


def _sealed() -> Sealed:
    return Sealed(
        "the platform is sealed", code="kms.sealed", hint="its custodians unseal it with `nexus unseal` on the machine"
    )
