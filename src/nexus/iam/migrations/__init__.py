"""The schema of identity and authorisation. Every change of rights moves `iam_version`, by trigger: none can forget it.

`version` is what decisions are cached under; see gate.py. All times are microseconds since 1970 in UTC.
"""

from nexus.iam.migrations import issuer
from nexus.iam.migrations.asking import ASKING
from nexus.iam.migrations.break_glass import BREAK_GLASS
from nexus.iam.migrations.devices import DEVICES
from nexus.iam.migrations.directory import DIRECTORY
from nexus.iam.migrations.elevations import ELEVATIONS
from nexus.iam.migrations.federation import CAME_FROM, FEDERATION
from nexus.iam.migrations.mailing import MAILING
from nexus.iam.migrations.narrowing import NARROWING
from nexus.iam.migrations.patients import PATIENTS
from nexus.iam.migrations.reviews import REVIEWS
from nexus.iam.migrations.temporary import TEMPORARY_KEYS
from nexus.iam.migrations.usage import USAGE
from nexus.kernel.database import Migration
from nexus.kernel.engines.port import InEach

_IDENTITIES = (
    "CREATE TABLE iam_identity (id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('person', 'machine')),"
    " name TEXT NOT NULL, person TEXT NOT NULL, state TEXT NOT NULL, created_by TEXT NOT NULL,"
    " created_at INTEGER NOT NULL) STRICT",
    "CREATE INDEX iam_identity_person ON iam_identity (person)",
    "CREATE TABLE iam_person (id TEXT PRIMARY KEY REFERENCES iam_identity (id), login TEXT NOT NULL UNIQUE,"
    " email TEXT NOT NULL UNIQUE, password_hash TEXT, totp_sealed BLOB, totp_step INTEGER NOT NULL DEFAULT 0) STRICT",
    "CREATE TABLE iam_enrolment (person TEXT PRIMARY KEY REFERENCES iam_identity (id), code_hash BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL, password_hash TEXT, totp_sealed BLOB) STRICT",
    "CREATE TABLE iam_grant (id TEXT PRIMARY KEY, identity TEXT NOT NULL REFERENCES iam_identity (id),"
    " role TEXT NOT NULL, scope TEXT NOT NULL, starts_at INTEGER NOT NULL, ends_at INTEGER NOT NULL,"
    " granted_by TEXT NOT NULL, granted_at INTEGER NOT NULL, revoked_at INTEGER) STRICT",
    "CREATE INDEX iam_grant_identity ON iam_grant (identity)",
)

_CREDENTIALS = (
    "CREATE TABLE iam_access_key (id TEXT PRIMARY KEY, identity TEXT NOT NULL REFERENCES iam_identity (id),"
    " secret_sealed BLOB NOT NULL, purpose TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " revoked_at INTEGER) STRICT",
    "CREATE INDEX iam_access_key_identity ON iam_access_key (identity)",
    "CREATE TABLE iam_token (id TEXT PRIMARY KEY, identity TEXT NOT NULL REFERENCES iam_identity (id),"
    " token_hash BLOB NOT NULL UNIQUE, label TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " revoked_at INTEGER) STRICT",
    "CREATE INDEX iam_token_identity ON iam_token (identity)",
    "CREATE TABLE iam_session (id TEXT PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE,"
    " person TEXT NOT NULL REFERENCES iam_identity (id), origin TEXT NOT NULL, client TEXT NOT NULL,"
    " created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT",
    "CREATE INDEX iam_session_person ON iam_session (person)",
    "CREATE TABLE iam_device (token_hash BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES iam_identity (id),"
    " created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE iam_attempt (bucket BLOB PRIMARY KEY, failures INTEGER NOT NULL, ends_at INTEGER NOT NULL) STRICT",
)

_FOUR_EYES = (
    "CREATE TABLE iam_intent (id TEXT PRIMARY KEY, operation TEXT NOT NULL, action TEXT NOT NULL,"
    " resource_type TEXT NOT NULL, resource_id TEXT NOT NULL, resource_attributes TEXT NOT NULL,"
    " request BLOB NOT NULL, digest TEXT NOT NULL, requester TEXT NOT NULL, requester_person TEXT NOT NULL,"
    " purpose TEXT NOT NULL, approver_role TEXT NOT NULL, approvals_needed INTEGER NOT NULL, state TEXT NOT NULL,"
    " proposed_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, executed_at INTEGER, performed_at INTEGER) STRICT",
    "CREATE INDEX iam_intent_state ON iam_intent (state)",
    "CREATE TABLE iam_approval (intent TEXT NOT NULL REFERENCES iam_intent (id), person TEXT NOT NULL,"
    " session TEXT NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (intent, person)) STRICT",
)

