"""The schema of kms.db: the inventory, handles (useless without the provider), imports, rewrap jobs, the outbox."""

from nexus.kernel import outbox
from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    *outbox.MIGRATIONS,
    Migration(
        "kms",
        1,
        (
            "CREATE TABLE kms_key (id TEXT PRIMARY KEY, key_class TEXT NOT NULL, algorithm TEXT NOT NULL,"
            " owner TEXT NOT NULL CHECK (owner <> ''), purpose TEXT NOT NULL CHECK (purpose <> ''),"
            " rotation_days INTEGER NOT NULL CHECK (rotation_days > 0), state TEXT NOT NULL,"
            " exportable INTEGER NOT NULL, created_at INTEGER NOT NULL, next_rotation_at INTEGER NOT NULL,"
            " destroy_at INTEGER, destroyed_at INTEGER, approval TEXT, certificate BLOB) STRICT",
            "CREATE TABLE kms_version (key_id TEXT NOT NULL REFERENCES kms_key (id), number INTEGER NOT NULL,"
            " created_at INTEGER NOT NULL, custody TEXT NOT NULL, handle BLOB NOT NULL, public_key BLOB,"
            " wraps INTEGER NOT NULL DEFAULT 0, due_told INTEGER NOT NULL DEFAULT 0,"
            " PRIMARY KEY (key_id, number)) STRICT, WITHOUT ROWID",
            "CREATE TABLE kms_import (id TEXT PRIMARY KEY, handle BLOB NOT NULL, expires_at INTEGER NOT NULL) STRICT",
            "CREATE TABLE kms_rewrap (id TEXT PRIMARY KEY, key_id TEXT NOT NULL, target_version INTEGER NOT NULL,"
            " started_at INTEGER NOT NULL, cursor TEXT NOT NULL, done INTEGER NOT NULL, finished_at INTEGER) STRICT",
            "CREATE UNIQUE INDEX kms_rewrap_open ON kms_rewrap (key_id) WHERE finished_at IS NULL",
            "CREATE TABLE kms_attempts (id INTEGER PRIMARY KEY CHECK (id = 1), failures INTEGER NOT NULL,"
            " last_at INTEGER NOT NULL) STRICT",
        ),
    ),
    Migration(
        "kms",
        2,
        (
            "ALTER TABLE kms_key ADD COLUMN bound_use TEXT NOT NULL DEFAULT ''",
            "CREATE UNIQUE INDEX kms_key_bound ON kms_key (bound_use) WHERE bound_use <> '' AND state <> 'destroyed'",
        ),
    ),
)
