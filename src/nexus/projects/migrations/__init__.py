"""The schema of projects."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "projects",
        1,
        (
            "CREATE TABLE projects_project ("
            " id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, controller TEXT NOT NULL,"
            " purpose TEXT NOT NULL, legal_basis TEXT NOT NULL, summary TEXT NOT NULL, state TEXT NOT NULL,"
            " requested_by TEXT NOT NULL, requested_at INTEGER NOT NULL, changed_at INTEGER NOT NULL) STRICT",
            "CREATE TABLE projects_decision ("
            " id TEXT PRIMARY KEY, project TEXT NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL,"
            " decided_on INTEGER NOT NULL, ends_at INTEGER NOT NULL, recorded_by TEXT NOT NULL, scope BLOB,"
            " revoked_at INTEGER) STRICT",
            "CREATE INDEX projects_decision_of ON projects_decision (project)",
            # A domain belongs to one project for good: rows are never removed.
            "CREATE TABLE projects_domain (domain TEXT PRIMARY KEY, project TEXT NOT NULL) STRICT",
        ),
    ),
)
