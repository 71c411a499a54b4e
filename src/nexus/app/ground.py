"""What every process that touches health data stands on: the key service, the lease, the encrypted database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nexus.app import custody, parts, schema
from nexus.app.custody import Index, Part
from nexus.app.datadir import DataDirectory, open_directory
from nexus.app.handoff import Handoff
from nexus.app.holding import KeyHold
from nexus.app.settings import Settings
from nexus.crypto.hpke import SealingKey
from nexus.kernel.clock import Clock, SystemClock
from nexus.kernel.database import Database
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient
from nexus.mail.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Ground:
    """Built once for each process, from the ground up; taken down in the opposite order."""

    name: str
    directory: DataDirectory
    settings: Settings
    console_url: str
    """Where browsers reach the console."""
    portal_url: str
    """Where patients reach the portal; empty where it is closed."""
    index: Index
    clock: Clock
    kms: KeyServiceClient
    hold: KeyHold
    database: Database
    identity: ServiceIdentity

    def operation(self) -> Operation:
        """An operation that this process does by itself, now."""
        return parts.platform_operation(self.name, self.clock)

    @property
    def outbox(self) -> Outbox:
        """Where this process posts mail, without being able to read what waits there."""
        return Outbox(SealingKey(self.index.mail_public))


@asynccontextmanager
async def stand(handoff: Handoff, keys: Sequence[Part], identity: ServiceIdentity) -> AsyncIterator[Ground]:
    """Connect to the key service, take `keys` on a lease, open the database.

    The key of the database itself is kept as long as the process lives: refusals must be recorded even while sealed.
    """
    directory = open_directory(Path(handoff.root))
    clock = SystemClock()
    index = custody.read_index(directory)

    def operation() -> Operation:
        return parts.platform_operation(handoff.process, clock)

    kms = KeyServiceClient(directory.kms_socket, identity)
    await kms.start()
    hold = KeyHold(kms, directory, keys, index.platform_key, operation)
    try:
        key = await custody.open_part(kms, directory, Part.DATABASE, operation())
        database = schema.Place(directory, handoff.settings, handoff.process).open(key, index.audit_public, clock)
        try:
            await hold.start()
            yield Ground(
                handoff.process,
                directory,
                handoff.settings,
                handoff.console_url,
                handoff.portal_url,
                index,
                clock,
                kms,
                hold,
                database,
                identity,
            )
        finally:
            database.close()
    finally:
        await hold.close()
        await kms.close()
