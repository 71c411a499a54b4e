"""Stories that remove objects and versions."""

import asyncio
from collections.abc import Sequence

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NexusError
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation
from nexus.objects import rules
from nexus.objects.blobs.port import BlobStore
from nexus.objects.committing import Draft, state_of, take_place
from nexus.objects.consenting import refuse_secondary_writes
from nexus.objects.model import ALWAYS_WRITE, Bucket, Deleted, DeleteTarget, Versioning, WriteConditions
from nexus.objects.store import versions
from nexus.objects.store.versions import VersionRow

_Outcome = tuple[Deleted, Sequence[str]]
"""What to answer, and the blobs that no row knows any more."""


class Deleting:
    """Stories that remove objects and versions."""

    def __init__(self, database: Database, blobs: BlobStore, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def delete(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        version_id: str | None = None,
        conditions: WriteConditions = ALWAYS_WRITE,
        bypass: bool = False,
    ) -> Deleted:
        """Remove a version for good, or (no version named, versioning on) hide the object behind a delete marker.

        Succeeds if there is nothing to remove, unless a condition says otherwise. Raises Denied while a lock holds;
        `bypass` ends a governance retention.
        """
        refuse_secondary_writes(op, bucket)
        rules.check_key(key)
        marker = Draft(
            bucket=bucket, key=key, id=new_id("ver"), size=0, etag="", modified_at=self._clock.now(), is_marker=True
        )
        action = "objects.object.delete" if version_id is None else "objects.version.delete"

        def work(tx: Transaction) -> Recorded[_Outcome]:
            if version_id is None:
                deleted, discarded = _hide_or_remove(tx, marker, conditions)
            else:
                deleted, discarded = _remove_named(tx, marker, version_id, conditions, bypass=bypass)
            entry = op.allowed(
                action,
                bucket.resource,
                key=key,
                version=deleted.version_id,
                marker=deleted.is_delete_marker,
                **({"bypass": True} if bypass else {}),
            )
            return Recorded((deleted, discarded), entry)

        deleted, discarded = await self._database.write(work)
        self._blobs.discard(discarded)
        return deleted

    async def delete_many(
        self, op: Operation, bucket: Bucket, targets: Sequence[DeleteTarget], *, bypass: bool = False
    ) -> Sequence[Deleted | NexusError]:
        """`delete` for each target, sharing commits; an answer for each, in their order. One audit entry each."""
        return await asyncio.gather(*(self._delete_or_error(op, bucket, target, bypass) for target in targets))

    async def _delete_or_error(
        self, op: Operation, bucket: Bucket, target: DeleteTarget, bypass: bool
    ) -> Deleted | NexusError:
        try:
            return await self.delete(
                op, bucket, target.key, version_id=target.version_id, conditions=target.conditions, bypass=bypass
            )
        except NexusError as error:
            return error


def _hide_or_remove(tx: Transaction, marker: Draft, conditions: WriteConditions) -> _Outcome:
    """Delete without naming a version: what becomes of it depends on how the bucket keeps versions."""
    if state_of(tx, marker.bucket) is not Versioning.OFF:
        if conditions != ALWAYS_WRITE:
            top = versions.top(tx, marker.bucket, marker.key)
            if top is not None and top.marker:
                rules.check_hidden(conditions)
        placed = take_place(tx, marker, conditions)
        return Deleted(version_id=placed.version_id, is_delete_marker=True), placed.discarded
    top = versions.top(tx, marker.bucket, marker.key)
    rules.check_write(conditions, top.shown if top else None)
    discarded = versions.delete_version(tx, marker.bucket, top, marker.modified_at) if top else ()
    return Deleted(version_id=None, is_delete_marker=False), discarded


def _remove_named(
    tx: Transaction, marker: Draft, version_id: str, conditions: WriteConditions, *, bypass: bool
) -> _Outcome:
    """Delete one version for good; the next newest takes its place. `marker` says where and when."""
    bucket = marker.bucket
    state_of(tx, bucket)
    row = versions.version(tx, bucket, marker.key, version_id)
    rules.check_write(conditions, row.shown if row else None)
    if row is None:
        return Deleted(version_id=version_id, is_delete_marker=False), ()
    discarded = versions.delete_version(tx, bucket, row, marker.modified_at, bypass=bypass)
    if row.latest:
        _promote(tx, bucket, row)
    return Deleted(version_id=version_id, is_delete_marker=bool(row.marker)), discarded


def _promote(tx: Transaction, bucket: Bucket, removed: VersionRow) -> None:
    heir = versions.top(tx, bucket, removed.key)
    if heir is not None:
        versions.set_latest(tx, bucket, heir, latest=True)
