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
from nexus.app.telemetry import looking_after
from nexus.app.telemetry.watch import Watch
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
    watch: Watch
    """Where this process counts, and says whether it is well."""

    def operation(self) -> Operation:
        """An operation that this process does by itself, now."""
        return parts.platform_operation(self.name, self.clock)

    @property
    def outbox(self) -> Outbox:
        """Where this process posts mail, without being able to read what waits there."""
        return Outbox(SealingKey(self.index.mail_public))


@asynccontextmanager
async def stand(
    handoff: Handoff, keys: Sequence[Part], identity: ServiceIdentity, watch: Watch | None = None
) -> AsyncIterator[Ground]:
    """Connect to the key service, take `keys` on a lease, open the database.

    The key of the database itself is kept as long as the process lives: refusals must be recorded even while sealed.
    """
    directory = open_directory(Path(handoff.root))
    clock = SystemClock()
    index = custody.read_index(directory)

    def operation() -> Operation:
        return parts.platform_operation(handoff.process, clock)

    watch = watch or Watch()
    kms = KeyServiceClient(directory.kms_socket, identity, observer=watch.key_calls)
    await kms.start()
    hold = KeyHold(kms, directory, keys, index.platform_key, operation)
    try:
        key = await custody.open_part(kms, directory, Part.DATABASE, operation())
        place = schema.Place(directory, handoff.settings, handoff.process)
        database = place.open(key, index.audit_public, clock, observer=watch.commits)
        try:
            await hold.start()
            looking_after.ground(watch, hold, database, directory)
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
                watch,
            )
        finally:
            database.close()
    finally:
        await hold.close()
        await kms.close()
