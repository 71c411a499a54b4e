"""Rows of bucket keys under keys that requests named, besides the bucket's own."""

import msgspec

from nexus.kernel.database import Database, Transaction
from nexus.kernel.operation import Resource
from nexus.objects.model import Bucket


class NamedKeyRow(msgspec.Struct, frozen=True):
    """A row of `objects_named_key`. `owner` is the key's: `site:<name>`, `project:<name>` or another word."""

    key_id: str
    owner: str
    wrapped_key: bytes


class Wrapped(msgspec.Struct, frozen=True):
    """A bucket key that is to be wrapped again, and where it is stored."""

    number: int
    bucket_id: str
    site: str
    wrapped_key: bytes


_ONE = "SELECT key_id, owner, wrapped_key FROM objects_named_key WHERE bucket = ? AND key_id = ?"


def find(database: Database, bucket: Bucket, key_id: str) -> NamedKeyRow | None:
    """The bucket key under a named key, as of now."""
    row = database.peek(_ONE, (bucket.number, key_id))
    return NamedKeyRow(*row) if row else None


def insert(tx: Transaction, bucket: Bucket, row: NamedKeyRow) -> NamedKeyRow:
    """Store a bucket key unless there is one; returns the one that is stored."""
    tx.execute(
        "INSERT INTO objects_named_key VALUES (?, ?, ?, ?) ON CONFLICT (bucket, key_id) DO NOTHING",
        (bucket.number, row.key_id, row.owner, row.wrapped_key),
    )
    stored = tx.one(_ONE, (bucket.number, row.key_id))
    assert stored is not None
    return NamedKeyRow(*stored)


def under_key(tx: Transaction, key_id: str, after: int, limit: int) -> list[Wrapped]:
    """Bucket keys under a named key, by number of their bucket, from the one after `after`."""
    rows = tx.all(
        "SELECT b.number, b.id, b.site, k.wrapped_key FROM objects_named_key k JOIN objects_bucket b"
        " ON b.number = k.bucket WHERE k.key_id = ? AND k.bucket > ? ORDER BY k.bucket LIMIT ?",
        (key_id, after, limit),
    )
    return [Wrapped(*row) for row in rows]


def set_wrapped_key(tx: Transaction, key_id: str, row: Wrapped, wrapped: bytes) -> bool:
    """Replace a wrapped bucket key, unless somebody else did meanwhile."""
    return bool(
        tx.execute(
            "UPDATE objects_named_key SET wrapped_key = ? WHERE bucket = ? AND key_id = ? AND wrapped_key = ?",
            (wrapped, row.number, key_id, row.wrapped_key),
        )
    )


def resource(row: NamedKeyRow) -> Resource:
    """The named key as the gate and the audit log see it."""
    return key_resource(row.key_id, row.owner)


def key_resource(key_id: str, owner: str) -> Resource:
    """A key of the key service, within the scope of its owner."""
    kind, _, name = owner.partition(":")
    return Resource("Key", key_id, {kind: name} if kind in ("site", "project") and name else {})
