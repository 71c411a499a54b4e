"""What a client learns about a person: the claims of ID tokens and of the userinfo endpoint. Pure.

`sub` is the person's id, the same for every client: what a tool logs can be found in our audit log. It carries no name.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

import msgspec

from nexus.iam.model import PLATFORM_SCOPE, Grant, Person
from nexus.iam.oidc.model import ID_TOKEN_VALID, Authorization, Registration, Scope
from nexus.kernel.clock import SECOND, Instant

AMR: Final = {"password": "pwd", "totp": "otp", "passkey": "hwk", "federated": "fed"}
"""Factors in the words of RFC 8176."""
PHISHING_RESISTANT, TWO_FACTORS, ONE_FACTOR = "phr", "mfa", "sfa"
"""What `acr` says: a passkey; two factors that can be phished; less."""
ACR_VALUES: Final = (PHISHING_RESISTANT, TWO_FACTORS)


def personal(person: Person, grants: Iterable[Grant], registration: Registration, scope: str) -> dict[str, Any]:
    """The claims that a scope opens."""
    scopes = set(scope.split())
    claims: dict[str, Any] = {"sub": person.id}
    if Scope.PROFILE in scopes:
        claims |= {"name": person.name, "preferred_username": person.login}
    if Scope.EMAIL in scopes:
        claims |= {"email": person.email, "email_verified": False}
    if Scope.ROLES in scopes:
        claims[registration.roles_claim.value] = roles_of(grants)
    if Scope.STORAGE in scopes:
        claims["storage"] = True
    return claims


def roles_of(grants: Iterable[Grant]) -> list[str]:
    """`researcher`, and `researcher@project:alpha` for each scope other than the whole platform."""
    names = set()
    for grant in grants:
        names.add(grant.role.value)
        if grant.scope != PLATFORM_SCOPE:
            names.add(f"{grant.role.value}@{grant.scope}")
    return sorted(names)


def id_token(
    issuer: str, authorization: Authorization, personal_claims: dict[str, Any], now: Instant, *, nonce: str, at: str
) -> dict[str, Any]:
    """The claims of an ID token; `at` is the access token that comes with it."""
    proof = authorization.proof
    claims = {
        **personal_claims,
        "iss": issuer,
        "aud": authorization.client,
        "iat": now // SECOND,
        "exp": (now + ID_TOKEN_VALID) // SECOND,
        "auth_time": proof.at // SECOND,
        "acr": acr_of(proof.factors),
        "amr": amr_of(proof.factors),
        "sid": authorization.session,
        "at_hash": _half_hash(at),
    }
    return {**claims, "nonce": nonce} if nonce else claims


def acr_of(factors: Iterable[str]) -> str:
    """How strongly the person proved who she is."""
    proved = set(factors)
    if "passkey" in proved:
        return PHISHING_RESISTANT
    return TWO_FACTORS if len(proved) > 1 else ONE_FACTOR


def amr_of(factors: Iterable[str]) -> list[str]:
    """With what: RFC 8176."""
    proved = sorted(set(factors))
    return [*(AMR[factor] for factor in proved if factor in AMR), *(["mfa"] if acr_of(proved) != ONE_FACTOR else [])]


def signing_input(kid: str, claims: dict[str, Any], kind: str = "JWT") -> bytes:
    """Header and claims of a token, as they are signed (RFC 7515), always ES256."""
    header = {"alg": "ES256", "kid": kid, "typ": kind}
    return b".".join(encoded(msgspec.json.encode(part)) for part in (header, claims))


def encoded(content: bytes) -> bytes:
    """base64url without padding."""
    return urlsafe_b64encode(content).rstrip(b"=")


def _half_hash(token: str) -> str:
    return encoded(sha256(token.encode()).digest()[:16]).decode()
