"""The schema of consent: subjects, their decisions, who decides for them. docs/explanation/consent.md says what is kept."""

from nexus.kernel import outbox
from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    *outbox.MIGRATIONS,
    Migration(
        "consent",
        1,
        (
            # `blind`: keyed hash of site and reference, for search. `sealed`: reference and date of birth, as the site knows them.
            "CREATE TABLE consent_subject ("
            " id TEXT PRIMARY KEY, site TEXT NOT NULL, blind BLOB NOT NULL, sealed BLOB NOT NULL,"
            " version INTEGER NOT NULL, majority_at INTEGER, created_at INTEGER NOT NULL, UNIQUE (site, blind)) STRICT",
            # Clustered as every ruling reads it: the history of one subject, in order. Rows are only ever added.
            "CREATE TABLE consent_decision ("
            " subject TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL,"
            " provisions BLOB NOT NULL, about TEXT NOT NULL, capacity TEXT NOT NULL, account TEXT NOT NULL,"
            " recorded_by TEXT NOT NULL, decided_at INTEGER NOT NULL, recorded_at INTEGER NOT NULL, approval TEXT,"
            " idempotency TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (subject, number)) STRICT, WITHOUT ROWID",
            "CREATE UNIQUE INDEX consent_decision_id ON consent_decision (id)",
            # A request that is sent again under its key is the same decision.
            "CREATE UNIQUE INDEX consent_decision_repeat ON consent_decision (subject, idempotency)"
            " WHERE idempotency <> ''",
            # One row: raised in the commit of everything that a ruling depends on.
            "CREATE TABLE consent_version (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL) STRICT",
            "INSERT INTO consent_version VALUES (1, 1)",
            # `proof`: where the document stands that the power rests on, with its SHA-256; empty for oneself.
            "CREATE TABLE consent_holder ("
            " account TEXT NOT NULL, subject TEXT NOT NULL, capacity TEXT NOT NULL, starts_at INTEGER NOT NULL,"
            " until INTEGER, proof TEXT NOT NULL, appointed_by TEXT NOT NULL, ended_at INTEGER, ended_by TEXT,"
            " PRIMARY KEY (subject, account, starts_at)) STRICT, WITHOUT ROWID",
            "CREATE INDEX consent_holder_account ON consent_holder (account)",
        ),
    ),
    Migration(
        "consent",
        2,
        (
            # `change`: the version of all rulings that a decision made; the order of commits, whatever clocks say.
            "ALTER TABLE consent_decision ADD COLUMN change INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE consent_decision ADD COLUMN scan TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE consent_decision ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE consent_subject ADD COLUMN voice_at INTEGER",
            "CREATE INDEX consent_decision_change ON consent_decision (change)",
        ),
    ),
    Migration(
        "consent",
        3,
        (
            # The operation that recorded a decision: by it the entry is found in the log, for its receipt.
            "ALTER TABLE consent_decision ADD COLUMN operation TEXT NOT NULL DEFAULT ''",
        ),
    ),
    Migration(
        "consent",
        4,
        (
            # `words`: what the patient wrote, sealed. `due_at`: the end of the day on which the answer is due.
            "CREATE TABLE consent_request ("
            " id TEXT PRIMARY KEY, subject TEXT NOT NULL, site TEXT NOT NULL, kind TEXT NOT NULL, account TEXT NOT NULL,"
            " filed_by TEXT NOT NULL, received_at INTEGER NOT NULL, due_at INTEGER NOT NULL, state TEXT NOT NULL,"
            " words BLOB NOT NULL, extended_at INTEGER, reason TEXT NOT NULL, closed_at INTEGER, closed_by TEXT NOT NULL"
            ") STRICT",
            "CREATE INDEX consent_request_subject ON consent_request (subject)",
            "CREATE INDEX consent_request_waiting ON consent_request (due_at) WHERE state = 'received'",
        ),
    ),
)
