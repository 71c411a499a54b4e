"""The outbox of mail. `sealed` holds address, subject and text; what stands beside it names nobody."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "mail",
        1,
        (
            "CREATE TABLE mail_outbox (id TEXT PRIMARY KEY, kind TEXT NOT NULL, sealed BLOB NOT NULL,"
            " posted_at INTEGER NOT NULL, due_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0) STRICT",
            "CREATE INDEX mail_outbox_due ON mail_outbox (due_at)",
        ),
    ),
)
