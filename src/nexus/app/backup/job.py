"""A backup under way inside the supervisor: it opens the database for as long as it takes, and tells how far it is."""

import asyncio
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from nexus.app import custody, schema
from nexus.app.backup.levels import LevelCopies
from nexus.app.backup.making import Stage, make
from nexus.app.custody import Part
from nexus.kernel.clock import Clock
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kms.client import KeyServiceClient

ACTION = "platform.backup"


class BackupProgress(Struct, frozen=True, kw_only=True):
    """How far it is; `finished` once it is whole."""

    what: str
    done: int
    total: int
    finished: bool = False
    files: int = 0
    bytes: int = 0
    log_size: int = 0


class BackupJob:
    """At most one at a time."""

    def __init__(self, kms: KeyServiceClient, place: schema.Place, clock: Clock, levels: LevelCopies) -> None:
        self._kms = kms
        self._place = place
        self._directory = place.directory
        self._clock = clock
        self._levels = levels
        self._stage = Stage()
        self._task: asyncio.Task[BackupProgress] | None = None

    def start(self, destination: Path, op: Operation) -> BackupProgress:
        """Begin. Raises Conflict while another one is under way."""
        if self._task is not None and not self._task.done():
            raise Conflict("a backup is under way already", code="backup.busy", hint="wait for it to finish")
        self._stage = Stage("waiting")
        self._task = asyncio.create_task(self._run(destination, op), name="backup")
        return self.progress()

    def progress(self) -> BackupProgress:
        """How far it is. Raises what made it fail, or NotFound if there was none."""
        if self._task is None:
            raise NotFound("no backup was begun", code="backup.none")
        if self._task.done():
            return self._task.result()
        return BackupProgress(what=self._stage.what, done=self._stage.done, total=self._stage.total)

    async def close(self) -> None:
        """Wait for a running copy: it cannot be interrupted in the middle of a file, and it is nothing without its end."""
        if self._task is not None:
            with suppress(Exception):
                await self._task

    def _folders(self) -> list[Path]:
        return [Path(folder) for folder in self._place.settings.blob_folders]

    async def _run(self, destination: Path, op: Operation) -> BackupProgress:
        index = custody.read_index(self._directory)
        key = await custody.open_part(self._kms, self._directory, Part.DATABASE, op)
        database = self._place.open(key, index.audit_public, self._clock)
        try:
            made = await asyncio.to_thread(
                make,
                self._directory,
                database,
                destination,
                self._clock,
                self._stage,
                blobs=self._folders(),
                levels=self._levels.copier(op),
            )
            await database.record(op.allowed(ACTION, PLATFORM, files=len(made.files), bytes=made.bytes))
        finally:
            database.close()
            key.wipe()
        return BackupProgress(
            what="done",
            done=1,
            total=1,
            finished=True,
            files=len(made.files),
            bytes=made.bytes,
            log_size=made.log_size,
        )
