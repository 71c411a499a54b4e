"""The schema of releases."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "releases",
        1,
        (
            "CREATE TABLE releases_release ("
            " id TEXT PRIMARY KEY, project TEXT NOT NULL, bucket TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
            " key_id TEXT NOT NULL, cohort TEXT NOT NULL, requested_by TEXT NOT NULL, requested_at INTEGER NOT NULL,"
            " changed_by TEXT NOT NULL, changed_at INTEGER NOT NULL, digest TEXT NOT NULL, risk BLOB,"
            " code TEXT NOT NULL, message TEXT NOT NULL, destroyed BLOB) STRICT",
            "CREATE INDEX releases_release_project ON releases_release (project, id)",
            "CREATE INDEX releases_release_state ON releases_release (state, id)",
            # How far a build is: no part of what it is.
            "CREATE TABLE releases_progress ("
            " release TEXT PRIMARY KEY, step TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL) STRICT",
            # A release and those that followed it without somebody: rows are never removed.
            "CREATE TABLE releases_manifest ("
            " digest TEXT PRIMARY KEY, release TEXT NOT NULL, number INTEGER NOT NULL, made_at INTEGER NOT NULL,"
            " manifest BLOB NOT NULL, UNIQUE (release, number)) STRICT",
        ),
    ),
    Migration("releases", 2, ("ALTER TABLE releases_release ADD COLUMN found BLOB",)),
)
