"""One outside issuer at work: its metadata, its keys, and the exchange of a code for an ID token."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from nexus.iam.federation import assertion
from nexus.iam.federation.assertion import Assertion
from nexus.iam.federation.fetching import Transport, get_document, post_form
from nexus.iam.federation.issuer import OutsideIssuer
from nexus.kernel.clock import HOUR, MINUTE, Clock, Instant
from nexus.kernel.errors import Unavailable

METADATA_VALID: Final = HOUR
KEYS_EVERY: Final = MINUTE
"""A token that names an unknown key makes us look for new ones at most this often: strangers cannot make us knock."""
WELL_KNOWN: Final = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where an issuer does what."""

    authorization: str
    token: str
    jwks: str
    names_itself: bool
    """It puts `iss` into its answers (RFC 9207)."""


class OutsideProvider:
    """Speaks with one issuer, and remembers its documents for a while."""

    def __init__(self, issuer: OutsideIssuer, clock: Clock, transport: Transport) -> None:
        """Raises Invalid if the client's secret cannot be read."""
        self.issuer = issuer
        self._clock = clock
        self._secret = issuer.secret()
        self._transport: httpx.AsyncBaseTransport = transport(issuer.authority)
        self._metadata: tuple[Instant, Metadata] | None = None
        self._keys: tuple[Instant, KeySet] | None = None

    async def address(self, *, state: str, nonce: str, challenge: str, back: str) -> str:
        """Where the browser goes to sign in. `back`: where the issuer sends it back to; `challenge`: PKCE, S256."""
        asked = {
            "response_type": "code",
            "client_id": self.issuer.client_id,
            "redirect_uri": back,
            "scope": " ".join(self.issuer.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "acr_values": " ".join(self.issuer.strong_acr()),
            "max_age": str(self.issuer.max_age_minutes * 60),
        }
        endpoint = (await self.metadata()).authorization
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def exchange(self, code: str, *, verifier: str, nonce: str, back: str) -> Assertion:
        """What the issuer says of whoever came back with this code. Raises Unauthenticated or Unavailable."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        if self._secret is None:
            form["client_id"] = self.issuer.client_id
        auth = (self.issuer.client_id, self._secret.reveal().decode()) if self._secret is not None else None
        answer = await post_form(self._transport, (await self.metadata()).token, form, auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise assertion.refused("there is no ID token")
        keys = await self._keys_for(assertion.key_id(token))
        return assertion.verify(token, keys, self.issuer, nonce, self._clock.now())

    async def keys_for(self, token: str) -> KeySet:
        """The issuer's keys, for something that it signed. Raises Unauthenticated (it is no token) or Unavailable."""
        return await self._keys_for(assertion.key_id(token))

    async def metadata(self) -> Metadata:
        """The issuer's own description of itself. Raises Unavailable if it describes another."""
        now = self._clock.now()
        if self._metadata is None or not self._metadata[0] <= now < self._metadata[0] + METADATA_VALID:
            document = await get_document(self._transport, self.issuer.url.rstrip("/") + WELL_KNOWN)
            self._metadata = (now, _metadata(document, self.issuer))
        return self._metadata[1]

    async def _keys_for(self, key_id: str) -> KeySet:
        now = self._clock.now()
        known = self._keys
        if known is None or (not _has(known[1], key_id) and now >= known[0] + KEYS_EVERY):
            document = await get_document(self._transport, (await self.metadata()).jwks)
            known = self._keys = (now, _key_set(document))
        return known[1]


def _metadata(document: dict[str, Any], issuer: OutsideIssuer) -> Metadata:
    if document.get("issuer") != issuer.url:
        raise Unavailable("the outside issuer describes another one", code="iam.federation-unavailable")
    places = [document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if not all(isinstance(place, str) and place.startswith("https://") for place in places):
        raise Unavailable("the outside issuer names places without TLS", code="iam.federation-unavailable")
    itself = document.get("authorization_response_iss_parameter_supported") is True
    return Metadata(str(places[0]), str(places[1]), str(places[2]), itself)


def _key_set(document: dict[str, Any]) -> KeySet:
    """Public keys for signatures: a set that held a symmetric one would let a secret stand in for a signature."""
    listed = document.get("keys")
    usable = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError) as error:
        raise Unavailable("the outside issuer's keys cannot be read", code="iam.federation-unavailable") from error


def _has(keys: KeySet, key_id: str) -> bool:
    return not key_id or any(key.kid == key_id for key in keys.keys)
