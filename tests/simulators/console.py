"""The console in front of the real identity services, and a browser that keeps cookies but no secrets from the test."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from nexus.app.operations import OPERATIONS, PURPOSES, WHILE_SEALED
from nexus.console.app import console_app
from nexus.console.cookies import COOKIES
from nexus.console.pages.table import pages
from nexus.web.browser.cookies import CookieSession
from nexus.web.dispatch import Dispatcher
from simulators.doorkeepers import Leash
from simulators.people import HOME, Human, Platform

ORIGIN = "https://localhost:8443"
CHROME = "Mozilla/5.0 (a browser of the tests)"


@dataclass
class Console:
    """`app` is the ASGI application; services that identity does not need are those that the test gives."""

    platform: Platform
    services: dict[str, Any] = field(default_factory=dict)
    lease: Leash = field(default_factory=Leash)
    mounts: Any = None
    """What else answers at the console's address: a function of the browser session."""
    origin: str = ORIGIN
    """Where browsers reach it."""

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(
            OPERATIONS,
            {**dict.fromkeys(spec.service for spec in OPERATIONS), "iam": self.platform.service, **self.services},
            lease=self.lease,
            authenticator=self.platform.authenticator,
            gate=self.platform.gate,
            approvals=self.platform.approvals,
            step_up=self.platform.service.step_ups,
            audit=self.platform.db,
            clock=self.platform.clock,
            purposes=PURPOSES,
            while_sealed=WHILE_SEALED,
            door="console",
        )
        session = CookieSession(self.platform.authenticator, COOKIES)
        self.app = console_app(
            self.dispatcher,
            session,
            pages=pages(OPERATIONS, PURPOSES),
            clock=self.platform.clock,
            origins={self.origin},
            mounts=self.mounts(session) if self.mounts else (),
        )

    def browser(self, *, address: str = HOME, agent: str = CHROME, language: str = "en") -> "Browser":
        """A browser without any cookie."""
        return Browser(self, address, agent, language)


class Browser:
    """What a browser does by itself: keeps cookies, says where a form comes from, finds the form's hidden token."""

    def __init__(self, console: Console, address: str, agent: str, language: str) -> None:
        self.console = console
        transport = httpx.ASGITransport(console.app, client=(address, 4711), raise_app_exceptions=False)
        headers = {"User-Agent": agent, "Accept-Language": language}
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
        self.page = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Type an address."""
        return self._seen(await self.http.get(path, headers={"Sec-Fetch-Site": "none", **headers}))

    async def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Send a form of the page that is open, with its hidden token, and go where the answer leads."""
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.page)
        data = {**({"csrf": token[1]} if token else {}), **(fields or {})}
        answer = await self.send(path, data, **headers)
        return await self.get(answer.headers["location"]) if answer.status_code == 303 else answer

    async def send(self, path: str, data: dict[str, Any], **headers: str) -> httpx.Response:
        """The same without following, and with nothing but what is given."""
        own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        kept = {name: value for name, value in {**own, **headers}.items() if value}
        return self._seen(await self.http.post(path, data=data, headers=kept))

    async def sign_in(self, human: Human, **more: str) -> httpx.Response:
        """Open the sign-in page and type what the person knows, half a minute later, so that the code is a new one."""
        self.console.platform.clock.advance(30_000_000)
        await self.get("/sign-in")
        code = self.console.platform.totp(human).reveal().decode()
        typed = {"login": human.login, "password": human.password, "code": code, **more}
        return await self.post("/sign-in", typed)

    async def prove(self, human: Human, path: str, asked: httpx.Response) -> httpx.Response:
        """Type a fresh code on the page that asks for one, and let the form that is behind it go through."""
        self.console.platform.clock.advance(30_000_000)
        code = self.console.platform.totp(human).reveal().decode()
        return await self.post(path, {**hidden_fields(asked.text), "~code": code})

    @property
    def session(self) -> str | None:
        """The session cookie."""
        return self.http.cookies.get("__Host-nexus-session")

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = answer.text
        return answer


def hidden_fields(page: str) -> dict[str, str]:
    """What the form for a fresh factor holds besides what people type."""
    form = page.split('id="step-up"')[1].split("</form>")[0]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
