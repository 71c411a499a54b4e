"""Codes, authorizations and tokens of the issuer. Of codes and tokens, the hash is all that is stored."""

# ruff: noqa: S608 - a statement is put together from constants; values travel as parameters

import msgspec

from nexus.iam.model import IdentityState
from nexus.iam.oidc.model import Authorization, Code, IssuedToken, Proof, TokenKind
from nexus.iam.store.credentials import BEARER
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_proof = msgspec.json.Decoder(Proof)

# Codes


def add_code(tx: Transaction, code_hash: bytes, new: Code) -> None:
    """Store a code by its hash."""
    tx.execute(
        "INSERT INTO iam_oidc_code (code_hash, client, person, session, redirect_uri, scope, nonce, challenge, proof,"
        " expires_at, jkt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            code_hash,
            new.client,
            new.person,
            new.session,
            new.redirect_uri,
            new.scope,
            new.nonce,
            new.challenge,
            msgspec.json.encode(new.proof),
            new.expires_at,
            new.jkt,
        ),
    )


def use_code(tx: Transaction, code_hash: bytes, now: Instant) -> Code | None:
    """The code, if it is presented for the first time; None if it is unknown or was presented before."""
    if (
        tx.execute("UPDATE iam_oidc_code SET used_at = ? WHERE code_hash = ? AND used_at IS NULL", (now, code_hash))
        != 1
    ):
        return None
    row = tx.one(
        "SELECT client, person, session, redirect_uri, scope, nonce, challenge, proof, expires_at, jkt FROM iam_oidc_code"
        " WHERE code_hash = ?",
        (code_hash,),
    )
    if row is None:
        return None
    client, person, session, redirect_uri, scope, nonce, challenge, proof, expires_at, jkt = row
    proved, ends = _proof.decode(proof), Instant(expires_at)
    return Code(client, person, session, redirect_uri, scope, nonce, challenge, proved, ends, jkt)


def authorization_of_code(tx: Transaction, code_hash: bytes) -> str:
    """What was issued for a code that was presented before; empty if nothing was."""
    row = tx.one("SELECT authorization FROM iam_oidc_code WHERE code_hash = ?", (code_hash,))
    return (row[0] or "") if row else ""


def code_became(tx: Transaction, code_hash: bytes, authorization: str) -> None:
    """Remember what was issued for a code."""
    tx.execute("UPDATE iam_oidc_code SET authorization = ? WHERE code_hash = ?", (authorization, code_hash))


# Authorizations


def add_authorization(tx: Transaction, new: Authorization) -> None:
    """Store a new authorization."""
    tx.execute(
        "INSERT INTO iam_oidc_authorization (id, client, person, session, scope, proof, jkt, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            new.client,
            new.person,
            new.session,
            new.scope,
            msgspec.json.encode(new.proof),
            new.jkt,
            new.created_at,
        ),
    )


def end_authorization(tx: Transaction, authorization: str, now: Instant) -> bool:
    """End everything that was issued from it; False if it had ended."""
    changed = tx.execute(
        "UPDATE iam_oidc_authorization SET ended_at = ? WHERE id = ? AND ended_at IS NULL", (now, authorization)
    )
    return changed == 1


# Tokens

BY_HASH = (
    "SELECT t.kind, t.scope, t.issued_at, t.expires_at, t.used_at, a.id, a.client, a.person, a.session, a.scope,"
    " a.proof, a.jkt, a.created_at, a.ended_at, s.expires_at, s.last_used_at, i.state FROM iam_oidc_token t"
    " JOIN iam_oidc_authorization a ON a.id = t.authorization JOIN iam_identity i ON i.id = a.person"
    " LEFT JOIN iam_session s ON s.id = a.session WHERE t.token_hash = ?"
)


BOUND = (
    "SELECT t.expires_at, a.client, a.jkt, a.ended_at, c.id, c.person, c.origin, c.client, c.created_at, c.last_used_at,"
    f" c.expires_at, c.factors, c.proved_at, {BEARER} FROM iam_oidc_token t"
    " JOIN iam_oidc_authorization a ON a.id = t.authorization JOIN iam_session c ON c.id = a.session"
    " JOIN iam_identity i ON i.id = c.person JOIN iam_identity o ON o.id = i.person"
    " WHERE t.token_hash = ? AND t.kind = 'access'"
)
"""An access token with the columns of its session and of who stands behind it, as `store.credentials` reads them."""


def scopes_in_force(tx: Transaction, client: str, person: str, session: str) -> set[str]:
    """The scopes of what a client was given in a session and has not lost."""
    rows = tx.all(
        "SELECT scope FROM iam_oidc_authorization WHERE session = ? AND client = ? AND person = ? AND ended_at IS NULL",
        (session, client, person),
    )
    return {name for (scope,) in rows for name in scope.split()}


def add_token(
    tx: Transaction,
    token_hash: bytes,
    kind: TokenKind,
    authorization: str,
    scope: str,
    *,
    now: Instant,
    expires_at: Instant,
) -> None:
    """Store a token by its hash."""
    tx.execute(
        "INSERT INTO iam_oidc_token (token_hash, kind, authorization, scope, issued_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (token_hash, kind.value, authorization, scope, now, expires_at),
    )


def token(tx: Transaction, token_hash: bytes) -> IssuedToken | None:
    """A token with its authorization and session, or None."""
    row = tx.one(BY_HASH, (token_hash,))
    return None if row is None else token_of(row)


def use_refresh_token(tx: Transaction, token_hash: bytes, now: Instant) -> bool:
    """Exchange a refresh token; False if it was exchanged before."""
    changed = tx.execute(
        "UPDATE iam_oidc_token SET used_at = ? WHERE token_hash = ? AND used_at IS NULL", (now, token_hash)
    )
    return changed == 1


def token_of(row: Row) -> IssuedToken:
    """The token in a row of `BY_HASH`."""
    authorization = Authorization(
        row[5],
        row[6],
        row[7],
        row[8],
        row[9],
        _proof.decode(row[10]),
        row[11],
        Instant(row[12]),
        row[13] is not None,
    )
    return IssuedToken(
        TokenKind(row[0]),
        row[1],
        Instant(row[2]),
        Instant(row[3]),
        row[4] is not None,
        authorization,
        Instant(row[14] or 0),
        Instant(row[15] or 0),
        row[16] == IdentityState.ACTIVE,
    )


# What may be presented once only: assertions, proofs


def first_seen(tx: Transaction, digest: bytes, ends_at: Instant) -> bool:
    """Whether this is seen for the first time; remembered until `ends_at`."""
    return tx.execute("INSERT INTO iam_oidc_seen VALUES (?, ?) ON CONFLICT (hash) DO NOTHING", (digest, ends_at)) == 1


def sweep(tx: Transaction, now: Instant, kept_since: Instant) -> None:
    """Remove what has ended; of used codes and refresh tokens, what is older than `kept_since`."""
    tx.execute("DELETE FROM iam_oidc_seen WHERE ends_at <= ?", (now,))
    tx.execute("DELETE FROM iam_oidc_pushed WHERE expires_at <= ?", (now,))
    tx.execute("DELETE FROM iam_oidc_device WHERE expires_at <= ?", (kept_since,))
    tx.execute("DELETE FROM iam_oidc_code WHERE expires_at <= ?", (kept_since,))
    tx.execute("DELETE FROM iam_oidc_token WHERE expires_at <= ?", (kept_since,))
    tx.execute(
        "DELETE FROM iam_oidc_authorization WHERE created_at <= ?"
        " AND id NOT IN (SELECT authorization FROM iam_oidc_token)",
        (kept_since,),
    )
