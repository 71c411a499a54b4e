"""Back-channel logout of outside issuers: what ended there ends here, and nothing else does.

An issuer sends us a logout token; it is believed only step by step (OpenID Connect Back-Channel Logout 1.0, 2.6):

1. It names an issuer that is configured, and is signed by that issuer's own keys with an algorithm that is named for it.
2. Its type is `logout+jwt`: no ID token, and no token of another kind, passes for one.
3. It comes from this issuer, is for us, and is of now: as an ID token (`assertion.py`).
4. It holds the event of a logout, and no `nonce`.
5. It says whom it is about: `sub`, `sid`, or both.
6. Its `jti` is seen for the first time.

What ends are sessions that this very issuer vouched for. Sessions that the same person opened here in another way are not its
to end, so that nobody who holds one issuer's key can keep people out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from nexus.iam.federation import assertion
from nexus.iam.federation.assertion import MAX_SUBJECT, MAX_TOKEN, SKEW_S, refused, text
from nexus.iam.federation.fetching import Transport, over_the_network
from nexus.iam.federation.issuer import OutsideIssuer
from nexus.iam.federation.provider import OutsideProvider
from nexus.iam.store import credentials, federation, issued
from nexus.kernel.clock import SECOND, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.operation import PLATFORM, Operation, Resource

ACTION: Final = "iam.federation.farewell"
KIND: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
MAX_AHEAD_S: Final = 600
"""How far ahead a logout token may end: its `jti` is remembered until then."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Whom a logout token is about. `digest` and `ends_at`: to be seen once until then."""

    subject: str
    sid: str
    digest: bytes
    ends_at: Instant


class Farewells:
    """Takes logout tokens."""

    def __init__(
        self, db: Database, clock: Clock, *, issuers: Sequence[OutsideIssuer], transport: Transport = over_the_network
    ) -> None:
        """Raises Invalid if a client's secret cannot be read."""
        self._db = db
        self._clock = clock
        self._providers = {issuer.url: OutsideProvider(issuer, clock, transport) for issuer in issuers}

    async def take(self, op: Operation, token: str) -> int:
        """End what it says; returns how many sessions. Raises Unauthenticated, or Unavailable (no keys to verify it with)."""
        provider = self._providers.get(_claimed_issuer(token))
        if provider is None:
            raise refused("it comes from an issuer that is not known here")
        said = verify(token, await provider.keys_for(token), provider.issuer, self._clock.now())

        def work(tx: Transaction) -> Recorded[int]:
            if not issued.first_seen(tx, said.digest, said.ends_at):
                raise refused("it came before")
            found = federation.sessions_from(tx, provider.issuer.url, said.subject, said.sid)
            for session, _ in found:
                credentials.end_session(tx, session)
            facts: dict[str, str | int] = {"issuer": provider.issuer.url, "sessions": len(found)}
            if not found:
                return Recorded(0, op.allowed(ACTION, PLATFORM, **facts))
            person = found[0][1]  # one subject, one person
            return Recorded(
                len(found), replace(op.allowed(ACTION, Resource("Identity", person), **facts), subject=person)
            )

        return await self._db.write(work)


def verify(token: str, keys: KeySet, issuer: OutsideIssuer, now: Instant) -> Farewell:
    """Steps 1 to 5. Raises Unauthenticated, naming the step and nothing of the token."""
    try:
        decoded = jwt.decode(token, keys, algorithms=list(issuer.algorithms))
    except (JoseError, ValueError, TypeError) as error:
        raise refused("its signature does not verify") from error
    claims = decoded.claims
    if decoded.header.get("typ") != KIND:
        raise refused("it is no logout token")
    assertion.for_us(claims, issuer)
    assertion.of_now(claims, now // SECOND)
    events, identifier, ends_s = claims.get("events"), text(claims, "jti"), int(claims["exp"])
    if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping) or "nonce" in claims:
        raise refused("it does not speak of a logout")
    subject, sid = text(claims, "sub"), text(claims, "sid")
    if not (subject or sid) or max(len(subject), len(sid), len(identifier)) > MAX_SUBJECT:
        raise refused("it names nobody")
    if not identifier or ends_s > now // SECOND + MAX_AHEAD_S:
        raise refused("it could come again")
    digest = sha256(f"farewell\0{issuer.url}\0{identifier}".encode()).digest()
    return Farewell(subject, sid, digest, Instant((ends_s + SKEW_S + 1) * SECOND))


def _claimed_issuer(token: str) -> str:
    """Whose token it claims to be, to find the keys that it is then verified with. Raises Unauthenticated."""
    try:
        if not 0 < len(token) <= MAX_TOKEN:
            raise ValueError("not a token")
        claims: Any = msgspec.json.decode(jws.extract_compact(token.encode()).payload)
        return str(claims["iss"])
    except (JoseError, ValueError, TypeError, KeyError, msgspec.DecodeError) as error:
        raise refused("it is no token") from error
