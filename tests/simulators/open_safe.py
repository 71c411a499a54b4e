"""What whoever holds the passphrase can take out of a stopped platform: its own keys, its buckets' keys, its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nexus.app import custody, schema, settings
from nexus.app.custody import Part
from nexus.app.datadir import DataDirectory, locked, open_directory
from nexus.app.keyservice import RunningKeyService
from nexus.app.parts import SUPERVISOR, platform_operation
from nexus.kernel.clock import SystemClock
from nexus.kernel.database import Database
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient


@dataclass(frozen=True)
class OpenSafe:
    """An unsealed key service, and the database with its key."""

    directory: DataDirectory
    kms: KeyServiceClient
    op: Operation
    database: Database

    async def keys(self) -> dict[str, bytes]:
        """The keys of the platform and of its buckets, in clear, by what they are for."""
        taken = {
            part.value: (await custody.open_part(self.kms, self.directory, part, self.op)).reveal() for part in Part
        }
        with self.database.read() as tx:
            buckets = tx.all("SELECT id, site, wrapped_key FROM objects_bucket")
        for bucket, site, wrapped in buckets:
            context = {"bucket": bucket, "service": "objects", "site": site}
            taken[f"key of {bucket}"] = (await self.kms.unwrap(wrapped, context, self.op)).reveal()
        return taken


@asynccontextmanager
async def open_safe(data: Path, passphrase: str) -> AsyncIterator[OpenSafe]:
    """Start only the key service of a stopped platform, and unseal it."""
    directory, clock = open_directory(data), SystemClock()
    op = platform_operation(SUPERVISOR, clock)
    with locked(directory) as lock:
        chosen = settings.load(directory.description, {})
        async with RunningKeyService(directory, chosen, lock) as kms:
            await kms.unseal(Secret(passphrase.encode()), op)
            index = custody.read_index(directory)
            key = await custody.open_part(kms, directory, Part.DATABASE, op)
            database = schema.Place(directory, chosen, SUPERVISOR).open(key, index.audit_public, clock)
            try:
                yield OpenSafe(directory, kms, op, database)
            finally:
                database.close()
