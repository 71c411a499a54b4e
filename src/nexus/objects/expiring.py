"""What the worker does by life cycle rules: end objects and versions, remove markers that hide nothing, abort uploads.

Each removal is the same story as somebody's delete, with an entry of its own by the platform, decided again inside its
transaction: an object that was written anew meanwhile stays, and so does what is locked.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database
from nexus.kernel.errors import Conflict, Denied, NexusError, NotFound
from nexus.kernel.operation import Operation
from nexus.objects import rules as keys
from nexus.objects.deleting import Deleting
from nexus.objects.lifecycle import Rule, decode, due
from nexus.objects.model import ALWAYS_WRITE, Bucket, ObjectRef, WriteConditions
from nexus.objects.reading import Reading
from nexus.objects.store import buckets as bucket_rows
from nexus.objects.store import uploads as upload_rows
from nexus.objects.store import versions
from nexus.objects.store.versions import VersionRow
from nexus.objects.uploads import Uploads

PAGE: Final = 500
"""Versions read, and removals under way, at once."""
BUCKETS: Final = 100
LIFECYCLE: Final = "lifecycle"
"""The name of the document."""


class Expired(msgspec.Struct, frozen=True, kw_only=True):
    """What one round removed, and what it could not because of a lock."""

    objects: int
    uploads: int
    kept: int


@dataclass(slots=True)
class _Round:
    """One bucket in one round. `since` is when the version before the next one was replaced."""

    bucket: Bucket
    rules: Sequence[Rule]
    now: Instant
    key: str | None = None
    since: int = 0
    noncurrent: int = 0


class Expiring:
    """Carries out life cycle rules."""

    def __init__(
        self, database: Database, clock: Clock, reading: Reading, deleting: Deleting, uploads: Uploads
    ) -> None:
        self._database = database
        self._clock = clock
        self._reading = reading
        self._deleting = deleting
        self._uploads = uploads

    async def run(self, op: Operation, *, day: int = DAY) -> Expired:
        """One round over every bucket that has rules. `day`: microseconds that count as a day (for others' suites)."""
        total, after = Expired(objects=0, uploads=0, kept=0), 0
        while True:
            with self._database.read() as tx:
                found = bucket_rows.with_document(tx, LIFECYCLE, after, BUCKETS)
            if not found:
                return total
            for bucket in found:
                done = await self._expire(op, bucket, day)
                total = Expired(
                    objects=total.objects + done.objects,
                    uploads=total.uploads + done.uploads,
                    kept=total.kept + done.kept,
                )
            after = found[-1].number

    async def _expire(self, op: Operation, bucket: Bucket, day: int) -> Expired:
        body = self._database.peek(bucket_rows.DOCUMENT, (bucket.number, LIFECYCLE))
        rules = [rule for rule in decode(body[0]) if rule.enabled] if body else []
        if not rules:
            return Expired(objects=0, uploads=0, kept=0)
        current = _Round(bucket, rules, self._clock.now())
        removed = kept = 0
        lower: str = ""
        last: VersionRow | None = None
        while True:
            rows = self._page(bucket, lower, last)
            if not rows:
                break
            ended = [row async for row in self._ended(op, current, rows, day)]
            outcomes = await _side_by_side([self._remove(op, current, row) for row in ended])
            removed, kept = removed + outcomes.count(True), kept + outcomes.count(False)
            last = rows[-1]
            lower = keys.after_key(last.key)
        return Expired(objects=removed, uploads=await self._abort(op, current, day), kept=kept)

    def _page(self, bucket: Bucket, lower: str, last: VersionRow | None) -> list[VersionRow]:
        """The next versions, newest first within a key; pages end between versions of one key."""
        with self._database.read() as tx:
            rest = versions.older(tx, bucket, last.key, last.ordinal, PAGE) if last is not None else []
            return rest + versions.history(tx, bucket, lower, keys.END, PAGE - len(rest))

    async def _ended(
        self, op: Operation, current: _Round, rows: Sequence[VersionRow], day: int
    ) -> AsyncIterator[VersionRow]:
        """Those of the rows that a rule ends, in their order."""
        for row, alone in _with_solitude(self._database, current, rows):
            if row.key != current.key:
                current.key, current.noncurrent = row.key, 0
            for rule in current.rules:
                due_now = rule.concerns(row.key, row.size) and self._is_due(current, rule, row, day, alone=alone)
                if due_now and (not rule.tags or await self._has_tags(op, current.bucket, row, rule)):
                    yield row
                    break
            current.noncurrent += 0 if row.latest else 1
            current.since = row.modified_at

    def _is_due(self, current: _Round, rule: Rule, row: VersionRow, day: int, *, alone: bool) -> bool:
        if row.latest and row.marker:
            ends_at = rule.ends_at(row.modified_at, day)
            return alone and (rule.expired_marker or (ends_at is not None and ends_at <= current.now))
        if row.latest:
            ends_at = rule.ends_at(row.modified_at, day)
            return ends_at is not None and ends_at <= current.now
        return (
            rule.noncurrent_days is not None
            and current.noncurrent >= rule.newer_noncurrent
            and due(Instant(current.since), rule.noncurrent_days, day) <= current.now
        )

    async def _has_tags(self, op: Operation, bucket: Bucket, row: VersionRow, rule: Rule) -> bool:
        if row.marker:
            return False
        try:
            opened = await self._reading.open(op, ObjectRef(bucket, row.key, row.version_id), facts_only=True)
        except NexusError:
            return False  # what cannot be read is not removed for what it may say
        return opened.row.id == row.id and rule.has(opened.facts.metadata.tags)

    async def _remove(self, op: Operation, current: _Round, row: VersionRow) -> bool | None:
        """True if it was removed, False if a lock kept it, None if it is another version by now."""
        hides = bool(row.latest) and not row.marker
        conditions = WriteConditions(if_match=(row.etag,), if_last_modified=row.modified_at) if hides else ALWAYS_WRITE
        version_id = None if hides else row.version_id
        try:
            await self._deleting.delete(op, current.bucket, row.key, version_id=version_id, conditions=conditions)
        except Denied:
            return False
        except (Conflict, NotFound):
            return None
        return True

    async def _abort(self, op: Operation, current: _Round, day: int) -> int:
        """Abort the uploads that rules have ended."""
        with self._database.read() as tx:
            found = upload_rows.page(tx, current.bucket, "", keys.END, PAGE)
        aborted = 0
        for upload in found:
            ends = [
                due(upload.initiated_at, rule.abort_days, day)
                for rule in current.rules
                if rule.abort_days is not None and upload.key.startswith(rule.prefix)
            ]
            if ends and min(ends) <= current.now:
                try:
                    await self._uploads.abort(op, current.bucket, upload.key, upload.id)
                except NotFound:
                    continue
                aborted += 1
        return aborted


def _with_solitude(
    database: Database, current: _Round, rows: Sequence[VersionRow]
) -> Iterator[tuple[VersionRow, bool]]:
    """Each version, and whether it is a marker that hides nothing: the only version of its key."""
    for row in rows:
        alone = False
        if row.marker and row.latest:
            with database.read() as tx:
                alone = not versions.older(tx, current.bucket, row.key, row.ordinal, 1)
        yield row, alone


async def _side_by_side(removals: Sequence[Awaitable[bool | None]]) -> list[bool | None]:
    return list(await asyncio.gather(*removals))
