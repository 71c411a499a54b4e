"""Ends a bucket by destroying its key: from that commit on nothing in it opens, whoever has its files or its rows.

The key of a bucket exists wrapped, in its row, and nowhere else on this platform; what lies in the bucket is under it. Rows and
files are of no use afterwards, and are removed by whoever asked. Backups that were made before hold the wrapped key until they
end by their own date; destroying the key of the key service that wraps it ends those too.
"""

import hashlib

import msgspec

from nexus.kernel.database import Transaction
from nexus.kernel.errors import Conflict
from nexus.objects.errors import BUCKET_STATE
from nexus.objects.model import Bucket
from nexus.objects.paging import Scope
from nexus.objects.store import buckets, versions

PAGE = 1_000


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What was under the key. `digest`: SHA-256 over the ids of the versions, in the order of their names, one a line."""

    keys: int
    versions: int
    bytes: int
    digest: str


def destroy_key(tx: Transaction, bucket: Bucket) -> Ended:
    """Destroy the key of a bucket, in the caller's transaction. Raises Conflict if versions in it can be locked."""
    if bucket.lock is not None:
        raise Conflict("versions in this bucket can be locked", code=BUCKET_STATE)
    ids, count, size, after = hashlib.sha256(), 0, 0, ""
    while rows := versions.current(tx, bucket, after, Scope("", "", 1).upper, PAGE):
        for row in rows:
            ids.update(f"{row.id}\n".encode())
            count, size = count + 1, size + row.size
        after = rows[-1].key + "\0"
    destroyed = buckets.destroy_key(tx, bucket)
    return Ended(keys=int(destroyed), versions=count, bytes=size, digest=ids.hexdigest())
