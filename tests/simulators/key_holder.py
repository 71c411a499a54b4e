"""A program that holds a P-256 key and proves it (DPoP), rightly or wrongly."""

import secrets
from hashlib import sha256
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from nexus.iam.oidc.claims import encoded
from nexus.kernel.clock import SECOND
from simulators.issuer import ISSUER, IssuerAtWork

CLIENT = "nexus-cli"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class KeyHolder:
    """The command line, as the issuer and the REST door see it."""

    def __init__(self, issuer: IssuerAtWork) -> None:
        self.issuer = issuer
        self.key = ECKey.generate_key("P-256")

    def proof(self, method: str, url: str, *, token: str = "", header: Any = None, key: Any = None, **more: Any) -> str:
        """A proof for a request; `more` replaces claims, None leaves one out."""
        claims = {
            "htm": method,
            "htu": url,
            "iat": self.issuer.platform.clock.now() // SECOND,
            "jti": secrets.token_urlsafe(16),
            **({"ath": encoded(sha256(token.encode()).digest()).decode()} if token else {}),
            **more,
        }
        signing = key or self.key
        head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": signing.as_dict(private=False), **(header or {})}
        return jwt.encode(head, {n: v for n, v in claims.items() if v is not None}, signing)

    async def post(self, path: str, *, proof: str | None = None, **fields: str) -> httpx.Response:
        made = self.proof("POST", ISSUER + path) if proof is None else proof
        headers = {"DPoP": made} if made else {}
        return await self.issuer.http.post(path, data={"client_id": CLIENT, **fields}, headers=headers)

    async def begin(self) -> dict[str, Any]:
        """Ask for a code."""
        answer = await self.post("/oidc/device")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def poll(self, device_code: str, **more: Any) -> httpx.Response:
        return await self.post("/oidc/token", grant_type=DEVICE_CODE, device_code=device_code, **more)

    async def refresh(self, token: str, **more: Any) -> httpx.Response:
        return await self.post("/oidc/token", grant_type="refresh_token", refresh_token=token, **more)

    async def let_in(self, human: Any) -> dict[str, Any]:
        """The whole flow, with a person who agrees."""
        begun = await self.begin()
        self.issuer.browser.human = human
        await decide(self.issuer, begun["user_code"])
        answer = await self.poll(begun["device_code"])
        assert answer.status_code == 200, answer.text
        return answer.json()


async def type_code(issuer: IssuerAtWork, user_code: str) -> dict[str, Any]:
    """The person types a code."""
    form = {"csrf": issuer.browser.csrf, "user_code": user_code}
    return (await issuer.http.post("/oidc/verify", data=form)).json()


async def decide(issuer: IssuerAtWork, user_code: str, agrees: str = "yes") -> dict[str, Any]:
    """The person decides."""
    form = {"csrf": issuer.browser.csrf, "user_code": user_code, "agrees": agrees}
    return (await issuer.http.post("/oidc/verify", data=form)).json()
