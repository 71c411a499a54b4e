"""Rewrap jobs: after a rotation, data keys move under the newest version.

The service wraps batches and keeps the books; whoever stores the data keys drives the job: begin, then batch after
batch (`rewrap`, store, `progress`), then finish. Start and end are entries, the steps between are not.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kms import rules, store
from nexus.kms.datakeys import DataKeys, key_ids
from nexus.kms.model import MAX_BATCH_ITEMS, WRAPPING, Context, RewrapJob, key_resource
from nexus.kms.requests import FinishRewrap, KeyRef, RewrapJobs, RewrapProgress
from nexus.kms.vault import Vault

SLICE: Final = 16
"""Data keys rewrapped before other callers get their turn."""
MAX_LISTED_JOBS: Final = 100


class Rewrapping:
    """At most one open job for each key."""

    def __init__(self, db: Database, vault: Vault, data_keys: DataKeys, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._data_keys = data_keys
        self._clock = clock

    async def begin(self, op: Operation, request: KeyRef) -> RewrapJob:
        """A new job, recorded; or the open one, so that a driver that was restarted goes on where it stood."""
        key = self._vault.key(request.key_id)
        rules.require_class(key, WRAPPING)
        rules.require_enabled(key)
        fresh = RewrapJob(
            id=new_id("rwj"), key_id=key.id, target_version=key.current.number, started_at=self._clock.now()
        )

        def work(tx: Transaction) -> Recorded[RewrapJob]:
            job = store.open_rewrap(tx, key.id)
            resumed = job is not None
            if job is None:
                job = fresh
                store.insert_rewrap(tx, job)
            entry = op.allowed(
                "kms.key.rewrap",
                key_resource(key.id),
                job=job.id,
                step="resumed" if resumed else "begun",
                target_version=job.target_version,
                done=job.done,
            )
            return Recorded(job, entry)

        return await self._db.write(work)

    async def jobs(self, op: Operation) -> RewrapJobs:
        """Open jobs first, then the latest."""
        self._vault.all()  # sealed means sealed
        with self._db.read() as tx:
            found = tuple(store.recent_rewraps(tx, MAX_LISTED_JOBS))
        await self._db.record(op.allowed("kms.key.list", PLATFORM, rewrap_jobs=len(found)))
        return RewrapJobs(jobs=found)

    async def rewrap(self, op: Operation, wrapped: Sequence[bytes], contexts: Sequence[Context]) -> list[bytes]:
        """A batch, all or nothing. Outside an open job, it is an entry for each key that is concerned."""
        if len(wrapped) != len(contexts) or len(wrapped) > MAX_BATCH_ITEMS:
            raise Invalid(f"a batch has as many contexts as data keys, and {MAX_BATCH_ITEMS} at most", code="kms.batch")
        outcome: list[bytes] = []
        for start in range(0, len(wrapped), SLICE):
            part = slice(start, start + SLICE)
            outcome.extend(map(self._data_keys.rewrap, wrapped[part], contexts[part]))
            await asyncio.sleep(0)
        for key_id, count in key_ids(wrapped).items():
            with self._db.read() as tx:
                in_job = store.open_rewrap(tx, key_id) is not None
            if not in_job:
                await self._db.record(op.allowed("kms.key.rewrap", key_resource(key_id), step="batch", done=count))
        return outcome

    async def progress(self, request: RewrapProgress) -> RewrapJob:
        """Where the driver stands, once it has stored a batch."""
        self._vault.all()

        def work(tx: Transaction) -> RewrapJob:
            job = _advanced(tx, request.job_id, request.done, cursor=request.cursor)
            store.update_rewrap(tx, job)
            return job

        return await self._db.bookkeep(Bookkeeping.PROGRESS, work)

    async def finish(self, op: Operation, request: FinishRewrap) -> RewrapJob:
        """The end, with the count, recorded."""
        self._vault.all()
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[RewrapJob]:
            job = _advanced(tx, request.job_id, request.done, finished_at=now)
            store.update_rewrap(tx, job)
            entry = op.allowed(
                "kms.key.rewrap",
                key_resource(job.key_id),
                job=job.id,
                step="finished",
                target_version=job.target_version,
                done=job.done,
            )
            return Recorded(job, entry)

        return await self._db.write(work)


def _advanced(
    tx: Transaction, job_id: str, done: int, *, cursor: str | None = None, finished_at: Instant | None = None
) -> RewrapJob:
    job = store.find_rewrap(tx, job_id)
    if job is None:
        raise NotFound(f"there is no rewrap job {job_id}", code="kms.no-job")
    if job.finished_at is not None:
        raise Conflict(f"{job_id} is finished", code="kms.job-finished")
    if done < job.done:
        raise Conflict(f"{job_id} has {job.done} data keys done, not {done}", code="kms.job-backwards")
    return RewrapJob(
        id=job.id,
        key_id=job.key_id,
        target_version=job.target_version,
        started_at=job.started_at,
        cursor=job.cursor if cursor is None else cursor,
        done=done,
        finished_at=finished_at,
    )
