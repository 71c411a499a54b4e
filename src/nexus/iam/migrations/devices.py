"""Certificates of devices: which one counts for whom."""

DEVICES = (
    "CREATE TABLE iam_device_certificate (id TEXT PRIMARY KEY, identity TEXT NOT NULL REFERENCES iam_identity (id),"
    " name TEXT NOT NULL, fingerprint BLOB NOT NULL UNIQUE, enrolled_by TEXT NOT NULL, enrolled_at INTEGER NOT NULL,"
    " ends_at INTEGER NOT NULL, revoked_at INTEGER) STRICT",
    "CREATE INDEX iam_device_certificate_identity ON iam_device_certificate (identity)",
)
