"""An examination under way inside the supervisor: it opens the database for as long as it takes."""

import asyncio
from contextlib import suppress

from nexus.app import custody, schema
from nexus.app.custody import Part
from nexus.app.fsck.examining import Findings, examine
from nexus.app.settings import Settings
from nexus.kernel.clock import Clock
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kms.client import KeyServiceClient
from nexus.objects.capacity import Capacity
from nexus.objects.scrubbing import Scrubbing

ACTION = "platform.fsck"


class FsckJob:
    """At most one at a time."""

    def __init__(self, kms: KeyServiceClient, place: schema.Place, settings: Settings, clock: Clock) -> None:
        self._kms = kms
        self._place = place
        self._settings = settings
        self._clock = clock
        self._findings = Findings()
        self._task: asyncio.Task[None] | None = None

    def start(self, op: Operation, *, read: bool, mend: bool) -> Findings:
        """Begin. Raises Conflict while another one is under way."""
        if self._task is not None and not self._task.done():
            raise Conflict("the object store is being examined already", code="fsck.busy", hint="wait for it to finish")
        self._findings = Findings()
        self._task = asyncio.create_task(self._run(op, read=read, mend=mend), name="fsck")
        return self._findings

    def progress(self) -> Findings:
        """How far it is. Raises what made it fail, or NotFound if there was none."""
        if self._task is None:
            raise NotFound("no examination was begun", code="fsck.none")
        if self._task.done():
            self._task.result()
        return self._findings

    async def close(self) -> None:
        """Give up a running one: it is nothing without its end."""
        if self._task is not None:
            self._task.cancel()
            with suppress(BaseException):
                await self._task

    async def _run(self, op: Operation, *, read: bool, mend: bool) -> None:
        from nexus.app.wiring.storage import blob_store  # the supervisor otherwise needs none of it

        index = custody.read_index(self._place.directory)
        key = await custody.open_part(self._kms, self._place.directory, Part.DATABASE, op)
        database = self._place.open(key, index.audit_public, self._clock)
        try:
            blobs = blob_store(self._settings, self._place.directory, database)
            try:
                scrubbing = Scrubbing(database, blobs, self._clock)
                found = self._findings
                if mend:
                    found.recounted = await Capacity(database, self._clock).recount(op)
                await asyncio.to_thread(examine, database, blobs, scrubbing, found, read=read, mend=mend)
            finally:
                blobs.close()
            details = {"blobs": found.blobs, "bad_rows": found.bad_rows, "bad_copies": found.bad_copies}
            await database.record(op.allowed(ACTION, PLATFORM, mended=found.mended, lost=found.lost, **details))
            found.finished = True
        finally:
            database.close()
            key.wipe()
