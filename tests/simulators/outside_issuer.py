"""An outside OpenID Connect issuer: real signatures, and every way of lying that a test can think of.

It is reached through an httpx transport of its own, so that what our side sends, and what it makes of the answers, is real.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from nexus.iam.federation.issuer import MappedRole, OutsideIssuer
from nexus.iam.model import Factor, Role
from nexus.kernel.clock import SECOND

URL = "https://issuer.example"
STRONG, WEAK = "urn:two", "urn:one"


@dataclass
class OutsideIssuerSimulator:
    """`lies` replaces claims of the next ID token; `header` and `signing` change how it is signed."""

    clock: object
    url: str = URL
    client_id: str = "nexus"
    lies: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    signing: object = None
    metadata: dict = field(default_factory=dict)
    down: bool = False
    codes: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)

    def __post_init__(self):
        self.keys = [ECKey.generate_key("P-256", parameters={"kid": "k1"})]

    def configured(self, **more) -> OutsideIssuer:
        """How an installation names it."""
        return OutsideIssuer(
            **{
                "name": "chu",
                "title": "Hospital",
                "titre": "Hôpital",
                "url": self.url,
                "client_id": self.client_id,
                "acr": {STRONG: (Factor.PASSWORD, Factor.TOTP), WEAK: (Factor.PASSWORD,)},
                "role": (MappedRole(claim="groups", value="cardio", role=Role.RESEARCHER, scope="project:p1"),),
                **more,
            }
        )

    def transport(self, authority: str) -> httpx.MockTransport:
        """The way to it."""
        return httpx.MockTransport(self._answer)

    def sign_in(self, address: str, subject: str, **claims) -> dict[str, str]:
        """What a browser brings back after somebody signed in at `address`: state, code and iss."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = (asked, {"sub": subject, "acr": STRONG, **claims})
        return {"state": asked["state"], "code": code, "iss": self.url}

    def farewell(self, **claims) -> str:
        """A logout token; None leaves a claim out."""
        now = self.clock.now() // SECOND
        said = {
            "iss": self.url,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_urlsafe(8),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            **claims,
        }
        header, self.header = self.header, {"typ": "logout+jwt", **self.header}
        try:
            return self._signed({name: value for name, value in said.items() if value is not None})
        finally:
            self.header = header

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on."""
        self.keys = [ECKey.generate_key("P-256", parameters={"kid": kid})]

    def public_key_as_secret(self) -> bytes:
        """The public key taken for a shared secret: what algorithm confusion hopes for."""
        return self.keys[0].as_pem(private=False)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(str(request.url))
        if self.down:
            raise httpx.ConnectError("down")
        match request.url.path:
            case "/.well-known/openid-configuration":
                return httpx.Response(200, json={**self._described(), **self.metadata})
            case "/jwks":
                return httpx.Response(200, json=KeySet(self.keys).as_dict(private=False))
            case "/token":
                return self._token({name: values[0] for name, values in parse_qs(request.content.decode()).items()})
        return httpx.Response(404)

    def _described(self) -> dict:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "authorization_response_iss_parameter_supported": True,
        }

    def _token(self, form: dict[str, str]) -> httpx.Response:
        asked, claims = self.codes.pop(form["code"], (None, None))
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if _base64(digest) != asked["code_challenge"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = self.clock.now() // SECOND
        said = {
            "iss": self.url,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "auth_time": now - 5,
            "nonce": asked["nonce"],
            **claims,
            **self.lies,
        }
        said = {name: value for name, value in said.items() if value is not None}
        return httpx.Response(200, json={"id_token": self._signed(said), "token_type": "Bearer", "access_token": "x"})

    def _signed(self, claims: dict) -> str:
        header = {"alg": "ES256", "kid": self.keys[0].kid, **self.header}
        if header["alg"] in {"none", "HS256"}:  # no library lends a hand to these
            signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
            mac = b"" if header["alg"] == "none" else hmac.digest(self.signing, signed.encode(), "sha256")
            return f"{signed}.{_base64(mac)}"
        return jwt.encode(header, claims, self.signing or self.keys[0], algorithms=[header["alg"]])


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def rsa_key(kid: str) -> RSAKey:
    """A key of another kind."""
    return RSAKey.generate_key(2048, parameters={"kid": kid})
