"""After a key was rotated: wraps what is under its old versions again, under the newest.

Told by the key service's entries as they are shipped: a rotation begins a job, a job (begun here or by a person) is
driven to its end. The key service keeps the jobs and counts; the object store goes through its bucket keys and says
where it is, so that a restart goes on there. The platform's own keys are few and are wrapped again at once.
"""

import logging
from collections.abc import Callable
from typing import Final

from nexus.app import custody
from nexus.app.custody import Index
from nexus.app.datadir import DataDirectory
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import Entry, Operation, Outcome
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import RewrapJob
from nexus.kms.requests import FinishRewrap, KeyRef, Nothing, RewrapProgress
from nexus.objects.upkeep import Upkeep

ROTATED: Final = "kms.key.rotate"
WANTED: Final = "kms.key.rewrap"

_log = logging.getLogger("nexus.worker")


class Rewrapping:
    """Drives the jobs of the key service to their end."""

    def __init__(
        self,
        kms: KeyServiceClient,
        upkeep: Upkeep,
        directory: DataDirectory,
        index: Index,
        operation: Callable[[], Operation],
    ) -> None:
        self._kms = kms
        self._upkeep = upkeep
        self._directory = directory
        self._index = index
        self._operation = operation
        self._rotated: list[str] = []
        self._look = True  # once after each start, for jobs that were interrupted

    def heed(self, entry: Entry) -> None:
        """Called with each entry of the key service that was shipped."""
        if entry.outcome is not Outcome.ALLOWED:
            return
        step = entry.details.get("step")
        if entry.action == ROTATED and step != "due":
            self._rotated.append(entry.resource.id)
        elif entry.action == WANTED and step in ("begun", "resumed"):
            self._look = True

    async def drive(self) -> bool:
        """Begin what rotations call for and finish every open job. Looks only when it was told of something."""
        while self._rotated:
            await self._begin(self._rotated[-1])
            self._rotated.pop()
        if self._look:
            jobs = await self._kms.rewrap_jobs(self._operation(), Nothing())
            for job in jobs.jobs:
                if job.finished_at is None:
                    await self._finish(job)
            self._look = False
        return False

    async def _begin(self, key_id: str) -> None:
        try:
            await self._kms.begin_rewrap(self._operation(), KeyRef(key_id=key_id))
        except Invalid:  # a key that wraps nothing: there is nothing to wrap again
            return
        self._look = True

    async def _finish(self, job: RewrapJob) -> None:
        op = self._operation()
        done = job.done
        if job.key_id == self._index.platform_key:
            done += await custody.rewrap(self._kms, self._directory, op)
        before = done

        async def progress(cursor: str, so_far: int) -> None:
            report = RewrapProgress(job_id=job.id, cursor=cursor, done=before + so_far)
            await self._kms.rewrap_progress(op, report)

        rewrapped = await self._upkeep.rewrap(op, job.key_id, cursor=job.cursor, progress=progress)
        done += rewrapped.done
        await self._kms.finish_rewrap(op, FinishRewrap(job_id=job.id, done=done))
        _log.info("rewrapped %d data keys under the newest version of %s", done, job.key_id)
