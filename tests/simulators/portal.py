"""The portal in front of the real services, and a patient's browser."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx

from nexus.app.operations import OPERATIONS, PURPOSES
from nexus.iam import patient_codes
from nexus.portal.app import portal_app
from nexus.portal.cookies import COOKIES
from nexus.portal.dates import Dates
from nexus.portal.pages.table import operations, pages
from nexus.web.browser.cookies import CookieSession
from nexus.web.dispatch import Dispatcher
from simulators.doorkeepers import Leash
from simulators.patients import BORN, Patient
from simulators.people import HOME, PARTY, Platform

ORIGIN = PARTY.origin
PHONE = "Mozilla/5.0 (a telephone of the tests)"


@dataclass
class Portal:
    """`app` is the ASGI application; services besides identity are those that the test gives."""

    platform: Platform
    services: dict[str, Any] = field(default_factory=dict)
    lease: Leash = field(default_factory=Leash)

    def __post_init__(self) -> None:
        made = pages(patient_codes)
        needed = operations(made)
        self.dispatcher = Dispatcher(
            [spec for spec in OPERATIONS if spec.name in needed],
            {"iam": self.platform.service, **self.services},
            lease=self.lease,
            authenticator=self.platform.authenticator,
            gate=self.platform.gate,
            approvals=self.platform.approvals,
            step_up=self.platform.service.step_ups,
            audit=self.platform.db,
            clock=self.platform.clock,
            purposes=PURPOSES,
            door="portal",
        )
        self.app = portal_app(
            self.dispatcher,
            CookieSession(self.platform.authenticator, COOKIES),
            pages=made,
            dates=Dates("Europe/Paris", self.platform.clock),
            origins={ORIGIN},
        )

    def browser(self, *, address: str = HOME, agent: str = PHONE) -> "PatientBrowser":
        """A browser without any cookie."""
        return PatientBrowser(self, address, agent)


class PatientBrowser:
    """What a browser does by itself: keeps cookies, says where a form comes from, sends a form's hidden fields along."""

    def __init__(self, portal: Portal, address: str, agent: str) -> None:
        self.portal = portal
        transport = httpx.ASGITransport(portal.app, client=(address, 4711), raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"User-Agent": agent})
        self.page = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Type an address."""
        return self._seen(await self.http.get(path, headers={"Sec-Fetch-Site": "none", **headers}))

    async def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Send the form of the open page that goes to `path`, filled in, and go where the answer leads."""
        answer = await self.send(path, {**self.hidden(path), **(fields or {})}, **headers)
        return await self.get(answer.headers["location"]) if answer.status_code == 303 else answer

    async def send(self, path: str, data: dict[str, Any], **headers: str) -> httpx.Response:
        """Send a form without following, and with nothing but what is given."""
        own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        kept = {name: value for name, value in {**own, **headers}.items() if value}
        return self._seen(await self.http.post(path, data=data, headers=kept))

    def hidden(self, path: str) -> dict[str, str]:
        """The hidden fields of the open page's form that goes to `path`."""
        for attributes, inside in re.findall(r"<form ([^>]*)>(.*?)</form>", self.page, re.DOTALL):
            if f'action="{path}"' in attributes:
                found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', inside)
                return {name: unescape(value) for name, value in found}
        return {}

    def asked(self) -> dict[str, Any]:
        """What the open page asks an authenticator for."""
        attributes = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', self.page))
        return {
            "challenge": unescape(attributes["challenge"]),
            "rp_id": attributes["rp"],
            "user_handle": unescape(attributes.get("handle", "")),
        }

    async def present(self, patient: Patient, born: str = BORN, code: str = "") -> httpx.Response:
        """Step 1 of opening an account: type what the letter says."""
        await self.get("/ouvrir")
        year, month, day = born.split("-")
        typed = {"code": code or patient.code.reveal().decode(), "day": day, "month": month, "year": year}
        return await self.post("/ouvrir", typed)

    async def enrol(self, patient: Patient) -> httpx.Response:
        """Open the account with the passkey of this telephone."""
        await self.present(patient)
        return await self.post("/ouvrir/appareil", {"name": "phone", **patient.passkey.create(self.asked())})

    async def sign_in(self, patient: Patient) -> httpx.Response:
        """Sign in with the passkey."""
        await self.get("/sign-in")
        return await self.post("/sign-in", patient.passkey.get(self.asked()))

    @property
    def session(self) -> str | None:
        """The session cookie."""
        return self.http.cookies.get(COOKIES.session)

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = answer.text
        return answer
