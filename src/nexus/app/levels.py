"""What each of the two services of pseudonyms stands on: the key service under its own certificate, a database of its own.

`<data>/pseudonyms/<level>/` holds the database, encrypted under a key that is wrapped beside it (`key.wrapped`) by a key of
the key service which that process alone may use. docs/formats/data-directory.md
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.app import parts
from nexus.app.datadir import DataDirectory, open_directory, sync_directory, write_durably
from nexus.app.handoff import Handoff
from nexus.kernel.clock import Clock, SystemClock
from nexus.kernel.database import Database, Migration
from nexus.kernel.engines.sqlite import SqliteEngine
from nexus.kernel.errors import Damaged, Sealed
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import KeyEvent, KeyEventKind
from nexus.kms.recorder import OutboxRecorder
from nexus.kms.uses import Use
from nexus.pseudonyms import wire
from nexus.pseudonyms.level import RANDOM_KEYS, Level

KEY: Final = "key.wrapped"
_log: Final = logging.getLogger("nexus.pseudonyms")


@dataclass(frozen=True, slots=True)
class LevelGround:
    """Built once for each of the two processes."""

    name: str
    directory: DataDirectory
    clock: Clock
    kms: KeyServiceClient
    database: Database
    identity: ServiceIdentity

    def operation(self) -> Operation:
        """An operation that this process does by itself, now."""
        return parts.platform_operation(self.name, self.clock)

    def require(self) -> None:
        """Return while secrets may be used. Raises Sealed."""
        if not self.kms.leased:
            raise Sealed("the platform is sealed", code="kms.sealed", hint="its custodians unseal it: `nexus unseal`")


class BoundLinking:
    """The port `pseudonyms.ports.Linking`: a key of the key service that computes for the first level alone."""

    def __init__(self, kms: KeyServiceClient) -> None:
        self._kms = kms

    async def newest(self, op: Operation) -> int:
        return (await self._kms.prf_bound(Use.PSEUDONYM_LINKS, [], op)).version

    async def macs(self, op: Operation, messages: Sequence[bytes], version: int) -> Sequence[bytes]:
        made: list[bytes] = []
        for start in range(0, len(messages), BATCH):
            part = messages[start : start + BATCH]
            made += (await self._kms.prf_bound(Use.PSEUDONYM_LINKS, part, op, version=version)).outputs
        return made


BATCH: Final = 4_096
"""Links in one call of the key service."""


class BoundKeys:
    """The port `pseudonyms.ports.Keys`: a key of the key service that wraps for one level alone."""

    def __init__(self, kms: KeyServiceClient, use: Use, operation: Callable[[], Operation]) -> None:
        self._kms = kms
        self._use = use
        self._operation = operation

    async def generate(self, context: Mapping[str, str]) -> tuple[Secret, bytes]:
        made = await self._kms.generate_bound(self._use, context, self._operation())
        return made.plaintext, made.wrapped

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> Secret:
        return await self._kms.unwrap_bound(self._use, wrapped, context, self._operation())


@asynccontextmanager
async def stand(
    given: Handoff, use: Use, migrations: Sequence[Migration], identity: ServiceIdentity
) -> AsyncIterator[LevelGround]:
    """Connect to the key service and open the level's database, made at its first start. `use` wraps its key."""
    directory, clock = open_directory(Path(given.root)), SystemClock()
    kms = KeyServiceClient(directory.kms_socket, identity)
    await kms.start()
    try:
        keys = BoundKeys(kms, use, lambda: parts.platform_operation(given.process, clock))
        database = await open_database(directory, given.process, keys, migrations)
        try:
            yield LevelGround(given.process, directory, clock, kms, database, identity)
        finally:
            database.close()
    finally:
        await kms.close()


async def serve(ground: LevelGround, level: Level, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Answer until told to stop. Secrets are dropped before the key service acknowledges that it is sealed."""

    def heed(event: KeyEvent) -> None:
        if event.kind is not KeyEventKind.UNSEALED:
            level.forget()

    ground.kms.subscribe(heed)
    socket = ground.directory.run / f"{ground.name}.sock"
    server = await wire.serve(socket, ground.identity, level, ground.clock, require=ground.require)
    ready()
    try:
        await stop.wait()
    finally:
        server.close()
        socket.unlink(missing_ok=True)


def folder(directory: DataDirectory, name: str) -> Path:
    """Where a level keeps what is its own."""
    return directory.root / "pseudonyms" / name.removeprefix("pseudonyms-")


def database_file(directory: DataDirectory, name: str) -> Path:
    """The linkage table of the first level, the ledger of the second."""
    return folder(directory, name) / ("linkage.db" if name == parts.PSEUDONYMS_FIRST else "ledger.db")


async def open_database(
    directory: DataDirectory, name: str, keys: BoundKeys, migrations: Sequence[Migration]
) -> Database:
    """A level's database. The key is written for good once the database is there, so that a loss is told from a beginning.

    Raises Damaged where one is there without the other.
    """
    place, file = folder(directory, name), database_file(directory, name)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept, begun = place / KEY, place / f"{KEY}.begun"
    if kept.exists() != file.exists() and not begun.exists():
        raise Damaged(
            f"of {place.name} of pseudonyms, the database or its key is missing",
            code="pseudonyms.missing",
            hint="restore both from the same backup: without them nobody is known again",
        )
    context = {"platform": directory.instance, "part": name}
    source = kept if kept.exists() else begun
    if source.exists():
        secret = await keys.unwrap(source.read_bytes(), context)
    else:
        secret, wrapped = await keys.generate(context)
        write_durably(begun, wrapped)
    database = Database(SqliteEngine(file, secret, RANDOM_KEYS), recorder=OutboxRecorder())
    try:
        await asyncio.to_thread(database.migrate, migrations)
    except BaseException:
        database.close()
        raise
    if begun.exists():
        begun.replace(kept)
        sync_directory(place)
    return database
