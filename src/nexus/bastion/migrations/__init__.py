"""The schema of the bastion. What a recording holds is in a file of its own (docs/formats/recording.md)."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "bastion",
        1,
        (
            # `serial`: a certificate opens one session. `open`: what is looked at twice a second.
            "CREATE TABLE bastion_session ("
            " id TEXT PRIMARY KEY, serial TEXT NOT NULL UNIQUE, person TEXT NOT NULL, login TEXT NOT NULL,"
            " sign_in TEXT NOT NULL, origin TEXT NOT NULL, command TEXT NOT NULL, started_at INTEGER NOT NULL,"
            " ended_at INTEGER, end TEXT, chunks INTEGER NOT NULL, size INTEGER NOT NULL, sealed_key BLOB NOT NULL,"
            " cut_by TEXT) STRICT",
            "CREATE INDEX bastion_session_open ON bastion_session (id) WHERE ended_at IS NULL",
            # One row: the public half of the door's own key, for those who pin it.
            "CREATE TABLE bastion_host (one INTEGER PRIMARY KEY CHECK (one = 1), public_key BLOB NOT NULL) STRICT",
            "CREATE TABLE bastion_watch ("
            " session TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, seen_at INTEGER NOT NULL,"
            " PRIMARY KEY (session, person)) STRICT, WITHOUT ROWID",
        ),
    ),
    Migration(
        "bastion",
        2,
        (
            "ALTER TABLE bastion_session ADD COLUMN erased_at INTEGER",
            "CREATE INDEX bastion_session_kept ON bastion_session (ended_at) WHERE erased_at IS NULL",
        ),
    ),
)
