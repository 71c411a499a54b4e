"""Rows of buckets and of their configuration documents."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from functools import lru_cache
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Row, Transaction
from nexus.objects import declaration
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket, BucketKind, Versioning
from nexus.objects.store import usage
from nexus.objects.store.usage import Limit

_BUCKET: Final = (
    "number, id, name, site, project, kind, key_id, versioning, owner, created_at, wrapped_key, revision, lock,"
    " subjects"
)


def find(database: Database, name: str) -> Bucket | None:
    """The bucket of this name, as of now."""
    row = database.watched(f"SELECT {_BUCKET} FROM objects_bucket WHERE name = ?", (name,))
    return _bucket(row) if row else None


def every(tx: Transaction) -> list[Bucket]:
    """Every bucket, by name."""
    return [_bucket(row) for row in tx.all(f"SELECT {_BUCKET} FROM objects_bucket ORDER BY name")]


def under_key(tx: Transaction, key_id: str, after: int, limit: int) -> list[Bucket]:
    """Buckets whose key is wrapped under `key_id`, by number, from the one after `after`."""
    rows = tx.all(
        f"SELECT {_BUCKET} FROM objects_bucket WHERE key_id = ? AND number > ? ORDER BY number LIMIT ?",
        (key_id, after, limit),
    )
    return [_bucket(row) for row in rows]


@lru_cache(maxsize=1_024)
def _bucket(row: Row) -> Bucket:
    number, id_, name, site, project, kind, key_id, versioning, owner, created_at, wrapped_key, *configured = row
    revision, lock, subjects = configured
    return Bucket(
        number=number,
        id=id_,
        name=name,
        site=site,
        project=project,
        kind=BucketKind(kind),
        key_id=key_id,
        versioning=Versioning(versioning),
        owner=owner,
        created_at=Instant(created_at),
        wrapped_key=wrapped_key,
        revision=revision,
        lock=lock,
        subjects=declaration.decode(subjects),
    )


def owner_of_name(tx: Transaction, name: str) -> str | None:
    """Who created the bucket of this name, if there is one."""
    row = tx.one("SELECT owner FROM objects_bucket WHERE name = ?", (name,))
    return row[0] if row else None


def insert(tx: Transaction, bucket: Bucket) -> int:
    """Store a new bucket; returns the number that it got (`bucket.number` is ignored)."""
    row = tx.one(
        "INSERT INTO objects_bucket (id, name, site, project, kind, key_id, versioning, owner, created_at, wrapped_key,"
        " lock) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (
            bucket.id,
            bucket.name,
            bucket.site,
            bucket.project,
            bucket.kind.value,
            bucket.key_id,
            bucket.versioning.value,
            bucket.owner,
            bucket.created_at,
            bucket.wrapped_key,
            bucket.lock,
        ),
    )
    assert row is not None
    usage.put(tx, int(row[0]), usage.Held())
    return int(row[0])


_STATE: Final = (
    "SELECT versioning, lock, subjects IS NOT NULL, quota_bytes, quota_objects, EXISTS (SELECT 1 FROM objects_quota q"
    " WHERE q.site = objects_bucket.site AND (q.project = '' OR q.project = objects_bucket.project))"
    " FROM objects_bucket WHERE number = ?"
)


class StateRow(msgspec.Struct, frozen=True):
    """What may change about a bucket, as of the transaction that asks."""

    versioning: Versioning
    lock: str | None
    declared: bool
    """Whether it holds data of subjects, and nothing else."""
    limit: Limit
    """Its own quota."""
    tenant_limited: bool
    """Whether its site or its project has one."""


def state_of(tx: Transaction, bucket: Bucket) -> StateRow | None:
    """The bucket at this moment; None if it is gone."""
    row = tx.one(_STATE, (bucket.number,))
    if row is None:
        return None
    versioning, lock, declared, most, objects, tenant_limited = row
    return StateRow(Versioning(versioning), lock, bool(declared), Limit(most, objects), bool(tenant_limited))


def set_subjects(tx: Transaction, bucket: Bucket, declared: Declaration) -> None:
    """Say what the data of the bucket are."""
    text = declaration.encode(declared)
    tx.execute("UPDATE objects_bucket SET subjects = ? WHERE number = ?", (text, bucket.number))


def set_lock(tx: Transaction, bucket: Bucket, lock: str) -> None:
    """Let versions be locked from now on, with this default retention."""
    tx.execute("UPDATE objects_bucket SET lock = ? WHERE number = ?", (lock, bucket.number))


def set_versioning(tx: Transaction, bucket: Bucket, state: Versioning) -> None:
    """Change the bucket's state."""
    tx.execute("UPDATE objects_bucket SET versioning = ? WHERE number = ?", (state.value, bucket.number))


