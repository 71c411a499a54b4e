"""Links between subjects of outside issuers and persons here. `issuer` is its URL: names may be given anew, URLs speak."""

FEDERATION = (
    "CREATE TABLE iam_federation_link (id TEXT PRIMARY KEY, issuer TEXT NOT NULL, subject TEXT NOT NULL,"
    " person TEXT NOT NULL REFERENCES iam_identity (id), linked_at INTEGER NOT NULL, last_used_at INTEGER,"
    " UNIQUE (issuer, subject)) STRICT",
    "CREATE INDEX iam_federation_link_person ON iam_federation_link (person)",
)

CAME_FROM = (
    "CREATE TABLE iam_federation_session (session TEXT PRIMARY KEY, issuer TEXT NOT NULL, subject TEXT NOT NULL,"
    " sid TEXT NOT NULL) STRICT",
    "CREATE INDEX iam_federation_session_subject ON iam_federation_session (issuer, subject)",
)
"""Sessions here that an outside issuer vouched for; `sid` is its own session, empty where it does not say."""
