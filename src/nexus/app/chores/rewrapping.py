"""After a key was rotated: wraps what is under its old versions again, under the newest.

The key service keeps the jobs and counts; the object store goes through its bucket keys and remembers where it is. The
platform's own keys are few and are wrapped again at once.
"""

import logging
from collections.abc import Callable

from nexus.app import custody
from nexus.app.custody import Index
from nexus.app.datadir import DataDirectory
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import RewrapJob
from nexus.kms.requests import FinishRewrap, Nothing
from nexus.objects.upkeep import Upkeep

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

    async def drive(self) -> bool:
        """Finish every job that is open; a job that left something behind stays open and is tried again later."""
        jobs = await self._kms.rewrap_jobs(self._operation(), Nothing())
        for job in jobs.jobs:
            if job.finished_at is None:
                await self._finish(job)
        return False

    async def _finish(self, job: RewrapJob) -> None:
        op = self._operation()
        done = failed = 0
        if job.key_id == self._index.platform_key:
            done = await custody.rewrap(self._kms, self._directory, op)
        rewrapped = await self._upkeep.rewrap(op, job.key_id)
        done, failed = done + rewrapped.done, failed + rewrapped.failed
        _log.info("rewrapped %d data keys of %s, %d left", done, job.key_id, failed)
        if not failed:
            await self._kms.finish_rewrap(op, FinishRewrap(job_id=job.id, done=done))
