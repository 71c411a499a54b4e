"""A build of the warehouse: begun by the supervisor when somebody asks for it, it does that and ends."""

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Final

import msgspec

from nexus.app import building_task, handoff, parts
from nexus.app.building_task import ACTION, BuildProgress, BuildTask
from nexus.app.ground import Ground, stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.wiring import building
from nexus.app.wiring.storage import object_service
from nexus.kernel.errors import NexusError
from nexus.kernel.operation import PLATFORM
from nexus.objects.service import ObjectService

EVERY_S: Final = 0.2
"""Between two reports."""
_log = logging.getLogger("nexus.warehouse")


class Telling:
    """Tells how far a build is, from the thread that builds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0
        self._step = ""

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step != self._step or now - self._last >= EVERY_S:
            self._step, self._last = step, now
            building_task.write(self._path, BuildProgress(state="running", step=step, done=done, total=total))


async def main(given: Handoff, life: Life) -> None:
    """Build, and end. Told to stop, it ends at once: what is done is done, and the next build goes on behind it."""
    task = msgspec.json.decode(given.task, type=BuildTask)
    async with stand(given, building.KEYS, life.identity, life.watch) as ground:
        objects = object_service(ground)
        path = building_task.report(ground.directory)
        building_task.write(path, BuildProgress(state="running"))
        life.ready()
        working = asyncio.ensure_future(_work(ground, objects, task, path))
        stopping = asyncio.ensure_future(life.stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            _log.warning("told to stop in the middle of a build; the next one goes on behind its last whole step")
            os._exit(0)  # the thread would go on for as long as its step takes
        stopping.cancel()
        objects.close()


async def _work(ground: Ground, objects: ObjectService, task: BuildTask, path: Path) -> None:
    loop = asyncio.get_running_loop()
    try:
        built = await asyncio.to_thread(building.run, ground, objects, task, loop, Telling(path))
        told = BuildProgress(state="done", built=msgspec.to_builtins(built))
    except NexusError as error:
        told = BuildProgress(state="failed", error=handoff.failure(error))
        op = parts.local_operation(task.user, ground.clock)
        await ground.database.record(op.failed(ACTION, PLATFORM, code=error.code))
    except Exception as error:  # its text may hold what was read: only its kind is told
        _log.error("a build ended in %s", type(error).__name__)
        unexpected = NexusError("the build ended in a fault of Nexus", code="building.fault", hint="run it again")
        told = BuildProgress(state="failed", error=handoff.failure(unexpected))
    building_task.write(path, told)
