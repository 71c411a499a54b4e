"""Rows of versions, and the bodies that are kept in the database."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from collections.abc import Sequence
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Transaction
from nexus.objects.model import NULL_VERSION, Bucket, ObjectVersion
from nexus.objects.retention import check_removal
from nexus.objects.sealing import INLINE
from nexus.objects.store import locks, usage
from nexus.objects.store.usage import Held


class VersionRow(msgspec.Struct, frozen=True):
    """A row of `objects_version`. `body` is the row of its inline body or manifest."""

    key: str
    ordinal: int
    id: str
    latest: int
    marker: int
    unversioned: int
    size: int
    etag: str
    modified_at: Instant
    blob: str | None
    upload: str | None
    body: int | None
    sealed_key: bytes
    sealed_facts: bytes
    key_id: str | None = None
    subject: int | None = None
    """Whose data: a subject's number, or a negative one of a manifest."""

    @property
    def version_id(self) -> str:
        """What clients call it."""
        return NULL_VERSION if self.unversioned else self.id

    @property
    def content(self) -> str:
        """Where its bytes are; sealed in the facts too, so that the row cannot be pointed elsewhere."""
        if self.upload is not None:
            return f"parts:{self.upload}"
        return INLINE if self.blob is None else f"blob:{self.blob}"

    @property
    def shown(self) -> ObjectVersion:
        """As listings show it."""
        return ObjectVersion(
            key=self.key,
            version_id=self.version_id,
            is_latest=bool(self.latest),
            is_delete_marker=bool(self.marker),
            size=self.size,
            etag=self.etag,
            last_modified=self.modified_at,
        )


_VERSION: Final = (
    "key, ordinal, id, latest, marker, unversioned, size, etag, modified_at,"
    " blob, upload, body, sealed_key, sealed_facts, key_id, subject"
)
_WITH_BODY: Final = f"SELECT {_VERSION}, sealed FROM objects_version LEFT JOIN objects_body ON number = body"
_ALONE: Final = f"SELECT {_VERSION} FROM objects_version"
_TOP: Final = " WHERE bucket = ? AND key = ? ORDER BY ordinal DESC LIMIT 1"
_NAMED: Final = " WHERE id = ? AND bucket = ? AND key = ? AND unversioned = 0"
_BY_ID: Final = " WHERE id = ? AND bucket = ? AND key = ?"
_UNVERSIONED: Final = " WHERE bucket = ? AND key = ? AND unversioned = 1 ORDER BY ordinal DESC LIMIT 1"
_OF_UPLOAD: Final = " WHERE upload = ? AND bucket = ? AND key = ?"


def top(tx: Transaction, bucket: Bucket, key: str) -> VersionRow | None:
    """The newest version of a key, delete markers included."""
    row = tx.one(_ALONE + _TOP, (bucket.number, key))
    return VersionRow(*row) if row else None


def unversioned(tx: Transaction, bucket: Bucket, key: str) -> VersionRow | None:
    """The version of a key that was written while versioning was off or suspended."""
    row = tx.one(_ALONE + _UNVERSIONED, (bucket.number, key))
    return VersionRow(*row) if row else None


def version(tx: Transaction, bucket: Bucket, key: str, version_id: str | None) -> VersionRow | None:
    """A version by the name that clients use; the newest one for None."""
    which, parameters = _selection(bucket, key, version_id)
    row = tx.one(_ALONE + which, parameters)
    return VersionRow(*row) if row else None


def by_id(tx: Transaction, bucket: Bucket, key: str, version_id: str) -> VersionRow | None:
    """A version or marker by its internal id."""
    row = tx.one(_ALONE + _BY_ID, (version_id, bucket.number, key))
    return VersionRow(*row) if row else None


def version_of_upload(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> VersionRow | None:
    """The version that an upload became."""
    row = tx.one(_ALONE + _OF_UPLOAD, (upload_id, bucket.number, key))
    return VersionRow(*row) if row else None


def find_version(
    database: Database, bucket: Bucket, key: str, version_id: str | None
) -> tuple[VersionRow, bytes | None] | None:
    """`version` as of now, with its inline body or manifest."""
    which, parameters = _selection(bucket, key, version_id)
    row = database.watched(_WITH_BODY + which, parameters, name=_name(bucket, key))
    return (VersionRow(*row[:-1]), row[-1]) if row else None


def _name(bucket: Bucket, key: str) -> bytes:
    """Under what the versions of a key are announced: whoever changes one of them says so, all of them in this file."""
    return f"{bucket.number}/{key}".encode()


def _selection(bucket: Bucket, key: str, version_id: str | None) -> tuple[str, tuple[str | int, ...]]:
    if version_id is None:
        return _TOP, (bucket.number, key)
    if version_id == NULL_VERSION:
        return _UNVERSIONED, (bucket.number, key)
    return _NAMED, (version_id, bucket.number, key)


def insert_version(tx: Transaction, bucket: Bucket, row: VersionRow, sealed_body: bytes | None) -> Held:
    """Store a version, and count it; returns what the bucket holds now.

    `row.body` is ignored, the number of the body that is stored with it takes its place.
    """
    tx.announce(_name(bucket, row.key))
    number = None
    if sealed_body is not None:
        stored = tx.one("INSERT INTO objects_body (sealed) VALUES (?) RETURNING number", (sealed_body,))
        assert stored is not None
        number = stored[0]
    tx.execute(
        f"INSERT INTO objects_version (bucket, {_VERSION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            bucket.number,
            row.key,
            row.ordinal,
            row.id,
            row.latest,
            row.marker,
            row.unversioned,
            row.size,
            row.etag,
            row.modified_at,
            row.blob,
            row.upload,
            number,
            row.sealed_key,
            row.sealed_facts,
            row.key_id,
            row.subject,
        ),
    )
    return usage.add(tx, bucket.number, versions=int(not row.marker), size=row.size)


