"""All SQL of the key service. Every function runs inside the caller's transaction."""

from dataclasses import dataclass
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction
from nexus.kms.model import Algorithm, Custody, Key, KeyClass, KeyState, KeyVersion, RewrapJob

_SELECT_KEYS: Final = (
    "SELECT id, key_class, algorithm, owner, purpose, state, exportable, created_at, rotation_days, next_rotation_at,"
    " destroy_at, destroyed_at, certificate, bound_use FROM kms_key"
)
_SELECT_VERSIONS: Final = (
    "SELECT key_id, number, created_at, custody, public_key, handle, wraps, due_told FROM kms_version"
)
_SELECT_JOBS: Final = "SELECT id, key_id, target_version, started_at, cursor, done, finished_at FROM kms_rewrap"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with what only the service sees of its versions: handles (by number) and counters of the newest."""

    key: Key
    handles: dict[int, bytes]
    wraps: int
    due_told: bool


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version about to be stored."""

    number: int
    created_at: Instant
    custody: Custody
    handle: bytes
    public_key: bytes | None


# Keys


def load_all(tx: Transaction) -> dict[str, StoredKey]:
    """The whole inventory, oldest key first."""
    versions: dict[str, list[Row]] = {}
    for row in tx.all(_SELECT_VERSIONS + " ORDER BY key_id, number"):
        versions.setdefault(row[0], []).append(row)
    keys = tx.all(_SELECT_KEYS + " ORDER BY id")
    return {row[0]: _stored(row, versions.get(row[0], [])) for row in keys}


def load(tx: Transaction, key_id: str) -> StoredKey:
    """One key that exists."""
    row = tx.one(_SELECT_KEYS + " WHERE id = ?", (key_id,))
    assert row is not None
    return _stored(row, tx.all(_SELECT_VERSIONS + " WHERE key_id = ? ORDER BY number", (key_id,)))


def insert_key(tx: Transaction, key: Key, first: NewVersion) -> StoredKey:
    """A new key with its first version."""
    tx.execute(
        "INSERT INTO kms_key (id, key_class, algorithm, owner, purpose, state, exportable, created_at, rotation_days,"
        " next_rotation_at, bound_use) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key.id,
            key.key_class.value,
            key.algorithm.value,
            key.owner,
            key.purpose,
            key.state.value,
            int(key.exportable),
            key.created_at,
            key.rotation_days,
            key.next_rotation_at,
            key.bound_use,
        ),
    )
    return add_version(tx, key.id, first, key.next_rotation_at)


def add_version(tx: Transaction, key_id: str, version: NewVersion, next_rotation_at: int) -> StoredKey:
    """One more version, and the date of the next."""
    tx.execute(
        "INSERT INTO kms_version (key_id, number, created_at, custody, handle, public_key) VALUES (?, ?, ?, ?, ?, ?)",
        (key_id, version.number, version.created_at, version.custody.value, version.handle, version.public_key),
    )
    tx.execute("UPDATE kms_key SET next_rotation_at = ? WHERE id = ?", (next_rotation_at, key_id))
    return load(tx, key_id)


def set_state(tx: Transaction, key_id: str, state: KeyState) -> StoredKey:
    """Move a key; whether it may is decided in `rules`."""
    tx.execute("UPDATE kms_key SET state = ? WHERE id = ?", (state.value, key_id))
    return load(tx, key_id)


def schedule(tx: Transaction, key_id: str, destroy_at: int, approval: str) -> StoredKey:
    """The key waits for its destruction, under this approval."""
    tx.execute("UPDATE kms_key SET destroy_at = ?, approval = ? WHERE id = ?", (destroy_at, approval, key_id))
    return set_state(tx, key_id, KeyState.PENDING_DESTRUCTION)


def unschedule(tx: Transaction, key_id: str) -> StoredKey:
    """The key waits no longer: disabled, its order forgotten."""
    tx.execute("UPDATE kms_key SET destroy_at = NULL, approval = NULL WHERE id = ?", (key_id,))
    return set_state(tx, key_id, KeyState.DISABLED)


def bury(tx: Transaction, key_id: str, at: int, certificate: bytes) -> StoredKey:
    """The key is destroyed: keep its line and its certificate, forget its handles."""
    tx.execute(
        "UPDATE kms_key SET state = ?, destroyed_at = ?, certificate = ? WHERE id = ?",
        (KeyState.DESTROYED.value, at, certificate, key_id),
    )
    tx.execute("UPDATE kms_version SET handle = x'' WHERE key_id = ?", (key_id,))
    return load(tx, key_id)


def approval_of(tx: Transaction, key_id: str) -> str:
    """The approval under which the destruction was scheduled."""
    row = tx.one("SELECT approval FROM kms_key WHERE id = ?", (key_id,))
    return str(row[0]) if row and row[0] else ""


def mark_due_told(tx: Transaction, key_id: str) -> StoredKey:
    """Its owner has been told (by an entry) that the newest version is due for rotation."""
    tx.execute(
        "UPDATE kms_version SET due_told = 1 WHERE key_id = ?"
        " AND number = (SELECT max(number) FROM kms_version WHERE key_id = ?)",
        (key_id, key_id),
    )
    return load(tx, key_id)


