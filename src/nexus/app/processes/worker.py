"""The worker: what the platform does by itself, one chore beside the other."""

from nexus import __version__
from nexus.app import signing, wiring
from nexus.app.backup.restoring import drop_note, read_note
from nexus.app.chores.indexing import Indexing
from nexus.app.chores.publishing import Publishing
from nexus.app.chores.rewrapping import Rewrapping
from nexus.app.chores.schedule import Chore, run_all
from nexus.app.chores.shipping import Shipping
from nexus.app.ground import Ground, stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.witnesses import witness_client
from nexus.audit.checkpointer import Checkpointer
from nexus.kernel.clock import rfc3339
from nexus.kernel.errors import NexusError
from nexus.kernel.operation import PLATFORM
from nexus.objects.service import ObjectService

SHIP_EVERY_S = 0.25
REWRAP_EVERY_S = 1.0
SWEEP_EVERY_S = 300.0
INDEX_EVERY_S = 5.0


async def main(given: Handoff, life: Life) -> None:
    """Do chores until told to stop; leave the log published."""
    async with stand(given, wiring.WORKER_KEYS) as ground, witness_client(given.settings) as witnesses:
        objects = wiring.object_service(ground)
        checkpointer = Checkpointer(
            ground.database,
            signing.log_signers(ground.kms, ground.index),
            ground.directory.log,
            witnesses,
            clock=ground.clock,
        )
        try:
            await checkpointer.start()
            await _record_start(ground)
            life.ready()
            await run_all(chores(ground, objects, checkpointer), life.stop)
            await _leave_published(ground, checkpointer)
        finally:
            checkpointer.close()
            objects.close()


async def _record_start(ground: Ground) -> None:
    """Each start is an entry; the first after a restore says so, and from what."""
    started = ground.operation().allowed("platform.start", PLATFORM, version=__version__)
    await ground.database.record(started)
    note = read_note(ground.directory)
    if note is not None:
        restored = ground.operation().allowed(
            "platform.restore",
            PLATFORM,
            backup_at=rfc3339(note.backup_at),
            backup_size=note.log_size,
            by_version=note.version,
        )
        await ground.database.record(restored)
        drop_note(ground.directory)


def chores(ground: Ground, objects: ObjectService, checkpointer: Checkpointer) -> list[Chore]:
    """The table of chores: what, how often."""
    publishing = Publishing(checkpointer, ground.directory.log_report, ground.clock)
    rewrapping = Rewrapping(ground.kms, objects.upkeep, ground.directory, ground.index, ground.operation)
    shipping = Shipping(ground.kms, ground.database, rewrapping.heed)
    indexing = Indexing(ground.database, wiring.audit_reader(ground))
    return [
        Chore("ship entries of the key service", SHIP_EVERY_S, shipping.ship),
        Chore("publish the audit log", ground.settings.checkpoint_interval_ms / 1_000, publishing.publish),
        Chore("rewrap data keys", REWRAP_EVERY_S, rewrapping.drive),
        Chore("index the audit log", INDEX_EVERY_S, indexing.index),
        Chore("sweep", SWEEP_EVERY_S, wiring.sweeper(ground, objects).sweep),
    ]


async def _leave_published(ground: Ground, checkpointer: Checkpointer) -> None:
    """The last entry, then everything under a checkpoint, if the keys are still there."""
    await ground.database.record(ground.operation().allowed("platform.stop", PLATFORM))
    try:
        await checkpointer.publish()
    except NexusError:  # sealed or gone: the next start publishes what is in the database
        return
