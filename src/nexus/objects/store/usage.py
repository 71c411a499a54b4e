"""Rows of what buckets hold and of what they may hold at most: counters, quotas, figures of each day."""

from collections.abc import Sequence
from typing import Final

import msgspec

from nexus.kernel.database import Transaction
from nexus.objects.model import Bucket


class Held(msgspec.Struct, frozen=True):
    """What is held. Sizes are those of the plaintext."""

    versions: int = 0
    """Delete markers are none."""
    bytes: int = 0
    part_bytes: int = 0
    """Parts of unfinished uploads."""

    @property
    def all_bytes(self) -> int:
        """What counts against a quota."""
        return self.bytes + self.part_bytes


class Limit(msgspec.Struct, frozen=True):
    """At most so much; None: no limit."""

    bytes: int | None = None
    objects: int | None = None
    """Versions, in truth: earlier ones take room too."""


class TenantLimit(msgspec.Struct, frozen=True):
    """The quota of a site (`project` empty) or of one of its projects, and what its buckets hold."""

    site: str
    project: str
    limit: Limit
    held: Held


def add(tx: Transaction, bucket: int, *, versions: int = 0, size: int = 0, parts: int = 0) -> Held:
    """Count what was stored (or, below zero, removed) in this transaction; returns what the bucket holds now."""
    row = tx.one(
        "INSERT INTO objects_usage (bucket, versions, bytes, part_bytes) VALUES (?, ?, ?, ?) ON CONFLICT (bucket) DO UPDATE"
        " SET versions = objects_usage.versions + excluded.versions, bytes = objects_usage.bytes + excluded.bytes,"
        " part_bytes = objects_usage.part_bytes + excluded.part_bytes RETURNING versions, bytes, part_bytes",
        (bucket, versions, size, parts),
    )
    assert row is not None
    return Held(*row)


def held(tx: Transaction, bucket: Bucket) -> Held:
    """What a bucket holds, as it was counted."""
    row = tx.one("SELECT versions, bytes, part_bytes FROM objects_usage WHERE bucket = ?", (bucket.number,))
    return Held(*row) if row else Held()


_RECOUNT: Final = (
    "SELECT (SELECT COUNT(*) FROM objects_version v WHERE v.bucket = b.number AND v.marker = 0),"
    " (SELECT COALESCE(SUM(v.size), 0) FROM objects_version v WHERE v.bucket = b.number AND v.marker = 0),"
    " (SELECT COALESCE(SUM(p.size), 0) FROM objects_upload u JOIN objects_blob p ON p.owner = u.id"
    " WHERE u.bucket = b.number) FROM objects_bucket b WHERE b.number = ?"
)


def recount(tx: Transaction, bucket: int) -> Held:
    """What a bucket holds, counted anew over all of its rows."""
    row = tx.one(_RECOUNT, (bucket,))
    return Held(*row) if row else Held()


def put(tx: Transaction, bucket: int, counted: Held) -> None:
    """Replace the counters of a bucket."""
    tx.execute(
        "INSERT INTO objects_usage (bucket, versions, bytes, part_bytes) VALUES (?, ?, ?, ?) ON CONFLICT (bucket) DO UPDATE"
        " SET versions = excluded.versions, bytes = excluded.bytes, part_bytes = excluded.part_bytes",
        (bucket, counted.versions, counted.bytes, counted.part_bytes),
    )


def forget(tx: Transaction, bucket: Bucket) -> None:
    """Remove the counters of a bucket that goes; the figures of its days stay."""
    tx.execute("DELETE FROM objects_usage WHERE bucket = ?", (bucket.number,))


# Quotas


def limit_of(tx: Transaction, bucket: Bucket) -> Limit:
    """The quota of one bucket."""
    row = tx.one("SELECT quota_bytes, quota_objects FROM objects_bucket WHERE number = ?", (bucket.number,))
    return Limit(*row) if row else Limit()


def set_limit(tx: Transaction, bucket: Bucket, limit: Limit) -> None:
    """Set, change or lift the quota of a bucket."""
    tx.execute(
        "UPDATE objects_bucket SET quota_bytes = ?, quota_objects = ? WHERE number = ?",
        (limit.bytes, limit.objects, bucket.number),
    )


def tenant_limit(tx: Transaction, site: str, project: str) -> Limit:
    """The quota of a site or of a project of it."""
    row = tx.one("SELECT bytes, objects FROM objects_quota WHERE site = ? AND project = ?", (site, project))
    return Limit(*row) if row else Limit()


