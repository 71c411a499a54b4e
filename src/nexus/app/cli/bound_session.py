"""A sign-in by the browser, as the command line keeps it: a key of its own, tokens bound to it, all of it sealed.

The key proves every request (DPoP, RFC 9449). It, the access token and the refresh token lie in the session file sealed
under a key that is not in any file (`keyring.py`).
"""

import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import httpx
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

from nexus.app.cli.connection import Place
from nexus.kernel.errors import NexusError, Unauthenticated, Unavailable

CLIENT_ID: Final = "nexus-cli"
CLIENT: Final = "nexus-cli"
"""User-Agent."""
TIMEOUT_S: Final = 30.0
REFRESH_BEFORE_S: Final = 30
"""An access token that ends within this time is exchanged first."""


class BoundSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed. `key` is a private key (PKCS#8, PEM)."""

    key: str
    access: str
    refresh: str


def new_key() -> str:
    """A P-256 key in PEM."""
    return str(ECKey.generate_key("P-256").as_pem(private=True).decode())


def proof(key_pem: str, method: str, url: str, token: str = "") -> str:
    """Proves the key for one request; `url` without its query."""
    key = ECKey.import_key(key_pem)
    claims: dict[str, Any] = {"htm": method, "htu": url, "iat": int(time.time()), "jti": secrets.token_urlsafe(16)}
    if token:
        claims["ath"] = urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
    return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}, claims, key)


class KeyBound(httpx.Auth):
    """Puts token and proof on every request."""

    def __init__(self, held: BoundSecrets) -> None:
        self._held = held

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """One request, proved."""
        url = str(request.url.copy_with(query=None, fragment=None))
        request.headers["Authorization"] = f"DPoP {self._held.access}"
        request.headers["DPoP"] = proof(self._held.key, request.method, url, self._held.access)
        yield request


class IssuerClient:
    """Speaks to the issuer of a platform, proving a key."""

    def __init__(self, place: Place, key: str) -> None:
        self._key = key
        self._http = httpx.Client(
            verify=place.tls(),
            headers={"User-Agent": CLIENT},
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
        )
        self._place = place

    def __enter__(self) -> "IssuerClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def endpoints(self, issuer: str = "") -> dict[str, Any]:
        """Where the issuer answers. Without `issuer`, the REST door says which one it is. Raises Unavailable."""
        if not issuer:
            told = self._get(f"{self._place.url}/.well-known/oauth-protected-resource")
            issuer = str((told.get("authorization_servers") or [""])[0])
        found = self._get(f"{issuer}/.well-known/openid-configuration")
        if found.get("issuer") != issuer or not issuer.startswith("https://"):
            raise Unavailable("the issuer is not who it says", code="cli.issuer", hint="check the setting console_url")
        return found

    def post(self, url: str, **fields: str) -> dict[str, Any]:
        """The answer of an endpoint, refusals (`error`) included. Raises Unavailable."""
        try:
            answer = self._http.post(
                url, data={"client_id": CLIENT_ID, **fields}, headers={"DPoP": proof(self._key, "POST", url)}
            )
            document: dict[str, Any] = answer.json()
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            raise _silent(url) from error
        return document

    def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = self._http.get(url)
            document: dict[str, Any] = answer.json() if answer.is_success else {}
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            raise _silent(url) from error
        if not document:
            raise _silent(url)
        return document


def held_from(answer: dict[str, Any], key: str) -> BoundSecrets:
    """The tokens of an answer. Raises Unauthenticated if it refuses, or if they are bound to no key."""
    if answer.get("error") or answer.get("token_type") != "DPoP":
        raise refused(str(answer.get("error", "not bound to a key")))
    return BoundSecrets(key=key, access=answer["access_token"], refresh=answer["refresh_token"])


def told_by(id_token: str) -> dict[str, Any]:
    """The claims of an ID token that came straight from the issuer over TLS; nothing is decided by them."""
    payload = id_token.split(".")[1]
    claims: dict[str, Any] = msgspec.json.decode(_unpadded(payload))
    return claims


def refused(error: str) -> NexusError:
    """A refusal of the issuer in words."""
    words = {
        "access_denied": "it was refused in the browser",
        "expired_token": "nobody confirmed in time",
        "invalid_grant": "your session has ended",
    }
    return Unauthenticated(
        words.get(error, f"the issuer refuses: {error}"), code="cli.issuer-refused", hint="nexus login"
    )


def _silent(url: str) -> Unavailable:
    return Unavailable(
        f"no issuer answers at {url}", code="cli.no-issuer", hint="sign in without a browser: nexus login --password"
    )


def _unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
