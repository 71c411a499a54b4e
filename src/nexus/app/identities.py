"""The certificates of the platform's services: issued by the supervisor, an hour at most, renewed before their end.

Two authorities stand behind them. The *boot authority* is made at each start and lives in the supervisor's memory: it
lets the local sockets speak TLS while the key service is sealed and can sign nothing. From the moment when the platform's
authority is at hand, it signs instead, inside the key service, and each certificate is an entry. Both are trusted on the
local sockets; only the platform's authority is trusted by anybody else.
docs/decisions/0011-mutual-tls-between-services.md
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from nexus.app import parts, pki
from nexus.app.authority import CertificateAuthority
from nexus.app.pki import Leaf
from nexus.kernel.clock import Clock
from nexus.kernel.errors import NexusError
from nexus.kernel.mutual import Credentials, ServiceIdentity, spiffe_id
from nexus.kernel.operation import Operation

RENEW_CHECK_S: Final = 60.0
"""How often it is looked whether certificates are due."""

_log: Final = logging.getLogger("nexus.supervisor")


class Renewable(Protocol):
    """A process that can be given new credentials while it runs."""

    @property
    def name(self) -> str: ...

    async def give(self, credentials: Credentials) -> None: ...


class ServiceIdentities:
    """Issues the services' certificates, and those of the supervisor itself."""

    def __init__(self, instance: str, clock: Clock) -> None:
        """Until `adopt` is called, the boot authority signs everything."""
        self._instance = instance
        self._clock = clock
        self._boot = pki.found_authority(instance, clock.now())
        self._authority: CertificateAuthority | None = None
        self._adopted = b""
        self._due: dict[int, int] = {}
        self.own = ServiceIdentity(self.first(parts.SUPERVISOR))

    def first(self, name: str) -> Credentials:
        """For a service that starts while no other authority can be asked: the key service, the supervisor."""
        draft = pki.draft_service(self._boot.certificate, spiffe_id(self._instance, name), self._clock.now())
        return self._credentials(pki.sign(self._boot, draft))

    async def issue(self, name: str, op: Operation) -> Credentials:
        """By the platform's authority if it can be asked, by the boot authority otherwise (sealed, most likely)."""
        if self._authority is not None:
            try:
                return self._credentials(await self._authority.service(spiffe_id(self._instance, name), op))
            except NexusError as error:
                _log.info("the boot authority signs for %s: %s", name, error.message)
        return self.first(name)

    async def adopt(
        self, authority: CertificateAuthority, roots: bytes, running: Iterable[Renewable], op: Operation
    ) -> None:
        """The platform's authority is at hand: trust its roots, and give everybody a certificate of it."""
        if roots == self._adopted:
            return
        self._authority, self._adopted = authority, roots
        self._due.clear()
        await self.renew_due(running, op)

    async def renew_due(self, running: Iterable[Renewable], op: Operation) -> None:
        """Give new credentials to whoever's are due. One that fails does not keep the others waiting."""
        now = self._clock.now()
        if self.own.credentials.renew_at <= now or self.own.credentials.trust != self._trust():
            self.own.renew(await self.issue(parts.SUPERVISOR, op))
        for process in running:
            if self._due.get(id(process), 0) > now:
                continue
            credentials = await self.issue(process.name, op)
            try:
                await process.give(credentials)
            except (NexusError, OSError) as error:  # it died: its successor gets credentials of its own
                _log.info("%s took no new certificate (%s)", process.name, type(error).__name__)
            self._due[id(process)] = credentials.renew_at

    async def keep(
        self,
        running: Callable[[], Iterable[Renewable]],
        operation: Callable[[], Operation],
        *,
        check_s: float = RENEW_CHECK_S,
    ) -> None:
        """Renew whatever is due, sealed or not, until cancelled."""
        while True:
            await asyncio.sleep(check_s)
            try:
                await self.renew_due(running(), operation())
            except Exception:  # who stopped renewing would stop the platform within the hour
                _log.exception("certificates could not be renewed")

    def _trust(self) -> bytes:
        return self._boot.certificate + self._adopted

    def _credentials(self, leaf: Leaf) -> Credentials:
        return Credentials(leaf.chain, leaf.key.reveal(), self._trust(), leaf.renew_at, leaf.expires_at)