def set_tenant_limit(tx: Transaction, site: str, project: str, limit: Limit) -> None:
    """Set, change or lift the quota of a site or of a project of it."""
    if limit == Limit():
        tx.execute("DELETE FROM objects_quota WHERE site = ? AND project = ?", (site, project))
        return
    tx.execute(
        "INSERT INTO objects_quota (site, project, bytes, objects) VALUES (?, ?, ?, ?) ON CONFLICT (site, project)"
        " DO UPDATE SET bytes = excluded.bytes, objects = excluded.objects",
        (site, project, limit.bytes, limit.objects),
    )


_TENANTS: Final = (
    "SELECT q.project, q.bytes, q.objects, COALESCE(SUM(u.versions), 0), COALESCE(SUM(u.bytes), 0),"
    " COALESCE(SUM(u.part_bytes), 0) FROM objects_quota q"
    " LEFT JOIN objects_bucket b ON b.site = q.site AND (q.project = '' OR b.project = q.project)"
    " LEFT JOIN objects_usage u ON u.bucket = b.number"
    " WHERE q.site = ? AND (q.project = '' OR q.project = ?) GROUP BY q.project, q.bytes, q.objects ORDER BY q.project"
)


def tenants_of(tx: Transaction, bucket: Bucket) -> list[TenantLimit]:
    """The quotas that a bucket stands under besides its own, each with what all buckets under it hold."""
    return [
        TenantLimit(bucket.site, project, Limit(most, objects), Held(*counted))
        for project, most, objects, *counted in tx.all(_TENANTS, (bucket.site, bucket.project))
    ]


class BucketLine(msgspec.Struct, frozen=True):
    """A bucket, whose it is, what it holds and may hold."""

    name: str
    site: str
    project: str
    held: Held
    limit: Limit


def every(tx: Transaction) -> list[BucketLine]:
    """Each bucket, by site, project and name."""
    rows = tx.all(
        "SELECT b.name, b.site, b.project, COALESCE(u.versions, 0), COALESCE(u.bytes, 0), COALESCE(u.part_bytes, 0),"
        " b.quota_bytes, b.quota_objects FROM objects_bucket b LEFT JOIN objects_usage u ON u.bucket = b.number"
        " ORDER BY b.site, b.project, b.name"
    )
    return [
        BucketLine(name, site, project, Held(versions, size, parts), Limit(most, objects))
        for name, site, project, versions, size, parts, most, objects in rows
    ]


def every_limit(tx: Transaction) -> dict[tuple[str, str], Limit]:
    """The quotas of sites and projects."""
    rows = tx.all("SELECT site, project, bytes, objects FROM objects_quota ORDER BY site, project")
    return {(site, project): Limit(most, objects) for site, project, most, objects in rows}


# Days


class DayLine(msgspec.Struct, frozen=True):
    """What the buckets of a tenant held at the end of a day (days since 1970, UTC)."""

    day: int
    site: str
    project: str
    versions: int
    bytes: int


def note_day(tx: Transaction, day: int) -> None:
    """Write down what each bucket holds; the last figure of a day is the one that stays."""
    tx.execute(
        "INSERT INTO objects_usage_day (day, bucket, site, project, versions, bytes)"
        " SELECT ?, u.bucket, b.site, b.project, u.versions, u.bytes + u.part_bytes"
        " FROM objects_usage u JOIN objects_bucket b ON b.number = u.bucket WHERE u.bucket > 0"
        " ON CONFLICT (day, bucket) DO UPDATE SET versions = excluded.versions, bytes = excluded.bytes",
        (day,),
    )


def forget_days(tx: Transaction, before: int) -> None:
    """Remove figures of earlier days."""
    tx.execute("DELETE FROM objects_usage_day WHERE day < ?", (before,))


def days(tx: Transaction, since: int) -> Sequence[DayLine]:
    """The figures of each day from one on, summed over the buckets of each tenant."""
    rows = tx.all(
        "SELECT day, site, project, SUM(versions), SUM(bytes) FROM objects_usage_day WHERE day >= ?"
        " GROUP BY day, site, project ORDER BY day, site, project",
        (since,),
    )
    return [DayLine(day, site, project, int(versions), int(size)) for day, site, project, versions, size in rows]
