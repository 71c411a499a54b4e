"""Rows of uploads that are neither complete nor aborted. Their parts are rows of `objects_blob`."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.objects.model import Bucket, Upload


class UploadRow(msgspec.Struct, frozen=True):
    """A row of `objects_upload`."""

    key: str
    id: str
    initiated_at: Instant
    initiator: str
    note: str
    sealed_key: bytes
    sealed_facts: bytes
    key_id: str | None = None
    subject: int | None = None
    """As in `VersionRow`."""

    @property
    def shown(self) -> Upload:
        """As callers see it."""
        return Upload(
            id=self.id,
            key=self.key,
            initiated_at=self.initiated_at,
            initiator=self.initiator,
            note=self.note,
            key_id=self.key_id or "",
        )


_UPLOAD: Final = "key, id, initiated_at, initiator, note, sealed_key, sealed_facts, key_id, subject"
_ONE: Final = f"SELECT {_UPLOAD} FROM objects_upload WHERE bucket = ? AND key = ? AND id = ?"
_LATER: Final = f"SELECT {_UPLOAD} FROM objects_upload WHERE bucket = ? AND key = ? AND id > ? ORDER BY id LIMIT ?"
_PAGE: Final = (
    f"SELECT {_UPLOAD} FROM objects_upload WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key, id LIMIT ?"
)


def insert(tx: Transaction, bucket: Bucket, row: UploadRow) -> None:
    """Store a new upload."""
    tx.execute(
        f"INSERT INTO objects_upload (bucket, {_UPLOAD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            bucket.number,
            row.key,
            row.id,
            row.initiated_at,
            row.initiator,
            row.note,
            row.sealed_key,
            row.sealed_facts,
            row.key_id,
            row.subject,
        ),
    )


def find(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> UploadRow | None:
    """An open upload."""
    row = tx.one(_ONE, (bucket.number, key, upload_id))
    return UploadRow(*row) if row else None


def delete(tx: Transaction, bucket: Bucket, key: str, upload_id: str) -> None:
    """Forget an upload; its parts are the caller's affair."""
    tx.execute("DELETE FROM objects_upload WHERE bucket = ? AND key = ? AND id = ?", (bucket.number, key, upload_id))


def delete_all(tx: Transaction, bucket: Bucket) -> list[str]:
    """Forget every upload of a bucket; returns their ids."""
    ids = [id_ for (id_,) in tx.all("SELECT id FROM objects_upload WHERE bucket = ?", (bucket.number,))]
    tx.execute("DELETE FROM objects_upload WHERE bucket = ?", (bucket.number,))
    return ids


def later(tx: Transaction, bucket: Bucket, key: str, upload_id: str, limit: int) -> list[UploadRow]:
    """Uploads of one key that were begun after one of them."""
    return [UploadRow(*row) for row in tx.all(_LATER, (bucket.number, key, upload_id, limit))]


def page(tx: Transaction, bucket: Bucket, lower: str, upper: str, limit: int) -> list[UploadRow]:
    """Uploads by key and age, from `lower` on and below `upper`."""
    return [UploadRow(*row) for row in tx.all(_PAGE, (bucket.number, lower, upper, limit))]
