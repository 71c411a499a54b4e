"""All SQL of files that are rewritten, in the platform's database."""

from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Migration, Row, Transaction
from nexus.pseudonyms.requests import FileState, RewriteFile

SCHEMA: Final = Migration(
    "pseudonyms_files",
    1,
    (
        "CREATE TABLE pseudonyms_file (id TEXT PRIMARY KEY, request BLOB NOT NULL, state TEXT NOT NULL,"
        " requested_by TEXT NOT NULL, requested_at INTEGER NOT NULL, purpose TEXT NOT NULL,"
        " row_count INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL) STRICT",
        "CREATE INDEX pseudonyms_file_by_state ON pseudonyms_file (state, id)",
    ),
)
_decode: Final = msgspec.json.Decoder(RewriteFile)


@dataclass(frozen=True, slots=True)
class FileJob:
    """A file that is to be rewritten, or was."""

    id: str
    request: RewriteFile
    state: FileState
    requested_by: str
    requested_at: Instant
    purpose: str
    rows: int = 0
    code: str = ""
    message: str = ""


def add(tx: Transaction, job: FileJob) -> None:
    """Store one that waits."""
    tx.execute(
        "INSERT INTO pseudonyms_file (id, request, state, requested_by, requested_at, purpose, row_count, code, message)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(job.id, msgspec.json.encode(job.request), job.state.value, job.requested_by, job.requested_at),
            *(job.purpose, job.rows, job.code, job.message),
        ),
    )


def find(tx: Transaction, job_id: str) -> FileJob | None:
    """One, by its id."""
    row = tx.one(
        "SELECT id, request, state, requested_by, requested_at, purpose, row_count, code, message FROM pseudonyms_file"
        " WHERE id = ?",
        (job_id,),
    )
    return None if row is None else _job(row)


def next_waiting(tx: Transaction) -> FileJob | None:
    """The oldest that waits."""
    row = tx.one(
        "SELECT id, request, state, requested_by, requested_at, purpose, row_count, code, message FROM pseudonyms_file"
        " WHERE state = ? ORDER BY id LIMIT 1",
        (FileState.WAITING.value,),
    )
    return None if row is None else _job(row)


def finish(tx: Transaction, job: FileJob) -> None:
    """How it ended."""
    tx.execute(
        "UPDATE pseudonyms_file SET state = ?, row_count = ?, code = ?, message = ? WHERE id = ?",
        (job.state.value, job.rows, job.code, job.message, job.id),
    )


def _job(row: Row) -> FileJob:
    id_, request, state, by, at, purpose, rows, code, message = row
    return FileJob(id_, _decode.decode(request), FileState(state), by, at, purpose, rows, code, message)
