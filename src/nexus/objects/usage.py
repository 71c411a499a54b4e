"""How much a bucket holds: counted when it is asked, over its rows, without opening anything."""

import asyncio
from typing import Final

from msgspec import Struct

from nexus.kernel.database import Database
from nexus.kernel.operation import Operation
from nexus.objects.model import Bucket

_VERSIONS: Final = (
    "SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(SUM(latest = 1 AND marker = 0), 0),"
    " COALESCE(SUM(CASE WHEN latest = 1 AND marker = 0 THEN size END), 0)"
    " FROM objects_version WHERE bucket = ? AND marker = 0"
)
_UPLOADS: Final = "SELECT COUNT(*) FROM objects_upload WHERE bucket = ?"
_PARTS: Final = (
    "SELECT COALESCE(SUM(blob.size), 0) FROM objects_upload AS upload JOIN objects_blob AS blob ON blob.owner = upload.id"
    " WHERE upload.bucket = ? AND blob.dropped_at IS NULL"
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


async def usage(database: Database, op: Operation, bucket: Bucket) -> BucketUsage:
    """Count, in a thread of its own: a bucket of a million versions takes a second. Recorded before the answer."""
    counted = await asyncio.to_thread(_count, database, bucket)
    await database.record(op.allowed("objects.bucket.read", bucket.resource, usage=True))
    return counted


def _count(database: Database, bucket: Bucket) -> BucketUsage:
    of = (bucket.number,)
    with database.read() as tx:
        versions, version_bytes, objects, object_bytes = tx.all(_VERSIONS, of)[0]
        uploads, upload_bytes = tx.all(_UPLOADS, of)[0][0], tx.all(_PARTS, of)[0][0]
    return BucketUsage(
        name=bucket.name,
        objects=objects,
        object_bytes=object_bytes,
        versions=versions,
        version_bytes=version_bytes,
        uploads=uploads,
        upload_bytes=upload_bytes,
    )
