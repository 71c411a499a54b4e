"""What rows say of blobs, walked in batches: for the scrubber, and for whoever asks whether the store is whole."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from nexus.kernel.database import Transaction
from nexus.objects.blobs.port import Expected
from nexus.objects.sealing import SEGMENTS

_COLUMNS: Final = "id, owner, size, sealed_checksum"


class KnownBlob(Struct, frozen=True):
    """A blob that a row knows and readers may need. `owner`: a version, or an upload in parts."""

    expected: Expected
    owner: str


def after(tx: Transaction, blob_id: str, limit: int) -> Sequence[KnownBlob]:
    """The next ones in the order of their ids."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM objects_blob WHERE id > ? AND dropped_at IS NULL ORDER BY id LIMIT ?",  # noqa: S608
        (blob_id, limit),
    )
    return [_known(*row) for row in rows]


def find(tx: Transaction, blob_id: str) -> KnownBlob | None:
    """One of them, if a row knows it."""
    row = tx.one(f"SELECT {_COLUMNS} FROM objects_blob WHERE id = ? AND dropped_at IS NULL", (blob_id,))  # noqa: S608
    return _known(*row) if row else None


def total(tx: Transaction) -> tuple[int, int]:
    """Blobs, and their plaintext bytes."""
    row = tx.one("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM objects_blob WHERE dropped_at IS NULL")
    assert row is not None
    return int(row[0]), int(row[1])


def bucket_of(tx: Transaction, owner: str) -> str:
    """Name of the bucket that a version or an upload is in; empty if it is in none."""
    row = tx.one(
        "SELECT b.name FROM objects_version AS v JOIN objects_bucket AS b ON b.number = v.bucket WHERE v.id = ?",
        (owner,),
    ) or tx.one(
        "SELECT b.name FROM objects_version AS v JOIN objects_bucket AS b ON b.number = v.bucket WHERE v.upload = ?",
        (owner,),
    )
    row = row or tx.one(
        "SELECT b.name FROM objects_upload AS u JOIN objects_bucket AS b ON b.number = u.bucket WHERE u.id = ?",
        (owner,),
    )
    return row[0] if row else ""


class RowProblem(Struct, frozen=True):
    """A row that no write leaves like this. `what`: one of `QUESTIONS`; `about`: id of a version, upload or blob."""

    what: str
    about: str


QUESTIONS: Final = {
    "a version without the row of its blob": (
        "SELECT v.id FROM objects_version AS v LEFT JOIN objects_blob AS b ON b.owner = v.id AND b.id = v.blob"
        " WHERE v.blob IS NOT NULL AND b.id IS NULL LIMIT ?"
    ),
    "a version without a part": (
        "SELECT v.id FROM objects_version AS v WHERE v.upload IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM objects_blob AS b WHERE b.owner = v.upload) LIMIT ?"
    ),
    "a version without its body": (
        "SELECT v.id FROM objects_version AS v LEFT JOIN objects_body AS o ON o.number = v.body"
        " WHERE v.body IS NOT NULL AND o.number IS NULL LIMIT ?"
    ),
    "a version of no bucket": (
        "SELECT v.id FROM objects_version AS v LEFT JOIN objects_bucket AS b ON b.number = v.bucket"
        " WHERE b.number IS NULL LIMIT ?"
    ),
    "a key with two latest versions": (
        "SELECT MIN(v.id) FROM objects_version AS v WHERE v.latest = 1 GROUP BY v.bucket, v.key HAVING COUNT(*) > 1 LIMIT ?"
    ),
    "a blob of no version and no upload": (
        "SELECT b.id FROM objects_blob AS b WHERE b.dropped_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM objects_version AS v WHERE v.id = b.owner)"
        " AND NOT EXISTS (SELECT 1 FROM objects_version AS v WHERE v.upload = b.owner)"
        " AND NOT EXISTS (SELECT 1 FROM objects_upload AS u WHERE u.id = b.owner) LIMIT ?"
    ),
    "a bucket that does not hold what is counted": (
        "SELECT b.id FROM objects_bucket AS b LEFT JOIN objects_usage AS u ON u.bucket = b.number WHERE"
        " COALESCE(u.versions, 0) <> (SELECT COUNT(*) FROM objects_version v WHERE v.bucket = b.number AND v.marker = 0)"
        " OR COALESCE(u.bytes, 0) <>"
        " (SELECT COALESCE(SUM(v.size), 0) FROM objects_version v WHERE v.bucket = b.number AND v.marker = 0)"
        " OR COALESCE(u.part_bytes, 0) <> (SELECT COALESCE(SUM(p.size), 0) FROM objects_upload o"
        " JOIN objects_blob p ON p.owner = o.id WHERE o.bucket = b.number) LIMIT ?"
    ),
}
"""Each finds what must not be."""


def row_problems(tx: Transaction, limit: int) -> Sequence[RowProblem]:
    """Some of each kind, in one snapshot."""
    return [RowProblem(what, about) for what, sql in QUESTIONS.items() for (about,) in tx.all(sql, (limit,))]


def _known(blob_id: str, owner: str, size: int, checksum: bytes | None) -> KnownBlob:
    return KnownBlob(Expected(blob_id, SEGMENTS.sealed_length(size), checksum), owner)
