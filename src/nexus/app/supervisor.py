"""The supervisor: starts the platform's processes in order, keeps them alive, and stops them in the opposite order.

1. Take the lock of the data directory.
2. Listen on the control socket.
3. Start the fork server, which imports meanwhile; start the key service, and wait until it is unsealed.
4. Take the place of this platform on its database server, where it has one, and bring the database's schema forward.
5. Start worker, where the setting says so the two services of pseudonyms, REST door, console, portal, S3 door and bastion; those that speak TLS with a fresh certificate each.
6. Keep them until told to stop; then doors first, the key service last.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from nexus import __version__
from nexus.app import custody, datadir, handoff, keyservice, parts, schema, serving
from nexus.app.authority import CertificateAuthority
from nexus.app.control import ControlServer, Request
from nexus.app.datadir import DataDirectory
from nexus.app.forking.client import fork_server
from nexus.app.handoff import Handoff
from nexus.app.identities import Renewable, ServiceIdentities
from nexus.app.jobs import Jobs
from nexus.app.keeping import Place
from nexus.app.settings import Settings, console_url, portal_url
from nexus.app.status import Phase, PlatformStatus
from nexus.app.telemetry.gathering import Gathering, shown
from nexus.app.telemetry.watch import Watch
from nexus.app.tenancy import Tenancy
from nexus.kernel.clock import Clock, SystemClock
from nexus.kernel.errors import Conflict, Damaged, Invalid, NexusError
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import KeyServiceStatus, ServiceState

POLL_S = 0.2
"""How often the seal is looked at while the platform waits to be unsealed."""
RENEW_CHECK_S = 60.0
"""How often the supervisor looks whether certificates are due."""

_log = logging.getLogger("nexus.supervisor")


Passphrase = Callable[[], Secret | None]
"""Gives the passphrase each time it is needed, or None where custodians come to the machine."""


class Supervisor:
    """One platform on one machine."""

    def __init__(
        self,
        directory: DataDirectory,
        settings: Settings,
        *,
        passphrase: Passphrase = lambda: None,
        on_phase: Callable[[Phase], None] = lambda phase: None,
        clock: Clock | None = None,
        renew_check_s: float = RENEW_CHECK_S,
    ) -> None:
        datadir.require_demonstration(directory, settings.demo_destruction_seconds)
        self.directory = directory
        self.phase = Phase.STARTING
        self._settings = settings
        self._passphrase = passphrase
        self._on_phase = on_phase
        self._clock = clock or SystemClock()
        self._renew_check_s = renew_check_s
        self._stop = asyncio.Event()
        machine = SystemClock()  # certificates are dated as the key service and the TLS library see the time
        self._identities = ServiceIdentities(directory.instance, machine)
        self._kms = KeyServiceClient(directory.kms_socket, self._identities.own)
        self._authority = CertificateAuthority(self._kms, directory, machine)
        self._database = schema.Place(directory, settings, parts.SUPERVISOR)
        self._tenancy = Tenancy(self._database, self._give_up)
        self._jobs = Jobs(
            self._kms, self._database, settings, self._clock, identity=self._identities.own, prepare=self._preparer
        )
        self._places: list[Place] = []
        self._fork_server = fork_server(settings, self._doors())
        self._gathering = Gathering(lambda: self._places, lambda: self.phase is Phase.RUNNING, Watch())
        self._ports: dict[str, int] = {}
        self._watch_port = 0
        self._renew_at = 0
        self._failure: NexusError | None = None
        self._trouble = ""

    def stop(self) -> None:
        """Ask for the end; `run` returns once everything has stopped."""
        self._stop.set()

    async def run(self) -> None:
        """Run the platform until `stop`. Raises what keeps it from starting, or from going on."""
        custody.read_index(self.directory)
        with ExitStack() as held:
            lock = held.enter_context(datadir.locked(self.directory))
            self._jobs.inherit = [lock]
            self.directory.endpoints.unlink(missing_ok=True)  # of a platform that was killed
            for door, port in self._doors().items():
                reserved = held.enter_context(serving.reserve_port(self._settings.host, port))
                self._ports[door] = reserved.getsockname()[1]
            watching = held.enter_context(self._reserve_watch_port()) if self._settings.watch_port >= 0 else None
            services = ControlServer(self.directory.supervisor_socket, self._answer, self._identities.own)
            async with AsyncExitStack() as open_:
                await open_.enter_async_context(ControlServer(self.directory.control_socket, self._answer))
                await open_.enter_async_context(services)
                self._fork_server.begin()
                self._watch_port = watching.getsockname()[1] if watching is not None else 0
                await open_.enter_async_context(shown(self._gathering, self._settings, self._watch_port))
                renewing = asyncio.create_task(
                    self._identities.keep(self._renewable, self._operation, check_s=self._renew_check_s)
                )
                try:
                    await self._until_stopped(self._start(lock))
                    if self.phase is Phase.RUNNING:
                        await self._until_stopped(self._renew_certificates())
                finally:
                    renewing.cancel()
                    await self._stop_everything()
        if self._failure is not None:
            raise self._failure

    async def unseal(self, secret: Secret, user: str = "") -> KeyServiceStatus:
        """Hand a passphrase or one custodian's share to the key service, for `user` or by ourselves."""
        status = await self._kms.unseal(secret, self._operation(user))
        self._trouble = ""
        return status

    # Starting

    async def _start(self, lock: int) -> None:
        kms = keyservice.key_service_place(
            self.directory, self._settings, self._identities, lock, started=self._unseal_by_passphrase
        )
        self._places.append(kms)
        await kms.open()
        await self._kms.start()
        await self._wait_unsealed()
        self._enter(Phase.OPENING)
        await self._tenancy.begin()
        await custody.complete(self._kms, self.directory, self._operation())
        await schema.bring_forward(self._kms, self._database, self._clock)
        await self._ensure_authority()
        # The worker first and alone: it refuses a log that was rolled back, and then nobody may be served.
        await self._open_places([parts.WORKER], lock)
        for level in parts.LEVELS if self._settings.pseudonyms else ():
            await self._open_places([level], lock)
        wanted = [name for name in (parts.CONSOLE, parts.PORTAL, parts.BASTION, parts.SFTP) if name in self._ports]
        await self._open_places([parts.API, *wanted, *[parts.S3] * self._settings.s3_processes], lock)
        self._publish_endpoints()
        self._enter(Phase.RUNNING)

    async def _ensure_authority(self) -> None:
        """The platform's authority in step with the key service, and every service with a certificate of it."""
        roots = await self._authority.ensure(self._operation())
        await self._identities.adopt(self._authority, roots, self._places, self._operation())

    async def _open_places(self, names: Sequence[str], lock: int) -> None:
        """Start several processes side by side. Raises what keeps the first of them from starting."""
        make = partial(Place, inherit=[lock], refused=self._give_up_if_damaged, launch=self._fork_server.launch)
        places = [make(name, self._preparer(name)) for name in names]
        self._places += places
        try:
            async with asyncio.TaskGroup() as group:
                for place in places:
                    group.create_task(place.open())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    def _give_up_if_damaged(self, error: NexusError) -> None:
        """A process died and does not start again because data are damaged: nobody may go on working on them."""
        if isinstance(error, Damaged):
            self._give_up(error)

    def _give_up(self, error: NexusError) -> None:
        self._failure = error
        self.stop()

    async def _wait_unsealed(self) -> None:
        while True:
            status = await self._kms.status()
            if status.state is ServiceState.UNSEALED:
                return
            if status.state is ServiceState.UNINITIALISED:
                raise Conflict(
                    "the key service was never initialised", code="kms.uninitialised", hint="found it: `nexus init`"
                )
            if self.phase is not Phase.SEALED:
                self._enter(Phase.SEALED)
            await asyncio.sleep(POLL_S)

    async def _unseal_by_passphrase(self) -> None:
        """After each start of the key service: it starts sealed, also when it was killed."""
        try:
            if (passphrase := self._passphrase()) is not None:
                await self._kms.start()
                await self.unseal(passphrase)
        except NexusError as error:
            self._trouble = f"{error.message} ({error.code})"
            _log.error("not unsealed: %s", self._trouble)

    def _preparer(self, name: str) -> Callable[[], Any]:
        async def prepare() -> Handoff:
            leaf = await self._issue_leaf() if self._speaks_tls(name) else None
            return Handoff(
                process=name,
                root=str(self.directory.root),
                settings=self._settings,
                credentials=await self._identities.issue(name, self._operation()),
                port=self._ports.get(name, 0),
                console_url=console_url(self._settings, self._ports.get(parts.CONSOLE, 0)),
                portal_url=self._portal(),
                leaf=leaf,
            )

        return prepare

    async def _issue_leaf(self) -> handoff.LeafParts:
        """A certificate for one door, signed inside the key service. Raises Sealed while that is sealed."""
        names = [self._settings.host, *self._settings.names, socket.gethostname()]
        leaf = await self._authority.door(names, self._settings.certificate_hours, self._operation())
        self._renew_at = leaf.renew_at
        return handoff.leaf_parts(leaf)

    # Running

    async def _until_stopped(self, work: Any) -> None:
        """Run `work` to its end, or cancel it when the platform is told to stop."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _renew_certificates(self) -> None:
        while True:
            await asyncio.sleep(self._renew_check_s)
            try:
                await self._ensure_authority()  # a custodian may have rotated its key
            except NexusError as error:
                _log.error("the certificate authority is out of reach: %s", error.message)
            if self._clock.now() < self._renew_at:
                continue
            for place in [place for place in self._places if self._speaks_tls(place.name)]:
                try:
                    await place.renew(self._settings.stop_grace_s)
                except NexusError as error:  # sealed, most likely: the present certificate lasts a while yet
                    _log.error("no new certificate for %s: %s", place.name, error.message)

    def _publish_endpoints(self) -> None:
        status = {
            "s3": self._address(parts.S3),
            "api": self._address(parts.API),
            "console": self._console(),
            "portal": self._portal(),
            "bastion": self._ssh(parts.BASTION),
            "sftp": self._ssh(parts.SFTP),
        }
        datadir.write_durably(self.directory.endpoints, msgspec.json.encode(status))

    def _doors(self) -> dict[str, int]:
        """Door -> the port that it is to have; 0 is any free one."""
        settings = self._settings
        doors = {
            parts.S3: settings.s3_port,
            parts.API: settings.api_port,
            parts.CONSOLE: settings.console_port,
            parts.PORTAL: settings.portal_port,
            parts.BASTION: settings.bastion_port,
            parts.SFTP: settings.sftp_port,
        }
        return {door: port for door, port in doors.items() if port >= 0}

    def _reserve_watch_port(self) -> socket.socket:
        return serving.reserve_port(self._settings.watch_host, self._settings.watch_port)

    def _watched_at(self) -> str:
        """Address of the operations listener; empty where it is closed."""
        scheme = "https" if self._settings.watch_certificate_file else "http"
        return _url(scheme, self._settings.watch_host, self._watch_port) if self._watch_port else ""

    def _speaks_tls(self, name: str) -> bool:
        return name in self._ports and name not in (parts.BASTION, parts.SFTP)

    def _address(self, door: str, scheme: str = "https") -> str:
        return _url(scheme, self._settings.host, self._ports.get(door, 0))

    def _console(self) -> str:
        return console_url(self._settings, self._ports[parts.CONSOLE]) if parts.CONSOLE in self._ports else ""

    def _portal(self) -> str:
        return portal_url(self._settings, self._ports[parts.PORTAL]) if parts.PORTAL in self._ports else ""

    def _ssh(self, door: str) -> str:
        return self._address(door, "ssh") if door in self._ports else ""

    def _operation(self, user: str = "") -> Operation:
        if user:
            return parts.local_operation(user, self._clock)
        return parts.platform_operation(parts.SUPERVISOR, self._clock)

    async def _answer(self, request: Request, user: str) -> Any:
        match request.do:
            case "status":
                return await self.status()
            case "unseal":
                if not request.secret:
                    raise Invalid("a passphrase or a share is needed", code="control.secret")
                return await self.unseal(Secret(request.secret.encode()), user)
            case "seal":
                return await self._kms.seal(self._operation(user))
            case "stop":
                self.stop()
                return None
            case _:
                return await self._jobs.answer(request, user, self._operation(user))

    def _renewable(self) -> list[Renewable]:
        return [*self._places, *self._jobs.running()]

    async def status(self) -> PlatformStatus:
        """What runs, and in what state the keys are."""
        try:
            key_service = await self._kms.status()
        except NexusError:
            key_service = None
        sealed = key_service is None or key_service.state is not ServiceState.UNSEALED
        return PlatformStatus(
            phase=Phase.SEALED if sealed and self.phase is Phase.RUNNING else self.phase,
            version=__version__,
            instance=self.directory.instance,
            data=str(self.directory.root),
            demonstration=self.directory.is_demonstration,
            s3=self._address(parts.S3),
            api=self._address(parts.API),
            console=self._console(),
            portal=self._portal(),
            bastion=self._ssh(parts.BASTION),
            sftp=self._ssh(parts.SFTP),
            watch=self._watched_at(),
            certificate_authority=str(self.directory.certificate_authority),
            processes=tuple(place.status() for place in self._places),
            key_service=key_service,
            trouble=self._trouble if sealed else "",
        )

    # Stopping

    async def _stop_everything(self) -> None:
        self._enter(Phase.STOPPING)
        self.directory.endpoints.unlink(missing_ok=True)
        await self._jobs.close(self._settings.stop_grace_s)
        doors = [place for place in self._places if place.name in self._ports]
        others = [place for place in reversed(self._places) if place.name not in self._ports]  # worker, then kms
        await asyncio.gather(*(door.close(self._settings.stop_grace_s) for door in doors))
        for place in others:
            await place.close(self._settings.stop_grace_s)
        await self._fork_server.close()
        await self._kms.close()
        await self._tenancy.close()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        _log.info("the platform is %s", phase.value)
        self._on_phase(phase)


def _url(scheme: str, host: str, port: int) -> str:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{scheme}://{f'[{near}]' if ':' in near else near}:{port}"


def passphrase_from(file: Path | None) -> Passphrase:
    """Reads the passphrase from a file each time it is needed; its first line counts."""
    if file is None:
        return lambda: None

    def read() -> Secret | None:
        try:
            line = file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
        except OSError as error:
            raise Invalid(f"{file} cannot be read: {error.strerror}", code="init.passphrase-file") from error
        return Secret(line) if line else None

    return read
