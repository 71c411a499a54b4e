"""How much a bucket holds: counted when it is asked, over its rows, without opening anything."""

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from nexus.kernel.database import Database, Transaction
from nexus.kernel.operation import Operation
from nexus.objects.consenting import Consenting, Sieve
from nexus.objects.model import Bucket
from nexus.objects.store.usage import limit_of

_VERSIONS: Final = (
    "SELECT subject, COUNT(*), COALESCE(SUM(size), 0), COUNT(CASE WHEN latest = 1 AND marker = 0 THEN 1 END),"
    " COALESCE(SUM(CASE WHEN latest = 1 AND marker = 0 THEN size END), 0)"
    " FROM objects_version WHERE bucket = ? AND marker = 0 GROUP BY subject"
)
_UPLOADS: Final = "SELECT subject, COUNT(*) FROM objects_upload WHERE bucket = ? GROUP BY subject"
_PARTS: Final = (
    "SELECT upload.subject, COALESCE(SUM(blob.size), 0) FROM objects_upload AS upload JOIN objects_blob AS blob ON blob.owner = upload.id"
    " WHERE upload.bucket = ? AND blob.dropped_at IS NULL GROUP BY upload.subject"
)


class BucketUsage(Struct, frozen=True, kw_only=True):
    """What a bucket holds now, as its owners sent it: sizes are those of the plaintext, in bytes."""

    name: str
    objects: int
    """Objects that a listing shows."""
    object_bytes: int
    versions: int
    """Versions, those of the objects included; delete markers are none."""
    version_bytes: int
    uploads: int
    """Uploads in parts that were not completed yet."""
    upload_bytes: int
    """What their parts take."""
    quota_bytes: int | None = None
    """What it may hold at most, parts included; nothing where it has no quota of its own."""
    quota_objects: int | None = None
    """Versions that it may hold at most."""


class _Lot(Struct, frozen=True):
    """Rows of one subject (or of nobody by name), as they are counted."""

    subject: int | None
    counted: tuple[int, ...]


_Counted = tuple[Sequence[_Lot], Sequence[_Lot], Sequence[_Lot]]
"""Versions, uploads, parts."""


async def usage(database: Database, consenting: Consenting, op: Operation, bucket: Bucket) -> BucketUsage:
    """Count, in a thread of its own: a bucket of a million versions takes a second. Recorded before the answer.

    What must not be known is not counted.
    """
    counted = await asyncio.to_thread(_count, database, bucket)

    def gather(tx: Transaction, sieve: Sieve) -> BucketUsage:
        versions, uploads, parts = (_sum(sieve(lots)) for lots in counted)
        limit = limit_of(tx, bucket)
        return BucketUsage(
            name=bucket.name,
            objects=versions[2],
            object_bytes=versions[3],
            versions=versions[0],
            version_bytes=versions[1],
            uploads=uploads[0],
            upload_bytes=parts[0],
            quota_bytes=limit.bytes,
            quota_objects=limit.objects,
        )

    return await consenting.listed(
        op, bucket, gather, lambda _: op.allowed("objects.bucket.read", bucket.resource, usage=True)
    )


def _count(database: Database, bucket: Bucket) -> _Counted:
    of = (bucket.number,)
    with database.read() as tx:
        found = [tx.all(query, of) for query in (_VERSIONS, _UPLOADS, _PARTS)]
    versions, uploads, parts = ([_Lot(row[0], tuple(row[1:])) for row in rows] for rows in found)
    return versions, uploads, parts


def _sum(lots: Sequence[_Lot]) -> tuple[int, int, int, int]:
    totals = [0, 0, 0, 0]
    for lot in lots:
        for at, number in enumerate(lot.counted):
            totals[at] += number
    return totals[0], totals[1], totals[2], totals[3]
