"""What the worker does for the store: sweep what crashes left behind, rewrap bucket keys after a rotation."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

import msgspec

from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import NexusError
from nexus.kernel.ids import is_id
from nexus.kernel.operation import PLATFORM, Operation, Resource
from nexus.objects.blobs.port import BlobStore, Found
from nexus.objects.keys import context_of
from nexus.objects.ports import DataKeys
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import buckets as bucket_rows
from nexus.objects.store import named_keys as named_rows
from nexus.objects.store import subjects as subject_rows
from nexus.objects.store.named_keys import Wrapped

ABANDONED_AFTER_S: Final = 3_600
"""Seconds without a write after which a file that no row knows and nobody has locked counts as left behind."""
READERS_LEAVE_AFTER: Final = 15 * MINUTE
"""How long the parts of a deleted object stay for those who were reading it. Its key is gone at once."""
BATCH: Final = 500
"""Rows of one step."""
EXAMINED_AT_ONCE: Final = 100_000
"""Files that one sweep looks at, roughly; a store with more is looked through over several sweeps."""
REWRAP_BATCH: Final = 100
"""Bucket keys of one call to the key service and of one commit."""

NAMED: Final = "named"
VAULTS: Final = "vaults"
_KINDS: Final = ("", NAMED, VAULTS)
"""Keys of three kinds, in the order of a rewrap: buckets' own, those under keys that requests named, those of vaults."""

SWEEP: Final = "objects.store.sweep"

T = TypeVar("T")

Progress = Callable[[str, int], Awaitable[None]]
"""Told (cursor, bucket keys done so far) after each batch is stored."""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep removed, in files and bytes."""

    files: int
    bytes: int


class Rewrapped(msgspec.Struct, frozen=True, kw_only=True):
    """Bucket keys that a rewrap stored, and those that were changed by others meanwhile and left as they are."""

    done: int
    skipped: int


class Upkeep:
    """Stories of the worker."""

    def __init__(self, database: Database, blobs: BlobStore, data_keys: DataKeys, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._data_keys = data_keys
        self._clock = clock
        self._walk: Iterator[Sequence[Found]] | None = None

    async def sweep(self, op: Operation) -> Swept:
        """Remove temporary files and blobs that no row knows; never those of a write under way.

        1. Parts of deleted objects, once their readers have left.
        2. Files that have been left alone for long, that nobody holds locked, and that no row knows.
        """
        dropped = await self._sweep_dropped()
        abandoned = await self._sweep_abandoned()
        swept = Swept(files=dropped.files + abandoned.files, bytes=dropped.bytes + abandoned.bytes)
        if swept.files:
            await self._database.record(op.allowed(SWEEP, PLATFORM, files=swept.files, bytes=swept.bytes))
        return swept

    async def rewrap(
        self, op: Operation, key_id: str, *, cursor: str = "", progress: Progress | None = None
    ) -> Rewrapped:
        """Wrap every bucket key of `key_id` under its newest version, in batches that are stored and recorded.

        `cursor` is what `progress` was told last: an interrupted rewrap goes on there. Raises what the key service
        raises; what was stored stays stored, and wrapping a key once more does no harm.
        """
        done = skipped = 0
        table, _, reached = cursor.rpartition(":")
        for kind in _KINDS[_KINDS.index(table) :]:
            after = int(reached or 0) if kind == table else 0
            while batch := self._wrapped(kind, key_id, after):
                stored = await self._rewrap(op, kind, key_id, batch)
                done, skipped, after = done + stored, skipped + len(batch) - stored, batch[-1].number
                if progress is not None:
                    await progress(f"{kind}:{after}" if kind else str(after), done)
        return Rewrapped(done=done, skipped=skipped)

    def _wrapped(self, kind: str, key_id: str, after: int) -> Sequence[Wrapped]:
        with self._database.read() as tx:
            if kind == NAMED:
                return named_rows.under_key(tx, key_id, after, REWRAP_BATCH)
            if kind == VAULTS:
                return subject_rows.under_key(tx, key_id, after, REWRAP_BATCH)
            own = bucket_rows.under_key(tx, key_id, after, REWRAP_BATCH)
        return [Wrapped(bucket.number, bucket.id, bucket.site, bucket.wrapped_key) for bucket in own]

    async def _rewrap(self, op: Operation, kind: str, key_id: str, batch: Sequence[Wrapped]) -> int:
        wrapped = await self._data_keys.rewrap(
            [row.wrapped_key for row in batch], [context_of(row.bucket_id, row.site) for row in batch], op
        )
        if len(wrapped) != len(batch):
            raise NexusError("the key service answered for other keys than it was asked", code="objects.rewrap")

        def work(tx: Transaction) -> Recorded[int]:
            pairs = zip(batch, wrapped, strict=True)
            if kind == NAMED:
                stored = sum(named_rows.set_wrapped_key(tx, key_id, row, key) for row, key in pairs)
            elif kind == VAULTS:
                stored = sum(subject_rows.set_wrapped_key(tx, row, key) for row, key in pairs)
            else:
                stored = sum(bucket_rows.set_wrapped_key(tx, row.number, row.wrapped_key, key) for row, key in pairs)
            return Recorded(stored, op.allowed("kms.key.rewrap", Resource("Key", key_id), buckets=stored))

        return await self._database.write(work)

    async def _sweep_dropped(self) -> Swept:
        files = size = 0
        while True:
            with self._database.read() as tx:
                rows = blob_rows.dropped(tx, Instant(self._clock.now() - READERS_LEAVE_AFTER), BATCH)
            if not rows:
                return Swept(files=files, bytes=size)
            await self._in_thread(self._blobs.remove, [row.id for row in rows])

            def work(tx: Transaction, rows: Sequence[blob_rows.DroppedRow] = rows) -> None:
                blob_rows.forget(tx, rows)

            await self._database.bookkeep(Bookkeeping.EXPIRY, work)
            files, size = files + len(rows), size + sum(row.size for row in rows)

    async def _sweep_abandoned(self) -> Swept:
        """As many files as one sweep examines; the next one goes on where it stopped."""
        files = size = 0
        examined = 0
        walk = self._walk or self._blobs.older_than(ABANDONED_AFTER_S)
        while examined < EXAMINED_AT_ONCE and (directory := await self._in_thread(next, walk, None)) is not None:
            for file in await self._in_thread(self._remove_unknown, directory):
                files, size = files + 1, size + file.size
            examined += len(directory)
        self._walk = walk if examined >= EXAMINED_AT_ONCE else None
        return Swept(files=files, bytes=size)

    def _remove_unknown(self, directory: Sequence[Found]) -> list[Found]:
        """Remove those of the files that no row knows; runs on a disk thread."""
        ours = [file for file in directory if is_id(file.id, "blb")]
        removed = []
        for start in range(0, len(ours), BATCH):
            batch = ours[start : start + BATCH]
            known = self._known([file.id for file in batch])
            for file in batch:
                if file.id not in known and self._blobs.remove_abandoned(file, partial(self._is_unknown, file.id)):
                    removed.append(file)
        return removed

    def _is_unknown(self, name: str) -> bool:
        return not self._known([name])

    def _known(self, ids: Sequence[str]) -> set[str]:
        with self._database.read() as tx:
            return blob_rows.known(tx, ids)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._blobs.threads, work, *arguments)
