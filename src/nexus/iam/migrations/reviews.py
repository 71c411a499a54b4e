"""Access reviews: campaigns, what each of them looks at, and when credentials were last used."""

REVIEWS = (
    "CREATE TABLE iam_review (id TEXT PRIMARY KEY, opened_by TEXT NOT NULL, opened_at INTEGER NOT NULL,"
    " deadline INTEGER NOT NULL, closed_at INTEGER) STRICT",
    "CREATE TABLE iam_review_item (id TEXT PRIMARY KEY, review TEXT NOT NULL REFERENCES iam_review (id),"
    " kind TEXT NOT NULL CHECK (kind IN ('grant', 'eligibility', 'access-key', 'token')), subject TEXT NOT NULL,"
    " identity TEXT NOT NULL, person TEXT NOT NULL, role TEXT NOT NULL, scope TEXT NOT NULL, last_used_at INTEGER,"
    " verdict TEXT NOT NULL DEFAULT 'none' CHECK (verdict IN ('none', 'renewed', 'ended', 'suspended', 'deleted')),"
    " decided_by TEXT, decided_at INTEGER, UNIQUE (review, kind, subject)) STRICT",
    "CREATE INDEX iam_review_item_verdict ON iam_review_item (review, verdict)",
    "CREATE TABLE iam_use (kind TEXT NOT NULL, subject TEXT NOT NULL, last_used_at INTEGER NOT NULL,"
    " PRIMARY KEY (kind, subject)) STRICT",
)
