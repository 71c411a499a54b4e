"""The two services of pseudonyms at work: in this process, or each in one of its own, with sockets and certificates as in life."""

import asyncio
import hmac
import os
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from nexus.kernel import outbox
from nexus.kernel.clock import Clock, SystemClock
from nexus.kernel.database import Database
from nexus.kernel.engines.sqlite import SqliteEngine
from nexus.kernel.errors import Damaged
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.secret import Secret
from nexus.pseudonyms import first_level, ledger, second_level, wire
from nexus.pseudonyms.callers import FIRST, SECOND
from nexus.pseudonyms.first_level import FirstLevel
from nexus.pseudonyms.level import RANDOM_KEYS
from nexus.pseudonyms.second_level import SecondLevel
from nexus.pseudonyms.wire import Remote
from simulators.databases import database as open_database
from simulators.machines import credentials, identity
from simulators.operations import operation
from simulators.recorder import MemoryRecorder


class LevelKeys:
    """A key of the key service that one level alone may use: wrapped secrets open with it, in their context, or not at all.

    `file`: where it is remembered, for a service that starts again.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._held: dict[bytes, tuple[bytes, str]] = {}
        self._file = file
        if file is not None and file.exists():
            rows = (bytes.fromhex(part) for part in file.read_text().split())
            self._held = {
                wrapped: (secret, context.decode()) for wrapped, secret, context in zip(rows, rows, rows, strict=True)
            }

    async def generate(self, context):
        secret, wrapped = os.urandom(32), os.urandom(40)
        self._held[wrapped] = secret, str(sorted(context.items()))
        if self._file is not None:
            with self._file.open("a") as file:
                file.write(f"{wrapped.hex()} {secret.hex()} {self._held[wrapped][1].encode().hex()}\n")
        return Secret(secret), wrapped

    async def unwrap(self, wrapped, context):
        secret, made = self._held.get(wrapped, (b"", ""))
        if not secret or made != str(sorted(context.items())):
            raise Damaged("this secret is not of this key or of this context")
        return Secret(secret)


class LinkingKey:
    """The key service as the first level knows it: a secret for each version, computed with and never let out.

    `file`: where it is remembered, for a service that starts again.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.secrets = [os.urandom(32)]
        if file is not None:
            if not file.exists():
                file.write_bytes(self.secrets[0])
            self.secrets = [file.read_bytes()]

    async def newest(self, op):
        return len(self.secrets)

    async def macs(self, op, messages, version):
        return [hmac.digest(self.secrets[version - 1], each, "sha256") for each in messages]


class Levels:
    """Both services over real databases, and clients of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_log, self.second_log = MemoryRecorder(), MemoryRecorder()
        self.linking, self.second_keys = LinkingKey(), LevelKeys()
        self.first_database = open_database(folder / "linkage.db", key=Secret(b"1" * 32), recorder=self.first_log)
        self.second_database = open_database(folder / "ledger.db", key=Secret(b"2" * 32), recorder=self.second_log)
        self.first_database.migrate([*outbox.MIGRATIONS, first_level.SCHEMA, first_level.BY_NAME])
        self.second_database.migrate([*outbox.MIGRATIONS, *ledger.SCHEMAS, second_level.SCHEMA])
        self.clients: list[Remote] = []

    def entries(self, log: MemoryRecorder, action: str):
        """What was recorded of an action."""
        return [entry for entry in log.entries if entry.action == action]

    def client(self, caller: str, name: str) -> Remote:
        """A client with the certificate of a process."""
        made = Remote(self.folder / f"{name}.sock", identity(caller), name)
        self.clients.append(made)
        return made

    async def first(self) -> FirstLevel:
        """Another first level over the same database, with nothing in its memory."""
        made = FirstLevel(self.first_database, self.linking, self.client(FIRST, SECOND))
        await made.open(operation())
        return made


@asynccontextmanager
async def running(clock: Clock | None = None, require=lambda: None):
    """Both services in this process."""
    with TemporaryDirectory() as place:
        levels = Levels(Path(place))
        service = SecondLevel(levels.second_database, levels.second_keys)
        second, first = [
            await wire.serve(
                levels.folder / f"{name}.sock", identity(name), serving, clock or SystemClock(), require=require
            )
            for name, serving in ((SECOND, service), (FIRST, await levels.first()))
        ]
        try:
            yield levels
        finally:
            for client in levels.clients:
                await client.close()
            for server in (first, second):
                server.close()
            for database in (levels.first_database, levels.second_database):
                database.close()


@contextmanager
def process(name: str, folder: Path):
    """One of the two services in a process of its own, until the block ends."""
    spawning = get_context("spawn")
    ready = spawning.Event()
    made = spawning.Process(target=_process, args=(name, folder, credentials(name), ready))
    made.start()
    try:
        assert ready.wait(60), f"{name} did not start"
        yield made
    finally:
        made.kill()
        made.join()


def _process(name: str, folder: Path, shown, ready) -> None:
    asyncio.run(_serve(name, folder, ServiceIdentity(shown), ready))


async def _serve(name: str, folder: Path, who: ServiceIdentity, ready) -> None:
    engine = SqliteEngine(folder / f"{name}.db", Secret(name.encode().ljust(32)), RANDOM_KEYS)
    database = Database(engine, recorder=MemoryRecorder())
    if name == SECOND:
        database.migrate([*outbox.MIGRATIONS, *ledger.SCHEMAS, second_level.SCHEMA])
        service = SecondLevel(database, LevelKeys(folder / f"{name}.keys"))
    else:
        database.migrate([*outbox.MIGRATIONS, first_level.SCHEMA, first_level.BY_NAME])
        linking = LinkingKey(folder / f"{name}.keys")
        service = FirstLevel(database, linking, Remote(folder / f"{SECOND}.sock", who, SECOND))
        await service.open(operation())
    server = await wire.serve(folder / f"{name}.sock", who, service, SystemClock())
    ready.set()
    await server.serve_forever()
