"""Temporary access keys: derived from an access key or from a session, ended with it."""

TEMPORARY_KEYS = (
    "CREATE TABLE iam_temporary_key (id TEXT PRIMARY KEY, identity TEXT NOT NULL REFERENCES iam_identity (id),"
    " access_key TEXT REFERENCES iam_access_key (id), session TEXT, secret_sealed BLOB NOT NULL,"
    " token_hash BLOB NOT NULL, purpose TEXT NOT NULL, narrowing TEXT, name TEXT NOT NULL, created_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL, revoked_at INTEGER, CHECK ((access_key IS NULL) <> (session IS NULL))) STRICT",
    "CREATE INDEX iam_temporary_key_identity ON iam_temporary_key (identity)",
    "CREATE TRIGGER iam_temporary_key_update_moves_version AFTER UPDATE ON iam_temporary_key"
    " BEGIN UPDATE iam_version SET version = version + 1; END",
)
"""`access_key` or `session`: what it was derived from, at however many removes. `narrowing`: JSON; NULL narrows nothing.

A session is no foreign key: it is deleted when it ends, and the row says by its id which one that was.
"""
