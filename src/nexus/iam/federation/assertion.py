"""An outside issuer's ID token, believed only step by step (OpenID Connect Core 3.1.3.7):

1. It is signed, with an algorithm that the configuration names for this issuer, by one of the issuer's own keys.
2. It comes from this issuer, and is for us: `iss` exactly, `aud` ours, `azp` ours where there are several audiences.
3. It is of now: `exp` ahead, `iat` and `nbf` behind, give or take `SKEW_S`.
4. It answers this very sign-in: `nonce`.
5. The person proved herself there lately: `auth_time`, because we asked with `max_age`.
6. What she proved is worth two factors: `acr`, by the configuration; what is not said counts as nothing.

Keys and algorithms come from the configuration and from the issuer's own documents, never from the token.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from nexus.iam.federation.issuer import STRONG, OutsideIssuer, strength
from nexus.iam.model import Factor
from nexus.kernel.clock import MINUTE, SECOND, Instant
from nexus.kernel.errors import Unauthenticated

SKEW_S: Final = 60
"""Seconds by which an issuer's clock may differ from ours."""
MAX_TOKEN: Final = 32 * 1024
"""Characters of an ID token."""
MAX_SUBJECT: Final = 255
"""Characters of `sub`, as the standard limits it."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an issuer said of a person, verified."""

    subject: str
    factors: frozenset[Factor]
    claims: Mapping[str, Any]

    @property
    def sid(self) -> str:
        """The issuer's own session; empty where it does not say."""
        return text(self.claims, "sid")[:MAX_SUBJECT]


def key_id(token: str) -> str:
    """Which key a token says it is signed with; nothing is believed yet. Raises Unauthenticated if it is no token."""
    if len(token) > MAX_TOKEN:
        raise refused("it is too long")
    try:
        return str(jws.extract_compact(token.encode()).headers().get("kid", ""))
    except (JoseError, ValueError) as error:
        raise refused("it is no token") from error


def verify(token: str, keys: KeySet, issuer: OutsideIssuer, nonce: str, now: Instant) -> Assertion:
    """What the token says, if all six steps hold. Raises Unauthenticated, naming the step and nothing of the token."""
    try:
        claims = jwt.decode(token, keys, algorithms=list(issuer.algorithms)).claims
    except (JoseError, ValueError) as error:
        raise refused("its signature does not verify") from error
    for_us(claims, issuer)
    of_now(claims, now // SECOND)
    if not hmac.compare_digest(text(claims, "nonce").encode(), nonce.encode()):
        raise refused("it answers another sign-in")
    age_s = now // SECOND - _time(claims, "auth_time")
    if not -SKEW_S <= age_s <= issuer.max_age_minutes * MINUTE // SECOND + SKEW_S:
        raise refused("the person did not prove herself there lately")
    return Assertion(_subject(claims), _factors(claims, issuer), claims)


def for_us(claims: Mapping[str, Any], issuer: OutsideIssuer) -> None:
    """Step 2. Raises Unauthenticated."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    authorised = claims.get("azp")
    if claims.get("iss") != issuer.url:
        raise refused("it comes from another issuer")
    if issuer.client_id not in audiences or (authorised is not None and authorised != issuer.client_id):
        raise refused("it is for somebody else")
    if len(audiences) > 1 and authorised != issuer.client_id:
        raise refused("it is for several, and not by us")


def of_now(claims: Mapping[str, Any], now_s: int) -> None:
    """Step 3. Raises Unauthenticated."""
    ends, issued = _time(claims, "exp"), _time(claims, "iat")
    starts = _time(claims, "nbf") if "nbf" in claims else issued
    if ends <= now_s - SKEW_S or issued > now_s + SKEW_S or starts > now_s + SKEW_S:
        raise refused("it is not of now")


def _subject(claims: Mapping[str, Any]) -> str:
    subject = text(claims, "sub")
    if not 0 < len(subject) <= MAX_SUBJECT:
        raise refused("it names nobody")
    return subject


def _factors(claims: Mapping[str, Any], issuer: OutsideIssuer) -> frozenset[Factor]:
    factors = frozenset(issuer.acr.get(text(claims, "acr"), ())) - {Factor.FEDERATED}
    if strength(factors) < STRONG:
        raise Unauthenticated(
            "what was proved there is not worth two factors here",
            code="iam.federation-too-weak",
            hint="sign in there with your card or your second factor, or sign in here",
        )
    return factors | {Factor.FEDERATED}


def text(claims: Mapping[str, Any], name: str) -> str:
    """A claim that is text; empty if there is none."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise refused("it does not say when it counts")
    return value


def refused(why: str) -> Unauthenticated:
    """An ID token that is not believed."""
    return Unauthenticated(
        f"the outside issuer's answer is not believed: {why}",
        code="iam.federation-refused",
        hint="begin again; if it happens twice, tell whoever runs this platform",
    )
