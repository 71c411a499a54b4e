"""The values of the issuer: clients, authorizations, tokens, and their limits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from nexus.iam.model import Role
from nexus.kernel.clock import DAY, MINUTE, SECOND, Instant

CODE_VALID: Final = MINUTE
"""An authorization code is exchanged within this time."""
PUSHED_VALID: Final = 5 * MINUTE
"""A pushed request becomes a code within this time: long enough to sign in, and to read what is asked."""
ACCESS_VALID: Final = 5 * MINUTE
"""An access token ends this long after it was issued, unless it is refreshed; revoked, it ends at once."""
ID_TOKEN_VALID: Final = 5 * MINUTE
ASSERTION_MAX_AGE: Final = 5 * MINUTE
"""The longest life of what a client signs to prove who it is."""
CLOCK_SKEW: Final = 30 * SECOND
"""How far a client's clock may be from ours."""
SPENT_KEPT: Final = DAY
"""How long an ended code or token is remembered, so that a second use of it is noticed."""
MAX_CLIENTS: Final = 500
MAX_URIS: Final = 20
"""Addresses of one kind in a registration."""
MAX_KEYS: Final = 10
"""Public keys in a registration."""


class ClientAuthentication(StrEnum):
    """How a client proves that it is the client."""

    NONE = "none"
    """A public client: a program on somebody's machine, which can keep no secret."""
    SECRET = "client_secret"  # noqa: S105 - a name
    PRIVATE_KEY = "private_key_jwt"


class Scope(StrEnum):
    """What a client may learn about whoever signs in. A closed list."""

    OPENID = "openid"
    PROFILE = "profile"
    EMAIL = "email"
    ROLES = "roles"
    STORAGE = "storage"
    """That it acts on objects in the person's name: its ID tokens are exchanged for temporary access keys (STS)."""


class RolesClaim(StrEnum):
    """Under which name a client receives roles, because tools differ."""

    ROLES = "roles"
    GROUPS = "groups"


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is registered with."""

    name: str
    authentication: ClientAuthentication
    redirect_uris: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = (Scope.OPENID,)
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    roles_claim: RolesClaim = RolesClaim.ROLES
    required_roles: tuple[Role, ...] = ()
    """Whoever signs in holds one of these; empty: everybody who may sign in to the platform."""
    refresh: bool = True
    introspects: tuple[str, ...] = ()
    """Clients whose tokens this one may introspect, besides its own."""
    jwks: str = ""
    """Public keys as a JWK set, for `private_key_jwt`."""
    pushed_requests: bool = False
    """People arrive with a pushed request only (PAR)."""
    bound_tokens: bool = False
    """Tokens are issued only bound to a key of the client (DPoP)."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client. `secret_hash` is set where it has a secret."""

    id: str
    registration: Registration
    secret_hash: bytes | None
    created_by: str
    created_at: Instant


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """How and when the person proved who she is: what `auth_time`, `acr` and `amr` say."""

    at: Instant
    factors: tuple[str, ...]


class TokenKind(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Authorization:
    """What one sign-in at one client may do; it lives as long as the session that it came from."""

    id: str
    client: str
    person: str
    session: str
    scope: str
    proof: Proof
    jkt: str
    """Thumbprint of the key that its tokens are bound to (DPoP); empty: bearer tokens."""
    created_at: Instant
    ended: bool


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, without the code."""

    client: str
    person: str
    session: str
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str
    """PKCE, always S256."""
    proof: Proof
    expires_at: Instant
    jkt: str
    """Thumbprint of the key that must be proved when it is exchanged; empty: none was named."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as stored, with what decides whether it is in force."""

    kind: TokenKind
    scope: str
    issued_at: Instant
    expires_at: Instant
    used: bool
    """A refresh token that was exchanged."""
    authorization: Authorization
    session_expires_at: Instant
    """0 where the session is gone."""
    session_last_used_at: Instant
    person_in_force: bool
