"""The schema of intake."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "intake",
        1,
        (
            "CREATE TABLE intake_provider ("
            " id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, site TEXT NOT NULL,"
            " bucket TEXT NOT NULL, agreement BLOB NOT NULL, revision INTEGER NOT NULL, registered_by TEXT NOT NULL,"
            " registered_at INTEGER NOT NULL, ended_at INTEGER) STRICT",
            "CREATE UNIQUE INDEX intake_provider_bucket ON intake_provider (bucket) WHERE ended_at IS NULL",
            # One row for each time that a delivery was handed in: a refused one may be handed in again.
            "CREATE TABLE intake_delivery ("
            " id TEXT PRIMARY KEY, provider TEXT NOT NULL, number INTEGER NOT NULL, attempt INTEGER NOT NULL,"
            " state TEXT NOT NULL, manifest_key TEXT NOT NULL, manifest_version TEXT NOT NULL,"
            " manifest_sha256 TEXT NOT NULL, manifest BLOB NOT NULL, content TEXT NOT NULL, revision INTEGER NOT NULL,"
            " submitted_by TEXT NOT NULL, submitted_at INTEGER NOT NULL, decided_by TEXT NOT NULL,"
            " decided_at INTEGER, operation TEXT NOT NULL, reason TEXT NOT NULL, versions BLOB NOT NULL,"
            " report BLOB NOT NULL, UNIQUE (provider, number, attempt)) STRICT",
            "CREATE INDEX intake_delivery_state ON intake_delivery (state)",
            "CREATE INDEX intake_delivery_noticed ON intake_delivery (provider, manifest_version)",
            # Manifests that are a repetition of one that is known.
            "CREATE TABLE intake_repeated ("
            " provider TEXT NOT NULL, manifest_version TEXT NOT NULL, PRIMARY KEY (provider, manifest_version)) STRICT",
            # What of a delivery is checked already, by file: an interrupted check goes on.
            "CREATE TABLE intake_checked ("
            " delivery TEXT NOT NULL, file TEXT NOT NULL, version TEXT NOT NULL, result BLOB NOT NULL,"
            " PRIMARY KEY (delivery, file)) STRICT",
        ),
    ),
)
