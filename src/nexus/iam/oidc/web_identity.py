"""ID tokens as a way to temporary access keys: whom a token of our own issuer speaks of, if it may be used for that at all.

1. The signature is ours, the token is an ID token, and it is within its five minutes.
2. The tool was registered with the scope `storage`, and the person agreed to it: any other tool that people sign in to could
   otherwise act on objects in their names.
3. What the tool was given for this session has not ended, and neither has the session or its person.
4. A token is exchanged once. The caller remembers its digest in the commit that makes the key.
"""

from hashlib import sha256
from typing import Any, Final

from joserfc.jwk import KeySet

from nexus.iam.authenticator import actor_of
from nexus.iam.model import SESSION_IDLE
from nexus.iam.oidc import assertions, discovery
from nexus.iam.oidc.assertions import BadToken
from nexus.iam.oidc.leaving import ID_TOKEN_ALGORITHMS
from nexus.iam.oidc.model import CLOCK_SKEW, Scope
from nexus.iam.oidc.ports import TokenSigner
from nexus.iam.oidc.standing import may_use
from nexus.iam.store import clients, credentials, issued
from nexus.kernel.clock import SECOND, Clock, Instant
from nexus.kernel.database import Database
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import Actor

STORAGE_CLAIM: Final = "storage"
TOKEN_KIND: Final = "JWT"  # noqa: S105 - the type in a header


class WebIdentity:
    """Whom a token speaks of. `proof` is the token's digest and its end: to be seen once until then."""

    __slots__ = ("actor", "audience", "issuer", "proof", "session")

    def __init__(self, actor: Actor, session: str, audience: str, issuer: str, proof: tuple[bytes, Instant]) -> None:
        self.actor = actor
        self.session = session
        self.audience = audience
        self.issuer = issuer
        self.proof = proof


class WebIdentities:
    """Verifies ID tokens of one issuer."""

    def __init__(self, db: Database, clock: Clock, issuer: str, signer: TokenSigner) -> None:
        self._db = db
        self._clock = clock
        self._issuer = issuer
        self._signer = signer

    async def verify(self, token: str) -> WebIdentity:
        """Raises Unauthenticated, the same for every reason."""
        try:
            keys: Any = discovery.key_set(await self._signer.keys())
            header, claims = assertions.verified(token, KeySet.import_key_set(keys), ID_TOKEN_ALGORITHMS)
            return self._believed(token, header, claims)
        except BadToken as error:
            raise Unauthenticated("the ID token is not valid here", code="iam.web-identity") from error

    def _believed(self, token: str, header: dict[str, Any], claims: dict[str, Any]) -> WebIdentity:
        now = self._clock.now()
        person, session_id, audience = (_text(claims, name) for name in ("sub", "sid", "aud"))
        ends, made = _seconds(claims, "exp"), _seconds(claims, "iat")
        if header.get("typ") != TOKEN_KIND or claims.get("iss") != self._issuer or "events" in claims:
            raise BadToken
        if claims.get(STORAGE_CLAIM) is not True or not made - CLOCK_SKEW <= now < ends:
            raise BadToken
        with self._db.read() as tx:
            client = clients.find(tx, audience)
            allowed = may_use(tx, person, audience, now)
            scopes = issued.scopes_in_force(tx, audience, person, session_id)
            found = credentials.bearer_of_session(tx, session_id)
        if (
            client is None
            or not allowed
            or Scope.STORAGE not in client.registration.scopes
            or Scope.STORAGE.value not in scopes
        ):
            raise BadToken
        if found is None:
            raise BadToken
        session, bearer = found
        open_until = min(session.expires_at, session.last_used_at + SESSION_IDLE)
        if not bearer.in_force or bearer.identity != person or now >= open_until:
            raise BadToken
        proof = (sha256(b"web-identity\0" + token.encode()).digest(), ends)
        return WebIdentity(actor_of(bearer, session), session_id, audience, self._issuer, proof)


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise BadToken
    return value


def _seconds(claims: dict[str, Any], name: str) -> Instant:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadToken
    return Instant(value * SECOND)
