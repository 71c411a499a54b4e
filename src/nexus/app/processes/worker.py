"""The worker: what the platform does by itself, one chore beside the other."""

from nexus import __version__
from nexus.app.backup.restoring import drop_note, read_note
from nexus.app.chores.alarming import alarm_client
from nexus.app.chores.schedule import run_all
from nexus.app.ground import Ground, stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.telemetry import looking_after, the_worker
from nexus.app.telemetry.the_worker import ChoresWatch
from nexus.app.wiring import worker
from nexus.app.wiring.storage import object_service
from nexus.app.witnesses import witness_client
from nexus.audit.checkpointer import Checkpointer
from nexus.kernel.clock import rfc3339
from nexus.kernel.errors import NexusError
from nexus.kernel.operation import PLATFORM


async def main(given: Handoff, life: Life) -> None:
    """Do chores until told to stop; leave the log published."""
    async with (
        stand(given, worker.KEYS, life.identity, life.watch) as ground,
        witness_client(given.settings) as witnesses,
        alarm_client(given.settings) as alarm_http,
    ):
        objects = object_service(ground)
        looking_after.contents(life.watch, given.settings, ground.directory)
        the_worker.disks(life.watch, given.settings, ground.directory)
        checkpointer = worker.checkpointer(ground, witnesses)
        try:
            await checkpointer.start()
            await _record_start(ground)
            life.ready()
            chores = worker.chores(ground, objects, checkpointer, witnesses, alarm_http)
            runs = ChoresWatch(life.watch.tallies, ground.clock, [chore.name for chore in chores])
            await run_all(chores, life.stop, runs)
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


async def _leave_published(ground: Ground, checkpointer: Checkpointer) -> None:
    """The last entry, then everything under a checkpoint, if the keys are still there."""
    await ground.database.record(ground.operation().allowed("platform.stop", PLATFORM))
    try:
        await checkpointer.publish()
    except NexusError:  # sealed or gone: the next start publishes what is in the database
        return
