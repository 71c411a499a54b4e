"""Signed tokens that others send us: verified with named algorithms and keys that we knew before, never by what they say.

Steps: 1. the form and its size; 2. the algorithm is one of ours; 3. the signature; 4. who, for whom, until when; 5. once.
"""

from base64 import urlsafe_b64decode
from collections.abc import Collection
from hashlib import sha256
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.jwt import JWTClaimsRegistry

from nexus.iam.oidc.model import ASSERTION_MAX_AGE, CLOCK_SKEW, Client
from nexus.iam.store import issued
from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.database import Transaction

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT_ALGORITHMS: Final = ("ES256", "PS256", "RS256")
"""What clients sign with. Neither `none` nor anything symmetric is ever verified."""
MAX_TOKEN: Final = 8 * 1024
"""Characters of a signed token."""
MAX_ID: Final = 256
"""Characters of a `jti`."""


class BadToken(Exception):
    """A signed token that proves nothing. Says no more: the sender learns nothing from it."""


def verified(token: str, keys: Key | KeySet, algorithms: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a signed token. Raises BadToken."""
    if not 0 < len(token) <= MAX_TOKEN or token.count(".") != 2:
        raise BadToken
    try:
        decoded = jwt.decode(token, keys, algorithms=list(algorithms))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadToken from error
    return dict(decoded.header), dict(decoded.claims)


def claimed_subject(token: str) -> str:
    """Whose token it claims to be, to find the keys that it is then verified with. Raises BadToken."""
    try:
        _, payload, _ = token[:MAX_TOKEN].split(".")
        claims = msgspec.json.decode(_base64url(payload))
        subject = claims["sub"]
    except (ValueError, TypeError, KeyError, msgspec.DecodeError) as error:
        raise BadToken from error
    if not isinstance(subject, str):
        raise BadToken
    return subject


def check_assertion(tx: Transaction, client: Client, assertion: str, audiences: list[str], now: Instant) -> None:
    """That the client signed this for us, moments ago, and that we see it for the first time. Raises BadToken."""
    if not client.registration.jwks:
        raise BadToken
    keys = KeySet.import_key_set(msgspec.json.decode(client.registration.jwks))
    _, claims = verified(assertion, keys, CLIENT_ALGORITHMS)
    registry = JWTClaimsRegistry(
        now=now // SECOND,
        leeway=CLOCK_SKEW // SECOND,
        iss={"essential": True, "value": client.id},
        sub={"essential": True, "value": client.id},
        aud={"essential": True, "values": audiences},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise BadToken from error
    ends = int(claims["exp"]) * SECOND
    if ends > now + ASSERTION_MAX_AGE + CLOCK_SKEW or len(claims["jti"]) > MAX_ID:
        raise BadToken
    once(tx, f"assertion\0{client.id}\0{claims['jti']}", Instant(ends + CLOCK_SKEW))


def once(tx: Transaction, what: str, ends_at: Instant) -> None:
    """Remember something until it would be refused anyway. Raises BadToken if it was seen before."""
    if not issued.first_seen(tx, sha256(what.encode()).digest(), ends_at):
        raise BadToken


def _base64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