def set_wrapped_key(tx: Transaction, number: int, former: bytes, wrapped: bytes) -> bool:
    """Replace the wrapped bucket key, unless somebody else did meanwhile."""
    return bool(
        tx.execute(
            "UPDATE objects_bucket SET wrapped_key = ? WHERE number = ? AND wrapped_key = ?",
            (wrapped, number, former),
        )
    )


def destroy_key(tx: Transaction, bucket: Bucket) -> bool:
    """Forget the wrapped key of a bucket, the only one that there is; False if it was forgotten before."""
    return bool(
        tx.execute(
            "UPDATE objects_bucket SET wrapped_key = ? WHERE number = ? AND wrapped_key <> ?", (b"", bucket.number, b"")
        )
    )


def has_versions(tx: Transaction, bucket: Bucket) -> bool:
    """Whether the bucket holds anything, delete markers included."""
    return tx.one("SELECT 1 FROM objects_version WHERE bucket = ? LIMIT 1", (bucket.number,)) is not None


def delete(tx: Transaction, bucket: Bucket) -> None:
    """Remove an empty bucket with its documents."""
    tx.execute("DELETE FROM objects_document WHERE bucket = ?", (bucket.number,))
    tx.execute("DELETE FROM objects_named_key WHERE bucket = ?", (bucket.number,))
    usage.forget(tx, bucket)
    tx.execute("DELETE FROM objects_bucket WHERE number = ?", (bucket.number,))


DOCUMENT: Final = "SELECT body FROM objects_document WHERE bucket = ? AND name = ?"


def put_document(tx: Transaction, bucket: Bucket, name: str, body: bytes) -> None:
    """Store or replace a configuration document."""
    tx.execute(
        "INSERT INTO objects_document VALUES (?, ?, ?) ON CONFLICT (bucket, name) DO UPDATE SET body = excluded.body",
        (bucket.number, name, body),
    )
    _revise(tx, bucket)


def delete_document(tx: Transaction, bucket: Bucket, name: str) -> None:
    """Remove a configuration document, if there is one."""
    tx.execute("DELETE FROM objects_document WHERE bucket = ? AND name = ?", (bucket.number, name))
    _revise(tx, bucket)


def documents(tx: Transaction, bucket: Bucket) -> tuple[int, dict[str, bytes]]:
    """The revision of the bucket and all its documents, as of one moment."""
    row = tx.one("SELECT revision FROM objects_bucket WHERE number = ?", (bucket.number,))
    found = tx.all("SELECT name, body FROM objects_document WHERE bucket = ?", (bucket.number,))
    return (row[0] if row else 0), dict(found)


_OF_BUCKET: Final = ", ".join(f"b.{column.strip()}" for column in _BUCKET.split(","))


def with_document(tx: Transaction, name: str, after: int, limit: int) -> list[Bucket]:
    """Buckets that have a document of this name, by number, from the one after `after`."""
    rows = tx.all(
        f"SELECT {_OF_BUCKET} FROM objects_bucket b JOIN objects_document d ON d.bucket = b.number"
        " WHERE d.name = ? AND b.number > ? ORDER BY b.number LIMIT ?",
        (name, after, limit),
    )
    return [_bucket(row) for row in rows]


def _revise(tx: Transaction, bucket: Bucket) -> None:
    tx.execute("UPDATE objects_bucket SET revision = revision + 1 WHERE number = ?", (bucket.number,))
