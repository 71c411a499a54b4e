"""A tool at level 3: it proves itself by a key pair, pushes its requests, and holds the key that its tokens are bound to."""

import json
import secrets
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from nexus.iam.oidc.assertions import ASSERTION_TYPE
from nexus.iam.oidc.model import ClientAuthentication
from nexus.kernel.clock import SECOND
from simulators.issuer import ISSUER, IssuerAtWork, Tool, sent_back
from simulators.key_holder import KeyHolder
from simulators.people import Human


class StrictTool(KeyHolder):
    """`tool` is its registration, `key` what its tokens are bound to, `pair` what it proves itself by."""

    def __init__(self, issuer: IssuerAtWork, tool: Tool, pair: ECKey) -> None:
        super().__init__(issuer)
        self.tool = tool
        self.pair = pair

    def assertion(self) -> dict[str, str]:
        """What proves, once, that it is this client."""
        now = self.issuer.platform.clock.now() // SECOND
        claims = {"iss": self.tool.id, "sub": self.tool.id, "aud": ISSUER, "exp": now + 60, "iat": now}
        signed = jwt.encode({"alg": "ES256"}, {**claims, "jti": secrets.token_urlsafe(8)}, self.pair)
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}

    async def say(self, path: str, *, proof: str | None = None, **fields: str | None) -> httpx.Response:
        """A request that is its own; `proof` is made if it is None, and left out if it is empty."""
        return await self.post(path, proof=proof, **{"client_id": self.tool.id, **self.assertion(), **_given(fields)})

    async def push(self, *, proof: str | None = None, **more: str | None) -> httpx.Response:
        return await self.say("/oidc/par", proof=proof, **self.tool.query(**more))

    async def code(self, human: Human, **more: str | None) -> str:
        """A code, for a request that it pushed."""
        pushed = await self.push(**more)
        assert pushed.status_code == 201, pushed.text
        self.issuer.browser.human = human
        return sent_back(await agree(self.issuer, self.tool.id, pushed.json()["request_uri"]))["code"]

    async def exchange(self, code: str, **more: str | None) -> httpx.Response:
        fields = {"code": code, "redirect_uri": self.tool.callback, "code_verifier": self.tool.verifier}
        return await self.say("/oidc/token", **{"grant_type": "authorization_code", **fields, **more})

    async def sign_in(self, human: Human) -> dict[str, Any]:
        answer = await self.exchange(await self.code(human))
        assert answer.status_code == 200, answer.text
        return answer.json()


async def strict_tool(issuer: IssuerAtWork, officer: Human, **more: Any) -> StrictTool:
    """Registered with its key pair."""
    pair = ECKey.generate_key("P-256")
    public = json.dumps(KeySet([pair]).as_dict(private=False))
    tool = await issuer.tool(officer, authentication=ClientAuthentication.PRIVATE_KEY, jwks=public, **more)
    return StrictTool(issuer, tool, pair)


async def arrive(issuer: IssuerAtWork, client: str, reference: str, **more: str) -> httpx.Response:
    """A browser brings a reference."""
    return await issuer.http.get("/oidc/authorize", params={"client_id": client, "request_uri": reference, **more})


async def agree(issuer: IssuerAtWork, client: str, reference: str, agrees: str = "yes", **more: str) -> httpx.Response:
    """The person answers the page that asks."""
    form = {"csrf": issuer.browser.csrf, "agrees": agrees}
    params = {"client_id": client, "request_uri": reference, **more}
    return await issuer.http.post("/oidc/authorize", params=params, data=form)


def _given(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}
