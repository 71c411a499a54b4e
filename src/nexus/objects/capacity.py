"""What each tenant and bucket holds, what it may hold, how that grew, and how many copies there are of it.

A tenant is a site, or a project at a site: what buckets belong to. Everything is read from counters that each write changes
in its own transaction, and from figures that the worker writes down every day: nothing is counted when it is asked for. Only
how places of copies are is asked of them at that moment (`replication.py`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from msgspec import Struct

from nexus.kernel.clock import DAY, SECOND, Clock
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.operation import PLATFORM, Detail, Operation
from nexus.objects.committing import bucket_state
from nexus.objects.model import MAX_OBJECT_BYTES, Bucket
from nexus.objects.replication import PlaceNow, Replication
from nexus.objects.store import buckets
from nexus.objects.store import usage as rows
from nexus.objects.store.usage import BucketLine, DayLine, Limit

SET_QUOTA: Final = "objects.quota.set"
READ_USAGE: Final = "objects.usage.read"
RECOUNT: Final = "objects.usage.recount"
KEPT_DAYS: Final = 400
"""Days whose figures are kept."""
MAX_DAYS: Final = 366
MOST_BYTES: Final = MAX_OBJECT_BYTES << 10
"""50 PiB: no quota is larger."""
MOST_OBJECTS: Final = 1 << 40


class Quota(Struct, frozen=True, kw_only=True):
    """At most so much; nothing where there is no limit. Earlier versions and parts of unfinished uploads count."""

    bytes: int | None = None
    objects: int | None = None


class TenantDay(Struct, frozen=True, kw_only=True):
    """What a tenant held at the end of a day, or holds so far today."""

    day: str
    """`2026-11-27`, in UTC."""
    site: str
    project: str
    objects: int
    bytes: int


class TenantUsage(Struct, frozen=True, kw_only=True):
    """A site (`project` empty: all of its buckets, those of its projects too), or a project at a site."""

    site: str
    project: str
    buckets: int
    objects: int
    """Versions; delete markers are none."""
    bytes: int
    """Of versions, as their owners sent them."""
    upload_bytes: int
    """Of parts of unfinished uploads."""
    grown_bytes: int
    """Since the end of the first of the days."""
    quota_bytes: int | None
    """At most so many, parts included; nothing: no limit."""
    quota_objects: int | None


class BucketHeld(Struct, frozen=True, kw_only=True):
    """A bucket, as in `TenantUsage`."""

    name: str
    site: str
    project: str
    objects: int
    bytes: int
    upload_bytes: int
    quota_bytes: int | None
    quota_objects: int | None


class CapacityUsage(Struct, frozen=True, kw_only=True):
    """All tenants, all buckets, and their copies."""

    tenants: tuple[TenantUsage, ...]
    buckets: tuple[BucketHeld, ...]
    replication: Replication
    places: tuple[PlaceNow, ...]
    """Each has a copy of each blob; small objects lie in the database."""
    days: tuple[TenantDay, ...]


class Capacity:
    """Stories about room."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def show(
        self, op: Operation, shown_days: int, replication: Replication, places: Sequence[PlaceNow]
    ) -> CapacityUsage:
        """What is held now, and what was at the end of each of the last days. Recorded before the answer.

        Sums are those of whole buckets: for those who run or audit the platform, not for those who read what is in them.
        """
        today = self._clock.now() // DAY
        with self._database.read() as tx:
            lines, limits, past = rows.every(tx), rows.every_limit(tx), rows.days(tx, today - shown_days + 1)
        await self._database.record(op.allowed(READ_USAGE, PLATFORM, buckets=len(lines)))
        past = [line for line in past if line.day < today]  # and today as it is at this moment
        past += [DayLine(today, line.site, line.project, line.held.versions, line.held.all_bytes) for line in lines]
        names = {(each.site, project) for each in past for project in ("", each.project)} | set(limits)
        days = {tenant: _days(*tenant, past) for tenant in sorted(names)}
        return CapacityUsage(
            tenants=tuple(
                _tenant(*tenant, lines, limits.get(tenant, Limit()), grown) for tenant, grown in days.items()
            ),
            buckets=tuple(_bucket(line) for line in lines),
            replication=replication,
            places=tuple(places),
            days=tuple(day for each in days.values() for day in each),
        )

    async def set_bucket_quota(self, op: Operation, bucket: Bucket, limit: Limit) -> None:
        """Set, change or lift the quota of a bucket. The entry says what it was, and whether it was raised."""

        def work(tx: Transaction) -> Recorded[None]:
            state = bucket_state(tx, bucket)
            rows.set_limit(tx, bucket, limit)
            return Recorded(None, op.allowed(SET_QUOTA, bucket.resource, **_told(state.limit, limit)))

        await self._database.write(work)

    async def set_tenant_quota(self, op: Operation, site: str, project: str, limit: Limit) -> None:
        """The same for all buckets of a site, or of a project at a site, that there are or will be."""

        def work(tx: Transaction) -> Recorded[None]:
            former = rows.tenant_limit(tx, site, project)
            rows.set_tenant_limit(tx, site, project, limit)
            told = _told(former, limit)
            return Recorded(None, op.allowed(SET_QUOTA, PLATFORM, site=site, project=project, **told))

        await self._database.write(work)

    def has_buckets(self, site: str, project: str) -> bool:
        """Whether any bucket belongs to the site, or to the project at the site."""
        with self._database.read() as tx:
            return any(_belongs(line, site, project) for line in rows.every(tx))

    async def note_day(self) -> None:
        """Write down what each bucket holds today. Called often: the last figure of a day is the one that stays."""
        today = self._clock.now() // DAY

        def work(tx: Transaction) -> None:
            rows.note_day(tx, today)
            rows.forget_days(tx, today - KEPT_DAYS)

        await self._database.bookkeep(Bookkeeping.MEASURE, work)

    async def recount(self, op: Operation) -> int:
        """Count every bucket anew, each in one transaction, and put right what was counted wrongly; returns how many were."""
        with self._database.read() as tx:
            wrong = [bucket for bucket in buckets.every(tx) if rows.held(tx, bucket) != rows.recount(tx, bucket.number)]
        for bucket in wrong:
            await self._database.write(partial(_put_right, op, bucket))
        return len(wrong)


