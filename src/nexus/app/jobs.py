"""What takes long and is asked for on the machine: begun by one request on the control socket, followed by others."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nexus.app import building_task, children, parts, schema
from nexus.app.backup.job import BackupJob
from nexus.app.backup.levels import LevelCopies
from nexus.app.building_task import BuildProgress, BuildTask
from nexus.app.children import Child
from nexus.app.control import Request
from nexus.app.fsck.job import FsckJob
from nexus.app.handoff import Handoff
from nexus.app.settings import Settings
from nexus.kernel.clock import Clock
from nexus.kernel.errors import Conflict, NexusError, NotFound, Unavailable
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient


class BuildJob:
    """A build of the warehouse, in a process of its own. At most one at a time."""

    def __init__(self, place: schema.Place, prepare: Callable[[], Awaitable[Handoff]]) -> None:
        """`prepare` makes the handoff of its process."""
        self._path = building_task.report(place.directory)
        self._prepare = prepare
        self._child: Child | None = None
        self._starting = False

    @property
    def child(self) -> Child | None:
        """Its process, while it runs."""
        return self._child if self._child is not None and self._child.alive else None

    async def start(self, task: BuildTask, inherit: Sequence[int]) -> BuildProgress:
        """Begin. Raises Conflict while another one is under way, and what keeps its process from starting."""
        if self._starting or self.child is not None:
            raise Conflict("the warehouse is being built already", code="building.busy", hint="wait for it to finish")
        self._starting = True
        try:
            self._path.unlink(missing_ok=True)
            given = msgspec.structs.replace(await self._prepare(), task=msgspec.json.encode(task))
            self._child = await children.start(given, inherit=inherit)
        finally:
            self._starting = False
        return self.progress()

    def progress(self) -> BuildProgress:
        """How far it is. Raises NotFound if there was none since the platform started."""
        child, told = self.child, building_task.read(self._path)
        if self._child is None or told is None:
            raise NotFound("no build was begun", code="building.none")
        if child is None and told.state == "running":
            raise Unavailable(
                "the process that built is gone", code="building.died", hint="begin it again: it goes on where it was"
            )
        return told

    async def close(self, grace_s: float) -> None:
        """Have it end; the next one goes on where it was."""
        if self._child is not None:
            await self._child.stop(grace_s)


class Jobs:
    """Of one platform."""

    def __init__(
        self,
        kms: KeyServiceClient,
        place: schema.Place,
        settings: Settings,
        clock: Clock,
        *,
        identity: ServiceIdentity,
        prepare: Callable[[str], Callable[[], Awaitable[Handoff]]],
    ) -> None:
        copies = LevelCopies(place.directory, identity, running=settings.pseudonyms)
        self._backup = BackupJob(kms, place, clock, copies)
        self._fsck = FsckJob(kms, place, settings, clock)
        self._build = BuildJob(place, prepare(parts.WAREHOUSE))
        self.inherit: Sequence[int] = ()
        """Descriptors that a process keeps open: the lock of the data directory."""

    def running(self) -> list[Child]:
        """Processes of jobs, which need certificates as others do."""
        child = self._build.child
        return [] if child is None else [child]

    async def answer(self, request: Request, user: str, op: Operation) -> Any:
        """Begin a job, or say how far it is. Raises Conflict while another of its kind is under way, NotFound, its failure."""
        match request.do:
            case "backup":
                return self._backup.start(Path(request.path), op)
            case "backup-progress":
                return self._backup.progress()
            case "fsck":
                return self._fsck.start(op, read=request.read, mend=request.mend)
            case "fsck-progress":
                return self._fsck.progress()
            case "build":
                task = msgspec.structs.replace(request.build or BuildTask(user=user), user=user)
                return await self._build.start(task, self.inherit)
            case "build-progress":
                return self._build.progress()
            case _:
                raise NexusError(f"{request.do} is no job", code="control.request")

    async def close(self, grace_s: float) -> None:
        """Wait for what cannot be interrupted; end the rest."""
        await self._build.close(grace_s)
        await self._backup.close()
        await self._fsck.close()
