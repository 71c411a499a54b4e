"""Proofs of possession (DPoP, RFC 9449): a token that is bound to a key is worth nothing without it.

A proof is checked in numbered steps:

1. Form: one compact token of a bounded size, `typ` is `dpop+jwt`, the algorithm is ES256 and nothing else.
2. The key in its header is a public P-256 key.
3. The signature is by that key.
4. `htm` and `htu` are the method and the address of this very request.
5. `iat` is now, within `PROOF_AGE`.
6. `ath` is the hash of the token that came along, where one did.
7. `jti` is seen for the first time: by the caller, in the place that suits it.

The thumbprint of the key (RFC 7638) is then compared with the one that the token is bound to.
"""

from base64 import urlsafe_b64decode
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from nexus.iam.oidc import assertions
from nexus.iam.oidc.assertions import BadToken
from nexus.iam.oidc.claims import encoded
from nexus.kernel.clock import MINUTE, SECOND, Clock, Instant

ALGORITHMS: Final = ("ES256",)
BAD_PROOF: Final = "invalid_dpop_proof"
"""The protocol's word for a proof that proves nothing, is missing, or was seen before."""
THUMBPRINT: Final = 43
"""Characters of a SHA-256 in base64url."""
KIND: Final = "dpop+jwt"
PROOF_AGE: Final = MINUTE
"""How old a proof may be."""
AHEAD: Final = 5 * SECOND
"""How far the client's clock may be ahead."""
MAX_PROOF: Final = 2_048
MAX_SEEN: Final = 100_000
"""Proofs remembered in a process; beyond that, proofs are refused until the oldest have ended."""


@dataclass(frozen=True, slots=True)
class Possession:
    """A proof that holds: whose key it is, and what to remember of it until when."""

    jkt: str
    digest: bytes
    ends_at: Instant


def check(proof: str, *, method: str, url: str, now: Instant, token: str | None = None) -> Possession:
    """Steps 1 to 6. `url` is the address of the request; its query does not count. Raises BadToken."""
    key = _key(proof)
    header, claims = assertions.verified(proof, key, ALGORITHMS)
    identifier, issued_at = claims.get("jti"), claims.get("iat")
    if header.get("typ") != KIND or claims.get("htm") != method or not _same(claims.get("htu"), url):
        raise BadToken
    if not isinstance(issued_at, int) or isinstance(issued_at, bool):
        raise BadToken
    if not now - PROOF_AGE <= issued_at * SECOND <= now + AHEAD:
        raise BadToken
    if token is not None and claims.get("ath") != encoded(sha256(token.encode()).digest()).decode():
        raise BadToken
    if not isinstance(identifier, str) or not 0 < len(identifier) <= assertions.MAX_ID:
        raise BadToken
    jkt = key.thumbprint()
    digest = sha256(f"dpop\0{jkt}\0{identifier}".encode()).digest()
    return Possession(jkt, digest, Instant(issued_at * SECOND + PROOF_AGE + SECOND))


class Seen:
    """The proofs that a process has seen. A process that has just started refuses what was made before it began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.now()
        self._seen: OrderedDict[bytes, Instant] = OrderedDict()

    def once(self, possession: Possession) -> None:
        """Raises BadToken if it was seen before, or might have been."""
        now = self._clock.now()
        while self._seen and next(iter(self._seen.values())) <= now:
            self._seen.popitem(last=False)
        made = possession.ends_at - PROOF_AGE - SECOND
        if made < self._since - SECOND or possession.digest in self._seen or len(self._seen) >= MAX_SEEN:
            raise BadToken
        self._seen[possession.digest] = Instant(now + PROOF_AGE + AHEAD + SECOND)


def _key(proof: str) -> ECKey:
    """The public key that a proof carries. Raises BadToken."""
    if not 0 < len(proof) <= MAX_PROOF:
        raise BadToken
    try:
        head = proof.split(".", maxsplit=1)[0]
        jwk: Any = msgspec.json.decode(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["jwk"]
        if jwk["kty"] != "EC" or jwk["crv"] != "P-256" or "d" in jwk:
            raise BadToken
        return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
    except (JoseError, ValueError, TypeError, KeyError, msgspec.DecodeError) as error:
        raise BadToken from error


def _same(claimed: object, url: str) -> bool:
    """Whether a proof was made for this address: scheme and host in any case, the path as it is, no query."""
    if not isinstance(claimed, str):
        return False
    try:
        return _plain(claimed) == _plain(url)
    except ValueError:
        return False


def _plain(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.lower().removesuffix(":443")
    return urlunsplit((parts.scheme.lower(), host, parts.path or "/", "", ""))
