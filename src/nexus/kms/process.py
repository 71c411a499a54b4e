"""The process of the key service. The supervisor runs `serve` in a process that does nothing else.

`python -m nexus.kms.process` does the same by itself: it reads its settings and its credentials as two lines of JSON from
standard input (never from arguments or the environment, where others could read them) and writes `ready` when it listens.
"""

import asyncio
import ctypes
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from msgspec import Struct

from nexus.kernel.clock import SystemClock
from nexus.kernel.database import Database
from nexus.kernel.errors import Invalid, NexusError, Unavailable
from nexus.kernel.mutual import Credentials, ServiceIdentity
from nexus.kernel.observing import Calls, Commits
from nexus.kms.anchors import AnchorRegister
from nexus.kms.leases import Leases
from nexus.kms.migrations import MIGRATIONS
from nexus.kms.ports import Provider
from nexus.kms.providers.keystore import Keystore
from nexus.kms.recorder import OutboxRecorder
from nexus.kms.seal import DEFAULT_COST, Argon2Cost
from nexus.kms.server import Server
from nexus.kms.service import KeyService, ServiceSettings

DATABASE_FILE: Final = "kms.db"
SEAL_FILE: Final = "seal.json"
_PR_SET_DUMPABLE: Final = 4


class ProcessSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that the process is told."""

    instance: str
    directory: str
    """Holds kms.db and the seal; part of every backup."""
    socket: str
    anchors: tuple[str, ...]
    """Files of the anchor register: outside the data directory and outside every backup."""
    provider: str = "keystore"
    pkcs11_module: str = ""
    """Library of the token. What the library itself needs (SOFTHSM2_CONF, …) is in the process's environment."""
    pkcs11_label: str = "nexus"
    demonstration: bool = False
    demo_destruction_seconds: int = 0
    cost: Argon2Cost = DEFAULT_COST


@dataclass(frozen=True, slots=True)
class Observers:
    """Whoever watches this process from outside, if anybody does."""

    commits: Commits | None = None
    calls: Calls | None = None
    serves: Callable[[Callable[[], bool], Database], None] = lambda is_open, database: None
    """Is told, once it serves, how to see whether it is unsealed, and its database."""


def serve(settings: ProcessSettings, credentials: Credentials, ready: Callable[[], None] = lambda: None) -> None:
    """Run the key service until SIGTERM or SIGINT; `ready` is called once it listens. Raises what keeps it from it."""
    harden()
    uvloop.run(_until_signalled(settings, ServiceIdentity(credentials), ready))


async def _until_signalled(settings: ProcessSettings, identity: ServiceIdentity, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, identity, stop, ready)


async def run(
    settings: ProcessSettings,
    identity: ServiceIdentity,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
    observers: Observers | None = None,
) -> None:
    """The service on the running event loop, until `stop` is set. It starts sealed, whatever it was before."""
    watched = observers or Observers()
    directory = Path(settings.directory)
    clock, leases = SystemClock(), Leases()
    db = Database(directory / DATABASE_FILE, key=None, recorder=OutboxRecorder(), observer=watched.commits)
    try:
        db.migrate(MIGRATIONS)
        told = ServiceSettings(
            instance=settings.instance,
            provider=settings.provider,
            seal_file=directory / SEAL_FILE,
            anchors=tuple(map(Path, settings.anchors)),
            demonstration=settings.demonstration,
            demo_destruction_seconds=settings.demo_destruction_seconds,
            cost=settings.cost,
        )
        service = KeyService(db, told, lambda register: make_provider(settings, register), leases, clock)
        path = Path(settings.socket)
        server = Server(service, db, leases, path=path, identity=identity, clock=clock, observer=watched.calls)
        await server.start()
        service.start()
        watched.serves(lambda: service.vault.is_open, db)
        ready()
        try:
            await stop.wait()
        finally:
            await server.close()
            await service.close()
    finally:
        db.close()


def make_provider(settings: ProcessSettings, register: AnchorRegister) -> Provider:
    """The provider that the settings name. Raises Unavailable if its token is not there."""
    if settings.provider == "keystore":
        return Keystore(register)
    if settings.provider != "pkcs11":
        raise Invalid(f"there is no provider {settings.provider!r}", code="kms.provider")
    from nexus.kms.providers.pkcs11 import Pkcs11Token  # loads native code: only where it is used

    if not settings.pkcs11_module:
        raise Unavailable("no PKCS#11 library is configured", code="kms.no-token", hint="set `pkcs11_module`")
    return Pkcs11Token(Path(settings.pkcs11_module), settings.pkcs11_label, register)


def harden() -> None:
    """No core dump, and no debugger of the same user: the memory of this process is the keystore."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):  # other systems than Linux have no prctl
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> int:
    """Settings from standard input, `ready` to standard output. Exit code 0 after a clean stop, 1 after an error."""
    try:
        settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=ProcessSettings)
        serve(settings, msgspec.json.decode(sys.stdin.buffer.readline(), type=Credentials), _say_ready)
    except (NexusError, msgspec.DecodeError) as error:
        sys.stderr.write(f"key service: {error}\n")
        return 1
    return 0


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
