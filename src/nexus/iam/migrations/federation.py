"""Links between subjects of outside issuers and persons here. `issuer` is its URL: names may be given anew, URLs speak."""

FEDERATION = (
    "CREATE TABLE iam_federation_link (id TEXT PRIMARY KEY, issuer TEXT NOT NULL, subject TEXT NOT NULL,"
    " person TEXT NOT NULL REFERENCES iam_identity (id), linked_at INTEGER NOT NULL, last_used_at INTEGER,"
    " UNIQUE (issuer, subject)) STRICT",
    "CREATE INDEX iam_federation_link_person ON iam_federation_link (person)",
)