def add_wraps(tx: Transaction, counted: dict[tuple[str, int], int]) -> None:
    """Add to the number of data keys that versions have wrapped."""
    tx.execute_many(
        "UPDATE kms_version SET wraps = wraps + ? WHERE key_id = ? AND number = ?",
        [(count, key_id, number) for (key_id, number), count in counted.items()],
    )


def _stored(row: Row, versions: list[Row]) -> StoredKey:
    key = Key(
        id=row[0],
        key_class=KeyClass(row[1]),
        algorithm=Algorithm(row[2]),
        owner=row[3],
        purpose=row[4],
        state=KeyState(row[5]),
        exportable=bool(row[6]),
        created_at=row[7],
        rotation_days=row[8],
        next_rotation_at=row[9],
        destroy_at=row[10],
        destroyed_at=row[11],
        certificate=row[12],
        bound_use=row[13],
        versions=tuple(
            KeyVersion(number=v[1], created_at=v[2], custody=Custody(v[3]), public_key=v[4]) for v in versions
        ),
    )
    newest = versions[-1]
    return StoredKey(key, {v[1]: v[5] for v in versions}, newest[6], bool(newest[7]))


# Imports


def insert_import(tx: Transaction, import_id: str, handle: bytes, expires_at: int) -> None:
    """A transport key that waits for what it was made for."""
    tx.execute("INSERT INTO kms_import VALUES (?, ?, ?)", (import_id, handle, expires_at))


def find_import(tx: Transaction, import_id: str) -> tuple[bytes, int] | None:
    """Handle of the transport key, and when it expires."""
    row = tx.one("SELECT handle, expires_at FROM kms_import WHERE id = ?", (import_id,))
    return (row[0], row[1]) if row else None


def count_imports(tx: Transaction) -> int:
    """How many transport keys wait."""
    row = tx.one("SELECT count(*) FROM kms_import")
    return int(row[0]) if row else 0


def expired_imports(tx: Transaction, now: int) -> list[tuple[str, bytes]]:
    """Ids and handles of the transport keys that waited too long."""
    return [(row[0], row[1]) for row in tx.all("SELECT id, handle FROM kms_import WHERE expires_at <= ?", (now,))]


def delete_import(tx: Transaction, import_id: str) -> int:
    """Forget a transport key; returns 0 if it was forgotten before."""
    return tx.execute("DELETE FROM kms_import WHERE id = ?", (import_id,))


# Rewrap jobs

_JOB_COLUMNS: Final = "id, key_id, target_version, started_at, cursor, done, finished_at"


def insert_rewrap(tx: Transaction, job: RewrapJob) -> None:
    """A new job; there may be no other open one for its key."""
    tx.execute(
        "INSERT INTO kms_rewrap (id, key_id, target_version, started_at, cursor, done, finished_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job.id, job.key_id, job.target_version, job.started_at, job.cursor, job.done, job.finished_at),
    )


def find_rewrap(tx: Transaction, job_id: str) -> RewrapJob | None:
    """A job, finished or not."""
    row = tx.one(_SELECT_JOBS + " WHERE id = ?", (job_id,))
    return _job(row) if row else None


def open_rewrap(tx: Transaction, key_id: str) -> RewrapJob | None:
    """The unfinished job of a key; there is one at most."""
    row = tx.one(_SELECT_JOBS + " WHERE key_id = ? AND finished_at IS NULL", (key_id,))
    return _job(row) if row else None


def recent_rewraps(tx: Transaction, limit: int) -> list[RewrapJob]:
    """Unfinished jobs first, then the latest."""
    rows = tx.all(_SELECT_JOBS + " ORDER BY finished_at IS NOT NULL, id DESC LIMIT ?", (limit,))
    return [_job(row) for row in rows]


def update_rewrap(tx: Transaction, job: RewrapJob) -> None:
    """Write down where a job stands."""
    tx.execute(
        "UPDATE kms_rewrap SET cursor = ?, done = ?, finished_at = ? WHERE id = ?",
        (job.cursor, job.done, job.finished_at, job.id),
    )


def _job(row: Row) -> RewrapJob:
    return RewrapJob(
        id=row[0],
        key_id=row[1],
        target_version=row[2],
        started_at=row[3],
        cursor=row[4],
        done=row[5],
        finished_at=row[6],
    )


# Attempts to unseal


def attempts(tx: Transaction) -> tuple[int, Instant]:
    """Wrong attempts in a row, and when the last one was."""
    row = tx.one("SELECT failures, last_at FROM kms_attempts")
    return (row[0], row[1]) if row else (0, Instant(0))


def set_attempts(tx: Transaction, failures: int, at: int) -> None:
    """Remember how many attempts failed in a row, and when the last did."""
    tx.execute(
        "INSERT INTO kms_attempts VALUES (1, ?, ?) ON CONFLICT (id)"
        " DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at",
        (failures, at),
    )
