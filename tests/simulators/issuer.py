"""The issuer over a small population: a signer in memory, a browser that somebody is signed in at, pages as JSON, a client."""

import secrets
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response

from nexus.iam.oidc.authorizing import Authorizing
from nexus.iam.oidc.claims import encoded
from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.goodbyes import Goodbyes
from nexus.iam.oidc.http import IssuerRoutes
from nexus.iam.oidc.issuer import Issuer
from nexus.iam.oidc.leaving import Leaving
from nexus.iam.oidc.letting_in import LettingIn
from nexus.iam.oidc.model import ClientAuthentication, Scope
from nexus.iam.oidc.ports import SigningKey, Visitor
from nexus.iam.oidc.pushing import Pushing
from nexus.iam.requests.clients import CreateClient, NewClient
from nexus.iam.requests.forms import ById
from nexus.kernel.errors import Denied, Unavailable
from nexus.kernel.operation import system_actor
from simulators.doorkeepers import Leash
from simulators.people import BROWSER, Human, Platform, open_platform

ISSUER = "https://nexus.test"
CALLBACK = "https://tool.test/callback"


class MemorySigner:
    """A P-256 key in memory; the real one is in the key service."""

    def __init__(self) -> None:
        self._keys = [ec.generate_private_key(ec.SECP256R1())]
        self.broken = False

    def rotate(self) -> None:
        self._keys.insert(0, ec.generate_private_key(ec.SECP256R1()))

    async def keys(self) -> list[SigningKey]:
        return [SigningKey(kid_of(key), jwk_of(key)) for key in self._keys]

    async def sign(self, kid: str, message: bytes) -> bytes:
        if self.broken:
            raise Unavailable("the key service is away")
        key = next(key for key in self._keys if kid_of(key) == kid)
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def jwk_of(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return ECKey.import_key(key).as_dict(private=False)


def kid_of(key: ec.EllipticCurvePrivateKey) -> str:
    return ECKey.import_key(key).thumbprint()


class Browser:
    """Somebody's browser. `human` is who is signed in at it; pages are kept as `asked`."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.human: Human | None = None
        self.csrf = "csrf-of-this-session"

    async def visitor(self, request: Any) -> Visitor | None:
        if self.human is None:
            return None
        try:
            actor = await self.platform.authenticator.session(self.human.token, "192.0.2.10", BROWSER)
        except Exception:
            return None
        return Visitor(actor, self.csrf)

    def once_more(self, request: Any) -> Response | None:
        return JSONResponse({"page": "once more"}) if request.headers.get("sec-fetch-site") == "cross-site" else None

    def sign_in(self, request: Any, return_to: str, *, again: bool) -> Response:
        return RedirectResponse("/sign-in?" + urlencode({"to": return_to, "again": str(again).lower()}), 303)

    def check_form(self, request: Any, visitor: Visitor, csrf: str) -> None:
        if csrf != self.csrf:
            raise Denied("this form is not ours", code="console.csrf")

    async def sign_out(self, request: Any, visitor: Visitor, response: Response) -> Response:
        op = self.platform.op(visitor.actor)
        await self.platform.call("iam.session.end", op, ById(id=visitor.actor.session))
        self.human = None
        return response


class Tools:
    """The tools behind their addresses: what they are told, and whether they confirm."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.confirm = True

    async def post(self, uri: str, logout_token: str) -> bool:
        self.told.append((uri, logout_token))
        return self.confirm


class JsonPages:
    """Pages as the facts that they show."""

    def consent(self, request: Any, visitor: Visitor, page: Any) -> Response:
        return JSONResponse({"page": "consent", "csrf": visitor.csrf, **page})

    def device(self, request: Any, visitor: Visitor, page: Any) -> Response:
        return JSONResponse({"page": "device", "csrf": visitor.csrf, **page})

    def goodbye(self, request: Any, visitor: Visitor | None, page: Any) -> Response:
        return JSONResponse({"page": "goodbye", "csrf": visitor.csrf if visitor else "", **page})

    def onward(self, request: Any, url: str) -> Response:
        return JSONResponse({"page": "onward", "url": url})

    def refusal(self, request: Any, status: int, error: str, operation: str) -> Response:
        return JSONResponse({"page": "refusal", "error": error, "operation": operation}, status)


@dataclass
class Tool:
    """A client of the issuer, as its own program sees itself."""

    id: str
    secret: str = ""
    callback: str = CALLBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        return encoded(sha256(self.verifier.encode()).digest()).decode()

    @property
    def basic(self) -> dict[str, str]:
        if not self.secret:
            return {}
        return {"Authorization": "Basic " + b64encode(f"{self.id}:{self.secret}".encode()).decode()}

    def query(self, **more: str | None) -> dict[str, str]:
        """What it sends the browser with; None leaves a parameter out."""
        fields = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.callback,
            "scope": "openid profile",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return {name: value for name, value in fields.items() if value is not None}


class IssuerAtWork:
    """Everything of the issuer over one platform, reached through its routes."""

    def __init__(self, platform: Platform, *, strict: bool = False, passkeys_only: bool = False) -> None:
        self.platform = platform
        self.signer = MemorySigner()
        self.browser = Browser(platform)
        self.lease = Leash()
        here = Endpoints(ISSUER)
        self.issuer = Issuer(platform.db, platform.clock, here, self.signer, strict=strict)
        self.routes = IssuerRoutes(
            self.issuer,
            Authorizing(platform.db, platform.clock, here, strict=strict, passkeys_only=passkeys_only),
            Pushing(platform.db, platform.clock, here, strict=strict),
            Leaving(platform.db, here, self.signer),
            LettingIn(platform.db, platform.clock),
            sessions=self.browser,
            pages=JsonPages(),
            lease=self.lease,
            audit=platform.db,
            clock=platform.clock,
        )
        self.tools = Tools()
        self.goodbyes = Goodbyes(
            platform.db,
            platform.clock,
            here,
            sign=self.issuer.signed,
            messenger=self.tools,
            operation=lambda: platform.op(system_actor("console")),
        )
        self.app = Starlette(routes=self.routes.routes())
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=("192.0.2.77", 1)), base_url=ISSUER
        )

    async def register(self, officer: Human, **more: Any) -> NewClient:
        given = {"name": "Grafana", "redirect_uris": (CALLBACK,), "scopes": tuple(Scope), **more}
        return await self.platform.call("iam.client.create", self.platform.op(officer), CreateClient(**given))

    async def tool(self, officer: Human, **more: Any) -> Tool:
        """A registered client."""
        new = await self.register(officer, **more)
        callback = (*more.get("redirect_uris", ()), CALLBACK)[0]
        return Tool(new.id, new.secret.reveal().decode() if new.secret else "", callback)

    async def public_tool(self, officer: Human, **more: Any) -> Tool:
        return await self.tool(officer, authentication=ClientAuthentication.NONE, **more)

    async def arrive(self, tool: Tool, **more: str | None) -> httpx.Response:
        """A browser arrives from the tool."""
        return await self.http.get("/oidc/authorize", params=tool.query(**more))

    async def agree(self, tool: Tool, *, csrf: str | None = None, agrees: str = "yes", **more: str | None):
        """The person answers the page that asks."""
        form = {"csrf": self.browser.csrf if csrf is None else csrf, "agrees": agrees}
        return await self.http.post("/oidc/authorize", params=tool.query(**more), data=form)

    async def code(self, tool: Tool, human: Human, **more: str | None) -> str:
        """A code, as the tool receives it."""
        self.browser.human = human
        sent = sent_back(await self.agree(tool, **more))
        return sent["code"]

    async def exchange(self, tool: Tool, code: str, **more: str | None) -> httpx.Response:
        """The tool exchanges its code."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": tool.callback,
            "code_verifier": tool.verifier,
            **({} if tool.secret else {"client_id": tool.id}),
            **more,
        }
        return await self.post("/oidc/token", tool, **fields)

    async def sign_in(self, tool: Tool, human: Human, **more: str | None) -> dict[str, Any]:
        """The whole flow: what the token endpoint answers."""
        answer = await self.exchange(tool, await self.code(tool, human, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refresh(self, tool: Tool, token: str, **more: str | None) -> httpx.Response:
        fields = {"grant_type": "refresh_token", "refresh_token": token, **more}
        return await self.post("/oidc/token", tool, **({} if tool.secret else {"client_id": tool.id}), **fields)

    async def introspect(self, tool: Tool, token: str) -> dict[str, Any]:
        answer = await self.post("/oidc/introspect", tool, token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, tool: Tool | None, **fields: str | None) -> httpx.Response:
        given = {name: value for name, value in fields.items() if value is not None}
        return await self.http.post(path, data=given, headers=tool.basic if tool else {})

    async def claims(self, id_token: str) -> dict[str, Any]:
        """An ID token, verified as a client does it."""
        keys = KeySet.import_key_set((await self.http.get("/oidc/jwks")).json())
        return dict(jwt.decode(id_token, keys, algorithms=["ES256"]).claims)


def sent_back(answer: httpx.Response) -> dict[str, str]:
    """What a redirection to the client carries."""
    assert answer.status_code == 303, answer.text
    location = urlsplit(answer.headers["location"])
    carried = {name: values[0] for name, values in parse_qs(location.query).items()}
    return {"address": location._replace(query="").geturl(), **carried}


@contextmanager
def open_issuer(folder: Path, *, strict: bool = False):
    """An issuer over a fresh platform."""
    with open_platform(folder) as platform:
        platform.federate(strict_tools=strict)
        yield IssuerAtWork(platform, strict=strict)
