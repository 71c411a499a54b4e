"""The schema of the OpenID Connect issuer.

What ends a session ends what was issued from it: tokens are read together with their session, and a trigger leaves a note
for each client that wants to be told (back-channel logout), whoever or whatever ended the session.
"""

from nexus.kernel.engines.port import InEach

CLIENTS_AND_TOKENS = (
    "CREATE TABLE iam_oidc_client (id TEXT PRIMARY KEY, registration BLOB NOT NULL, secret_hash BLOB,"
    " created_by TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE iam_oidc_consent (person TEXT NOT NULL, client TEXT NOT NULL, scope TEXT NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY (person, client)) STRICT",
    "CREATE TABLE iam_oidc_code (code_hash BLOB PRIMARY KEY, client TEXT NOT NULL, person TEXT NOT NULL,"
    " session TEXT NOT NULL, redirect_uri TEXT NOT NULL, scope TEXT NOT NULL, nonce TEXT NOT NULL,"
    " challenge TEXT NOT NULL, proof BLOB NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER,"
    " authorization TEXT) STRICT",
    "CREATE TABLE iam_oidc_authorization (id TEXT PRIMARY KEY, client TEXT NOT NULL,"
    " person TEXT NOT NULL REFERENCES iam_identity (id), session TEXT NOT NULL, scope TEXT NOT NULL,"
    " proof BLOB NOT NULL, jkt TEXT NOT NULL, created_at INTEGER NOT NULL, ended_at INTEGER) STRICT",
    "CREATE INDEX iam_oidc_authorization_session ON iam_oidc_authorization (session)",
    "CREATE INDEX iam_oidc_authorization_client ON iam_oidc_authorization (client)",
    "CREATE TABLE iam_oidc_token (token_hash BLOB PRIMARY KEY, kind TEXT NOT NULL,"
    " authorization TEXT NOT NULL REFERENCES iam_oidc_authorization (id), scope TEXT NOT NULL,"
    " issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER) STRICT",
    "CREATE INDEX iam_oidc_token_authorization ON iam_oidc_token (authorization)",
    "CREATE TABLE iam_oidc_seen (hash BLOB PRIMARY KEY, ends_at INTEGER NOT NULL) STRICT",
)

GOODBYES = (
    "CREATE TABLE iam_oidc_goodbye (id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL, person TEXT NOT NULL,"
    " session TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0) STRICT",
    InEach(
        sqlite="CREATE TRIGGER iam_session_delete_says_goodbye AFTER DELETE ON iam_session BEGIN"
        " INSERT INTO iam_oidc_goodbye (client, person, session) SELECT DISTINCT a.client, a.person, a.session"
        " FROM iam_oidc_authorization a JOIN iam_oidc_client c ON c.id = a.client WHERE a.session = OLD.id"
        " AND json_extract(CAST(c.registration AS TEXT), '$.backchannel_logout_uri') <> ''; END",
        postgresql="CREATE FUNCTION iam_session_delete_says_goodbye() RETURNS trigger LANGUAGE plpgsql AS $trigger$BEGIN"
        " INSERT INTO iam_oidc_goodbye (client, person, session) SELECT DISTINCT a.client, a.person, a.session"
        " FROM iam_oidc_authorization a JOIN iam_oidc_client c ON c.id = a.client WHERE a.session = OLD.id"
        " AND convert_from(c.registration, 'UTF8')::json ->> 'backchannel_logout_uri' <> ''; RETURN NULL; END$trigger$;"
        " CREATE TRIGGER iam_session_delete_says_goodbye AFTER DELETE ON iam_session"
        " FOR EACH ROW EXECUTE FUNCTION iam_session_delete_says_goodbye()",
    ),
)

PUSHED = (
    "CREATE TABLE iam_oidc_pushed (hash BLOB PRIMARY KEY, client TEXT NOT NULL, request BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL) STRICT",
    "ALTER TABLE iam_oidc_code ADD COLUMN jkt TEXT NOT NULL DEFAULT ''",
)

DEVICES = (
    "CREATE TABLE iam_oidc_device (device_hash BLOB PRIMARY KEY, user_code TEXT NOT NULL UNIQUE, client TEXT NOT NULL,"
    " jkt TEXT NOT NULL, origin TEXT NOT NULL, agent TEXT NOT NULL, created_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL, interval INTEGER NOT NULL, polled_at INTEGER NOT NULL, state TEXT NOT NULL,"
    " person TEXT NOT NULL, proof BLOB NOT NULL) STRICT",
    "CREATE INDEX iam_oidc_device_origin ON iam_oidc_device (origin)",
)
