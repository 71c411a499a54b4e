"""A real key service in this process: database, provider, socket and clients, with a clock that tests move.

Nothing of it is simulated but the time, the cost of argon2id, and that service and callers share a process.
"""

import asyncio
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

from nexus.kernel.database import Database
from nexus.kernel.entries import decode
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.leases import Leases
from nexus.kms.migrations import MIGRATIONS
from nexus.kms.providers.keystore import Keystore
from nexus.kms.recorder import OutboxRecorder
from nexus.kms.requests import CreateKey, Initialise
from nexus.kms.seal import Argon2Cost
from nexus.kms.server import DEFAULT_LIMITS, Server
from nexus.kms.service import KeyService, ServiceSettings
from simulators.clock import ManualClock
from simulators.machines import identity
from simulators.operations import operation
from simulators.tokens import LABEL, MODULE, softhsm_token

PASSPHRASE = "correct horse battery staple"
CHEAP = Argon2Cost(passes=1, memory_kib=64, lanes=1)
INSTANCE = "nx_test"


class RunningKeyService:
    """`data` is what a backup copies; `outside` is what it must not."""

    def __init__(self, root: Path, provider: str = "keystore", limits=DEFAULT_LIMITS, **settings):
        self.root = root
        self.data, self.outside = root / "data", root / "outside"
        self.data.mkdir(exist_ok=True)
        self.clock = ManualClock()
        self.provider = provider
        self.limits = limits
        self.settings = settings
        self.pin = softhsm_token() if provider == "pkcs11" else None
        self.clients = []

    async def start(self):
        self.db = Database(self.data / "kms.db", key=None, recorder=OutboxRecorder())
        self.db.migrate(MIGRATIONS)
        self.leases = Leases()
        told = ServiceSettings(
            **{
                "instance": INSTANCE,
                "provider": self.provider,
                "seal_file": self.data / "seal.json",
                "anchors": (self.outside / "anchors",),
                "cost": CHEAP,
                **self.settings,
            }
        )
        self.service = KeyService(self.db, told, self._factory, self.leases, self.clock)
        self.socket = self.root / "kms.sock"
        self.server = Server(
            self.service,
            self.db,
            self.leases,
            path=self.socket,
            identity=identity("kms"),
            clock=self.clock,
            limits=self.limits,
        )
        await self.server.start()
        return self

    def _factory(self, register):
        if self.provider == "keystore":
            return Keystore(register)
        from nexus.kms.providers.pkcs11 import Pkcs11Token

        return Pkcs11Token(MODULE, LABEL, register)

    async def stop(self):
        for client in self.clients:
            await client.close()
        self.clients.clear()
        await self.server.close()
        await self.service.close()
        self.db.close()

    async def restart(self, between=lambda: None):
        """Stop, change something on disk, start again: sealed, with new connections."""
        await self.stop()
        between()
        return await self.start()

    async def client(self, caller="api", **more):
        client = KeyServiceClient(self.socket, more.pop("identity", None) or identity(caller), **more)
        self.clients.append(client)
        await client.start()
        return client

    async def initialise(self):
        supervisor = await self.client("supervisor")
        await supervisor.initialise(Initialise(passphrase=Secret(PASSPHRASE.encode()), pin=self.pin))
        return await self.unseal()

    async def unseal(self):
        return await self.service.unseal(operation(), Secret(PASSPHRASE.encode()))

    async def create(self, client, **more):
        request = {"owner": "per_carol", "purpose": "tests", "rotation_days": 90, **more}
        return await client.create(operation(), CreateKey(**request))

    async def turn(self):
        """One turn of the timer."""
        await self.service.timer.turn()

    def entries(self):
        """What waits in the outbox, decoded."""
        with self.db.read() as tx:
            return [decode(body) for (body,) in tx.all("SELECT body FROM outbox ORDER BY position")]

    def actions(self):
        return [(entry.action, entry.outcome.value, entry.details.get("step")) for entry in self.entries()]


@asynccontextmanager
async def running(provider="keystore", *, unsealed=True, **settings):
    """A service in a short path: unix sockets have room for 107 bytes."""
    root = Path(mkdtemp(prefix="kms-"))
    service = RunningKeyService(root, provider, **settings)
    await service.start()
    try:
        if unsealed:
            await service.initialise()
        yield service
    finally:
        await service.stop()
        await asyncio.to_thread(shutil.rmtree, root)
