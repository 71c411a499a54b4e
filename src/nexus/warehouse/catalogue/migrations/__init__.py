"""The schema of the catalogue."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "catalogue",
        1,
        (
            # `release` is empty of the warehouse itself: one dataset each.
            "CREATE TABLE catalogue_dataset ("
            " name TEXT PRIMARY KEY, project TEXT NOT NULL, release TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,"
            " description BLOB NOT NULL, described_by TEXT NOT NULL, state TEXT NOT NULL, changed_by TEXT NOT NULL,"
            " changed_at INTEGER NOT NULL, record BLOB) STRICT",
        ),
    ),
)
