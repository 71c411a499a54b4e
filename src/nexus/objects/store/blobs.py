"""Rows of blobs: the files that a version or the parts of an upload are in."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.objects.model import Bucket, Part
from nexus.objects.store import usage
from nexus.objects.store.usage import Held


class BlobRow(msgspec.Struct, frozen=True):
    """A row of `objects_blob`: a file, and for a part what clients know of it."""

    number: int
    id: str
    size: int
    etag: str
    modified_at: Instant
    checksums: Mapping[str, str]
    sealed_checksum: bytes = b""
    """Of the file's bytes, as `blobs.port.Checksum` makes it."""

    @property
    def shown(self) -> Part:
        """As callers see a part."""
        return Part(
            number=self.number,
            etag=self.etag,
            size=self.size,
            last_modified=self.modified_at,
            checksums=self.checksums,
        )


ALL: Final = 1 << 31
"""More than an upload has parts."""

_checksums = msgspec.json.Decoder(dict[str, str])


def insert(tx: Transaction, owner: str, row: BlobRow) -> None:
    """Store the blob of a version. Those of parts: `put_part`."""
    tx.execute(
        "INSERT INTO objects_blob VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?) ON CONFLICT (owner, number)"
        " DO UPDATE SET id = excluded.id, size = excluded.size, etag = excluded.etag, modified_at = excluded.modified_at,"
        " checksums = excluded.checksums, dropped_at = NULL, sealed_checksum = excluded.sealed_checksum",
        (
            owner,
            row.number,
            row.id,
            row.size,
            row.etag,
            row.modified_at,
            msgspec.json.encode(row.checksums),
            row.sealed_checksum or None,
        ),
    )


class PutPart(msgspec.Struct, frozen=True):
    """What storing a part has changed."""

    replaced: str | None
    """The blob that was this part before."""
    grown: int
    """Bytes that the parts of the upload have more now; below zero if fewer."""
    held: Held
    """What the bucket holds now."""


def put_part(tx: Transaction, bucket: Bucket, upload_id: str, row: BlobRow) -> PutPart:
    """Store or replace the blob of a part, and count it."""
    former = tx.one("SELECT id, size FROM objects_blob WHERE owner = ? AND number = ?", (upload_id, row.number))
    replaced, size = former or (None, 0)
    insert(tx, upload_id, row)
    return PutPart(replaced, row.size - size, usage.add(tx, bucket.number, parts=row.size - size))


def of_owner(tx: Transaction, owner: str, *, after: int = 0, limit: int = ALL) -> list[BlobRow]:
    """The blobs of an upload, by number of part; all of them unless there is a limit."""
    rows = tx.all(
        "SELECT number, id, size, etag, modified_at, checksums FROM objects_blob"
        " WHERE owner = ? AND number > ? ORDER BY number LIMIT ?",
        (owner, after, limit),
    )
    return [
        BlobRow(number, id_, size, etag, modified_at, _checksums.decode(checksums))
        for number, id_, size, etag, modified_at, checksums in rows
    ]


def size_of(tx: Transaction, owner: str, number: int) -> int:
    """Plaintext bytes of one part; 0 if there is none."""
    row = tx.one("SELECT size FROM objects_blob WHERE owner = ? AND number = ?", (owner, number))
    return int(row[0]) if row else 0


def ids_of_owner(tx: Transaction, owner: str) -> dict[int, str]:
    """Ids of the blobs of an upload by number of part."""
    return dict(tx.all("SELECT number, id FROM objects_blob WHERE owner = ?", (owner,)))


def delete_all(tx: Transaction, bucket: int, owner: str) -> list[str]:
    """Forget every blob of an unfinished upload, and count them down; returns their ids. `bucket`: its number."""
    ids = list(ids_of_owner(tx, owner).values())
    settle_parts(tx, bucket, owner)
    tx.execute("DELETE FROM objects_blob WHERE owner = ?", (owner,))
    return ids


def settle_parts(tx: Transaction, bucket: int, owner: str) -> int:
    """Count the parts of an upload no more, for it ends; returns their bytes."""
    row = tx.one("SELECT COALESCE(SUM(size), 0) FROM objects_blob WHERE owner = ?", (owner,))
    size = int(row[0]) if row else 0
    if size:
        usage.add(tx, bucket, parts=-size)
    return size


def delete(tx: Transaction, owner: str, numbers: Sequence[int]) -> None:
    """Forget some blobs of an upload."""
    tx.execute_many("DELETE FROM objects_blob WHERE owner = ? AND number = ?", [(owner, number) for number in numbers])


def any_known(tx: Transaction) -> bool:
    """Whether there is a blob at all."""
    return tx.one("SELECT 1 FROM objects_blob LIMIT 1") is not None


def known(tx: Transaction, ids: Sequence[str]) -> set[str]:
    """Those of the ids that a row knows."""
    listed = msgspec.json.encode(ids).decode()
    return {
        id_ for (id_,) in tx.all("SELECT id FROM objects_blob WHERE id IN (SELECT value FROM json_each(?))", (listed,))
    }


class DroppedRow(msgspec.Struct, frozen=True):
    """A blob that only late readers still need."""

    owner: str
    number: int
    id: str
    size: int


def dropped(tx: Transaction, before: Instant, limit: int) -> list[DroppedRow]:
    """Some of the blobs that were marked before a moment."""
    rows = tx.all(
        "SELECT owner, number, id, size FROM objects_blob"
        " WHERE dropped_at IS NOT NULL AND dropped_at < ? ORDER BY dropped_at LIMIT ?",
        (before, limit),
    )
    return [DroppedRow(*row) for row in rows]


def forget(tx: Transaction, rows: Sequence[DroppedRow]) -> None:
    """Remove the rows of dropped blobs."""
    for row in rows:
        delete(tx, row.owner, [row.number])