def _put_right(op: Operation, bucket: Bucket, tx: Transaction) -> Recorded[None]:
    former, counted = rows.held(tx, bucket), rows.recount(tx, bucket.number)
    bucket_state(tx, bucket)
    rows.put(tx, bucket.number, counted)
    told = {"bytes_before": former.all_bytes, "bytes": counted.all_bytes, "versions": counted.versions}
    return Recorded(None, op.allowed(RECOUNT, bucket.resource, **told))


def _told(former: Limit, limit: Limit) -> dict[str, Detail]:
    """What the entry of a change of a quota says. None stands for no limit."""
    return {
        "bytes": limit.bytes,
        "objects": limit.objects,
        "bytes_before": former.bytes,
        "objects_before": former.objects,
        "raised": _is_more(limit.bytes, former.bytes) or _is_more(limit.objects, former.objects),
    }


def _is_more(limit: int | None, former: int | None) -> bool:
    return former is not None and (limit is None or limit > former)


def quota_of(limit: Limit) -> Quota:
    """As doors show it."""
    return Quota(bytes=limit.bytes, objects=limit.objects)


def _bucket(line: BucketLine) -> BucketHeld:
    return BucketHeld(
        name=line.name,
        site=line.site,
        project=line.project,
        objects=line.held.versions,
        bytes=line.held.bytes,
        upload_bytes=line.held.part_bytes,
        quota_bytes=line.limit.bytes,
        quota_objects=line.limit.objects,
    )


def _tenant(
    site: str, project: str, lines: Sequence[BucketLine], limit: Limit, days: Sequence[TenantDay]
) -> TenantUsage:
    mine = [line for line in lines if _belongs(line, site, project)]
    return TenantUsage(
        site=site,
        project=project,
        buckets=len(mine),
        objects=sum(line.held.versions for line in mine),
        bytes=sum(line.held.bytes for line in mine),
        upload_bytes=sum(line.held.part_bytes for line in mine),
        grown_bytes=days[-1].bytes - days[0].bytes if days else 0,
        quota_bytes=limit.bytes,
        quota_objects=limit.objects,
    )


def _days(site: str, project: str, past: Sequence[DayLine]) -> Sequence[TenantDay]:
    """Summed over the projects of a site, if it is asked for as a whole."""
    sums: dict[int, tuple[int, int]] = {}
    for line in past:
        if _belongs(line, site, project):
            versions, size = sums.get(line.day, (0, 0))
            sums[line.day] = versions + line.versions, size + line.bytes
    return [
        TenantDay(day=_date(day), site=site, project=project, objects=sums[day][0], bytes=sums[day][1])
        for day in sorted(sums)
    ]


def _belongs(line: BucketLine | DayLine, site: str, project: str) -> bool:
    return line.site == site and project in ("", line.project)


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY // SECOND, UTC).date().isoformat()