def set_latest(tx: Transaction, bucket: Bucket, row: VersionRow, *, latest: bool) -> None:
    """Say whether a version is the one that readers get."""
    tx.announce(_name(bucket, row.key))
    tx.execute(
        "UPDATE objects_version SET latest = ? WHERE bucket = ? AND key = ? AND ordinal = ?",
        (int(latest), bucket.number, row.key, row.ordinal),
    )


def set_facts(tx: Transaction, bucket: Bucket, row: VersionRow, sealed_facts: bytes) -> bool:
    """Replace the sealed facts of a version; False if it is gone, or its facts are not those of `row` any more."""
    tx.announce(_name(bucket, row.key))
    return bool(
        tx.execute(
            "UPDATE objects_version SET sealed_facts = ?"
            " WHERE bucket = ? AND key = ? AND ordinal = ? AND id = ? AND sealed_facts = ?",
            (sealed_facts, bucket.number, row.key, row.ordinal, row.id, row.sealed_facts),
        )
    )


def set_subject(tx: Transaction, bucket: Bucket, row: VersionRow, sealed: tuple[bytes, bytes]) -> bool:
    """Say whose data a version is: `row` with the new subject, and its key and facts sealed anew. False if it changed."""
    tx.announce(_name(bucket, row.key))
    return bool(
        tx.execute(
            "UPDATE objects_version SET subject = ?, sealed_key = ?, sealed_facts = ?"
            " WHERE bucket = ? AND key = ? AND ordinal = ? AND id = ? AND sealed_facts = ?",
            (row.subject, *sealed, bucket.number, row.key, row.ordinal, row.id, row.sealed_facts),
        )
    )


def delete_version(
    tx: Transaction, bucket: Bucket, row: VersionRow, now: Instant, *, bypass: bool = False
) -> Sequence[str]:
    """Remove a version with its body; returns the blobs that may be unlinked once this is committed.

    Every removal of a version comes through here, whatever its reason: a lock is looked at in this place, and only here;
    what the bucket holds is counted down here too.
    Raises Denied while one holds. Blobs of parts are opened one after the other by readers: they are only marked, and
    swept when those are done.
    """
    lock = locks.find(tx, row.id)
    if lock is not None:
        check_removal(lock, now, bypass=bypass)
        locks.delete(tx, row.id)
    tx.announce(_name(bucket, row.key))
    tx.execute(
        "DELETE FROM objects_version WHERE bucket = ? AND key = ? AND ordinal = ?",
        (bucket.number, row.key, row.ordinal),
    )
    if not row.marker:
        usage.add(tx, bucket.number, versions=-1, size=-row.size)
    if row.body is not None:
        tx.execute("DELETE FROM objects_body WHERE number = ?", (row.body,))
    if row.upload is not None:
        tx.execute("UPDATE objects_blob SET dropped_at = ? WHERE owner = ?", (now, row.upload))
    if row.blob is None:
        return ()
    tx.execute("DELETE FROM objects_blob WHERE owner = ?", (row.id,))
    return (row.blob,)


# Listing: `lower` is the first key wanted, `upper` the first one that is not (rules.END for none).

_CURRENT: Final = (
    f"SELECT {_VERSION} FROM objects_version INDEXED BY objects_version_current"
    " WHERE bucket = ? AND key >= ? AND key < ? AND latest = 1 AND marker = 0 ORDER BY key LIMIT ?"
)
_OLDER: Final = (
    f"SELECT {_VERSION} FROM objects_version WHERE bucket = ? AND key = ? AND ordinal < ? ORDER BY ordinal DESC LIMIT ?"
)
_HISTORY: Final = (
    f"SELECT {_VERSION} FROM objects_version WHERE bucket = ? AND key >= ? AND key < ?"
    " ORDER BY key, ordinal DESC LIMIT ?"
)


def current(tx: Transaction, bucket: Bucket, lower: str, upper: str, limit: int) -> list[VersionRow]:
    """Latest versions that are not delete markers, by key."""
    return [VersionRow(*row) for row in tx.all(_CURRENT, (bucket.number, lower, upper, limit))]


def older(tx: Transaction, bucket: Bucket, key: str, ordinal: int, limit: int) -> list[VersionRow]:
    """Versions of one key before one of them, newest first."""
    return [VersionRow(*row) for row in tx.all(_OLDER, (bucket.number, key, ordinal, limit))]


def history(tx: Transaction, bucket: Bucket, lower: str, upper: str, limit: int) -> list[VersionRow]:
    """All versions, by key and newest first."""
    return [VersionRow(*row) for row in tx.all(_HISTORY, (bucket.number, lower, upper, limit))]
