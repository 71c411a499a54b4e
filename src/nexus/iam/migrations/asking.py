"""Asking for rights, and accounts that belong to one human being."""

ASKING = (
    "CREATE TABLE iam_access_request (id TEXT PRIMARY KEY, identity TEXT NOT NULL REFERENCES iam_identity (id),"
    " asked_by TEXT NOT NULL, role TEXT NOT NULL, scope TEXT NOT NULL, ends_at INTEGER NOT NULL, reason TEXT NOT NULL,"
    " state TEXT NOT NULL, asked_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, decided_by TEXT,"
    " decided_at INTEGER, answer TEXT NOT NULL DEFAULT '', grant_id TEXT) STRICT",
    "CREATE INDEX iam_access_request_state ON iam_access_request (state)",
    "CREATE INDEX iam_access_request_asked_by ON iam_access_request (asked_by)",
    "CREATE TABLE iam_same_person (person TEXT PRIMARY KEY REFERENCES iam_identity (id), human TEXT NOT NULL,"
    " recorded_by TEXT NOT NULL, recorded_at INTEGER NOT NULL) STRICT",
    "CREATE INDEX iam_same_person_human ON iam_same_person (human)",
)
