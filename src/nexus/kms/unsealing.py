"""`uninitialised -> sealed -> unsealed`, and back to sealed: the only module that handles passphrases and shares."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.crypto import sharing
from nexus.crypto.sharing import Share
from nexus.kernel.clock import MINUTE, SECOND, Clock
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.errors import Conflict, Denied, Invalid, NexusError, Throttled
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kernel.secret import Secret
from nexus.kms import rules, seal, store
from nexus.kms.model import KeyEvent, KeyEventKind, ServiceState, UnsealProgress
from nexus.kms.ports import Announcer
from nexus.kms.providers.keystore import MASTER_BYTES
from nexus.kms.requests import Initialise, Initialised, Sealing
from nexus.kms.seal import Argon2Cost, Founding, Seal, SharesSeal
from nexus.kms.vault import Vault

GATHERING_LIFE: Final = 15 * MINUTE
"""Shares that are not followed by enough others are forgotten after this time."""
ACTION: Final = "kms.service.seal"
"""The action of sealing and of unsealing; the entry's details say which."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which platform this is, with which provider, and where its seal lies."""

    instance: str
    provider: str
    seal_file: Path


class Unsealing:
    """The state of the seal. Attempts are counted in kms.db, so that a restart does not make them cheaper."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        announcer: Announcer,
        *,
        clock: Clock,
        identity: Identity,
        cost: Argon2Cost,
    ) -> None:
        self._db = db
        self._vault = vault
        self._announcer = announcer
        self._clock = clock
        self._identity = identity
        self._cost = cost
        self._gathered: dict[int, Share] = {}
        self._gathered_at = 0
        self._turn = asyncio.Lock()

    @property
    def state(self) -> ServiceState:
        if self._vault.is_open:
            return ServiceState.UNSEALED
        return ServiceState.SEALED if self._identity.seal_file.exists() else ServiceState.UNINITIALISED

    def method(self) -> str:
        """`passphrase`, `shares`, or empty before initialisation."""
        found = self._read_seal()
        if found is None:
            return ""
        return "shares" if isinstance(found.method, SharesSeal) else "passphrase"

    def progress(self) -> UnsealProgress | None:
        """How far the custodians are, while the platform is sealed under shares."""
        found = self._read_seal()
        if found is None or self._vault.is_open or not isinstance(found.method, SharesSeal):
            return None
        self._forget_stale()
        return UnsealProgress(
            set_id=found.method.set_id,
            threshold=found.method.threshold,
            total=found.method.total,
            received=len(self._gathered),
        )

    def pause_s(self) -> int:
        """Seconds until the next attempt is accepted."""
        with self._db.read() as tx:
            failures, last_at = store.attempts(tx)
        until = last_at + rules.pause_after(failures) * SECOND
        return max(0, -(-(until - self._clock.now()) // SECOND)) if failures else 0

    # Initialisation

    async def initialise(self, op: Operation, request: Initialise) -> Initialised:
        """Found the seal. Raises Conflict the second time, Invalid on a request that names no way or two ways."""
        async with self._turn:
            if self.state is not ServiceState.UNINITIALISED:
                raise Conflict("the key service is initialised already", code="kms.initialised")
            secret = self._provider_secret(request)
            made, shares = self._make_seal(request, secret)
            self._vault.create_register()
            self._prove(secret)
            await self._db.record(op.allowed(ACTION, PLATFORM, step="initialised", by=made.method.__class__.__name__))
            seal.write(self._identity.seal_file, made)
            secret.wipe()
            return Initialised(shares=tuple(Secret(share.text().encode()) for share in shares))

    def _provider_secret(self, request: Initialise) -> Secret:
        if self._identity.provider == "keystore":
            if request.pin is not None:
                raise Invalid("the keystore has no PIN", code="kms.pin-unexpected")
            return Secret(os.urandom(MASTER_BYTES))
        if request.pin is None or not len(request.pin):
            raise Invalid("the token's user PIN is needed", code="kms.pin-missing")
        return Secret(request.pin.reveal())

    def _make_seal(self, request: Initialise, secret: Secret) -> tuple[Seal, list[Share]]:
        founding = Founding(self._identity.instance, self._identity.provider, self._clock.now())
        by_shares = request.threshold is not None and request.total is not None
        if request.passphrase is not None and request.threshold is None and request.total is None:
            return seal.by_passphrase(secret, request.passphrase, founding, self._cost), []
        if by_shares and request.passphrase is None:
            return seal.by_shares(secret, request.threshold or 0, request.total or 0, founding)
        raise Invalid("give either a passphrase, or a threshold and a total of shares", code="kms.seal-method")

    def _prove(self, secret: Secret) -> None:
        """That the provider takes this secret is found out now, not at the first unsealing."""
        self._vault.open(secret)
        self._vault.close()

    # Unsealing

    async def unseal(self, op: Operation, offered: Secret) -> bool:
        """Take a passphrase or one share; True once unsealed. Raises Denied, Invalid, Throttled.

        A wrong passphrase is counted and makes the next attempts wait. A mistyped share is not: it opens nothing and
        its 256 bits cannot be guessed.
        """
        async with self._turn:
            if self._vault.is_open:
                return True
            found = self._read_seal()
            if found is None:
                raise Conflict("the key service was never initialised", code="kms.uninitialised", hint="`nexus init`")
            if (pause := self.pause_s()) > 0:
                raise Throttled("too many wrong attempts", retry_after_s=pause, code="kms.unseal-paused")
            secret = await self._provider_secret_from(op, found, offered)
            if secret is None:
                return False
            try:
                await self._open(op, secret)
            finally:
                secret.wipe()
            return True

    async def _provider_secret_from(self, op: Operation, found: Seal, offered: Secret) -> Secret | None:
        if isinstance(found.method, SharesSeal):
            return await self._gather(op, found, found.method, offered)
        try:
            return seal.open_with_passphrase(found, offered)
        except Denied:
            await self._count_failure(op)
            raise

    async def _gather(self, op: Operation, found: Seal, method: SharesSeal, offered: Secret) -> Secret | None:
        try:
            share = sharing.parse(offered.reveal().decode("utf-8"))
            seal.check_share(found, share)
        except (UnicodeDecodeError, ValueError) as error:
            raise Invalid("this is no share", code="sharing.not-a-share") from error
        except Invalid:
            await self._db.record(op.failed(ACTION, PLATFORM, step="unseal", why="share refused"))
            raise
        self._forget_stale()
        self._gathered[share.index] = share
        self._gathered_at = self._clock.now()
        if len(self._gathered) < method.threshold:
            received = len(self._gathered)
            await self._db.record(op.allowed(ACTION, PLATFORM, step="share", index=share.index, received=received))
            return None
        try:
            return seal.open_with_shares(found, list(self._gathered.values()))
        finally:
            self._forget()

    async def _open(self, op: Operation, secret: Secret) -> None:
        try:
            self._vault.open(secret)
            await self._db.record(op.allowed(ACTION, PLATFORM, step="unsealed"))
        except BaseException as error:
            self._vault.close()
            if isinstance(error, NexusError):
                with suppress(NexusError):
                    await self._db.record(op.failed(ACTION, PLATFORM, step="unseal", why=error.code))
            raise
        await self._db.bookkeep(Bookkeeping.THROTTLE, lambda tx: store.set_attempts(tx, 0, 0))
        await self._announcer.announce(KeyEvent(KeyEventKind.UNSEALED))

    async def _count_failure(self, op: Operation) -> None:
        now = self._clock.now()
        with self._db.read() as tx:
            failures = store.attempts(tx)[0] + 1
        await self._db.bookkeep(Bookkeeping.THROTTLE, lambda tx: store.set_attempts(tx, failures, now))
        await self._db.record(op.failed(ACTION, PLATFORM, step="unseal", why="wrong passphrase", attempts=failures))

    # Sealing

    async def seal(self, op: Operation, why: str = "ordered") -> Sealing:
        """Zeroise first: neither a full disk nor a holder that does not answer keeps the keys in memory.

        Returns once it is recorded and no holder of cached keys can use them any more.
        """
        self._vault.close()
        self._forget()
        announced = await self._announcer.announce(KeyEvent(KeyEventKind.SEALED))
        await self._db.record(
            op.allowed(
                ACTION, PLATFORM, step="sealed", why=why, confirmed=announced.confirmed, dropped=announced.dropped
            )
        )
        return Sealing(confirmed=announced.confirmed, dropped=announced.dropped)

    def _read_seal(self) -> Seal | None:
        return seal.read(self._identity.seal_file, self._identity.instance, self._identity.provider)

    def _forget_stale(self) -> None:
        if self._gathered and self._clock.now() - self._gathered_at > GATHERING_LIFE:
            self._forget()

    def _forget(self) -> None:
        for share in self._gathered.values():
            share.value.wipe()
        self._gathered.clear()