_WATCHED = (
    ("iam_identity", "INSERT"),
    ("iam_identity", "UPDATE"),
    ("iam_identity", "DELETE"),
    ("iam_grant", "INSERT"),
    ("iam_grant", "UPDATE"),
    ("iam_grant", "DELETE"),
    ("iam_access_key", "UPDATE"),
    ("iam_access_key", "DELETE"),
)

_VERSION = (
    "CREATE TABLE iam_version (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL) STRICT",
    "INSERT INTO iam_version VALUES (1, 1)",
    *(
        f"CREATE TRIGGER {table}_{change.lower()}_moves_version AFTER {change} ON {table}"  # noqa: S608 - constants
        " BEGIN UPDATE iam_version SET version = version + 1; END"
        for table, change in _WATCHED
    ),
)

_VERSION_IS_TOLD = (
    InEach(
        sqlite="CREATE TRIGGER iam_version_update_is_told AFTER UPDATE ON iam_version BEGIN SELECT kernel_moved(); END",
        postgresql="SELECT 1",
    ),
)
"""Processes remember the version between changes: see `kernel/engines/generation.py`. On PostgreSQL they ask each time."""

_SESSION_FACTORS = (
    "ALTER TABLE iam_session ADD COLUMN factors TEXT NOT NULL DEFAULT 'password totp'",
    "ALTER TABLE iam_session ADD COLUMN proved_at INTEGER NOT NULL DEFAULT 0",
    "UPDATE iam_session SET proved_at = created_at",
)
"""Every session before this was opened with password and code, when it was created."""

_NOTICES = (
    "CREATE TABLE iam_notice (id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES iam_identity (id), kind TEXT NOT NULL,"
    " origin TEXT NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, times INTEGER NOT NULL,"
    " seen_at INTEGER) STRICT",
    "CREATE INDEX iam_notice_person ON iam_notice (person)",
)

_PASSKEYS = (
    "CREATE TABLE iam_passkey (id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES iam_identity (id),"
    " credential_id BLOB NOT NULL UNIQUE, public_key BLOB NOT NULL, sign_count INTEGER NOT NULL, name TEXT NOT NULL,"
    " model TEXT NOT NULL, synced INTEGER NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER,"
    " suspended_at INTEGER) STRICT",
    "CREATE INDEX iam_passkey_person ON iam_passkey (person)",
    "CREATE TABLE iam_challenge (nonce BLOB PRIMARY KEY, ends_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE iam_step_up (proof_hash BLOB PRIMARY KEY, session TEXT NOT NULL, digest TEXT NOT NULL,"
    " factor TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT",
)
"""Passkeys hold public keys and names only, which are personal data but no secrets: the encryption of the whole database
is enough for them. Challenges are those that were presented; proofs are kept by their hash."""

MIGRATIONS: tuple[Migration, ...] = (
    Migration("iam", 1, (*_IDENTITIES, *_CREDENTIALS, *_FOUR_EYES, *_VERSION)),
    Migration("iam", 2, _SESSION_FACTORS),
    Migration("iam", 3, _NOTICES),
    Migration("iam", 4, ELEVATIONS),
    Migration("iam", 5, ASKING),
    Migration("iam", 6, issuer.CLIENTS_AND_TOKENS),
    Migration("iam", 7, issuer.GOODBYES),
    Migration("iam", 8, issuer.DEVICES),
    Migration("iam", 9, USAGE),
    Migration("iam", 10, _PASSKEYS),
    Migration("iam", 11, NARROWING),
    Migration("iam", 12, BREAK_GLASS),
    Migration("iam", 13, REVIEWS),
    Migration("iam", 14, DIRECTORY),
    Migration("iam", 15, FEDERATION),
    Migration("iam", 16, MAILING),
    Migration("iam", 17, PATIENTS),
    Migration("iam", 18, DEVICES),
    Migration("iam", 19, TEMPORARY_KEYS),
    Migration("iam", 20, issuer.PUSHED),
    Migration("iam", 21, _VERSION_IS_TOLD),
    Migration("iam", 22, CAME_FROM),
)
