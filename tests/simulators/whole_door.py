"""The REST door over every real service, in this process: a founded platform whose key service runs, and no sockets of doors.

Cheaper than a whole platform by its other processes; what answers is what `nexus up` would serve.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import httpx
import pyotp

from nexus.app import datadir, founding, parts, settings
from nexus.app.ground import Ground, stand
from nexus.app.handoff import Handoff
from nexus.app.keyservice import RunningKeyService
from nexus.app.wiring import rest
from nexus.app.wiring.storage import object_service
from nexus.app.witnesses import witness_client
from nexus.iam.model import Founder, Role
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Unavailable
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.secret import Secret

PASSPHRASE = "a passphrase that only tests know"
PASSWORD = "correct horse battery 7"
CLIENT = "tests/1"
ROLES = frozenset(
    {Role.SECURITY_OFFICER, Role.KEY_CUSTODIAN, Role.AUDITOR, Role.DATA_PROTECTION_OFFICER, Role.PLATFORM_OPERATOR}
)


@dataclass
class WholeDoor:
    """`app` is the ASGI application; `tokens` opens it for each founder, and for whoever enrols."""

    app: Any
    ground: Ground
    tokens: dict[str, str] = field(default_factory=dict)
    authenticators: dict[str, pyotp.TOTP] = field(default_factory=dict)
    """The application on each person's telephone. The codes of half a minute ago and of now are used."""

    def client(self, token: str | None, **headers: str) -> httpx.AsyncClient:
        given = {"User-Agent": CLIENT, **headers}
        if token:
            given["Authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(self.app, client=("192.0.2.10", 1), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="https://nexus.test", headers=given)

    async def enrol(self, login: str, code: str) -> None:
        """Both halves of an enrolment, and the first session."""
        async with self.client(None) as http:
            begun = {"login": login, "code": code}
            answer = await http.post("/v1/enrolments", json={**begun, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            uri = answer.json()["otpauth_uri"]
            authenticator = self.authenticators[login] = pyotp.TOTP(parse_qs(urlparse(uri).query)["secret"][0])
            now = int(SystemClock().now() // 1_000_000)
            confirmed = {**begun, "totp": authenticator.at(now - 30)}
            (await http.post("/v1/enrolments/confirm", json=confirmed)).raise_for_status()
            signing_in = {"login": login, "password": PASSWORD, "totp": authenticator.at(now)}
            opened = await http.post("/v1/sessions", json=signing_in)
            self.tokens[login] = opened.raise_for_status().json()["token"]


async def _until(require: Callable[[], None], patience_s: float = 30.0) -> None:
    """Wait for the lease, as a load balancer waits for `/readyz`."""
    async with asyncio.timeout(patience_s):
        while True:
            try:
                return require()
            except Unavailable:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def whole_door(root: Path, **chosen: Any) -> AsyncIterator[WholeDoor]:
    """Found a platform in `root`, unseal it, and open its REST door to whoever holds this object."""
    given = settings.load(None, {}, anchors=[str(root / "anchors")], **chosen)
    founders = [Founder(login, login.title(), f"{login}@nexus.example", ROLES) for login in ("alice", "bruno")]
    ceremony = founding.Ceremony(founders, passphrase=Secret(PASSPHRASE.encode()))
    founded = await founding.found(root / "platform", given, ceremony)
    directory = founded.directory
    handoff = Handoff(
        process=parts.API, root=str(directory.root), settings=given, console_url="https://console.test:8443"
    )
    with datadir.locked(directory) as lock:
        running = RunningKeyService(directory, given, lock)
        async with running as supervisor, witness_client(given) as witnesses:
            await supervisor.unseal(Secret(PASSPHRASE.encode()), parts.platform_operation(parts.API, SystemClock()))
            identity = ServiceIdentity(running._identities.first(parts.API))
            async with stand(handoff, rest.KEYS, identity) as ground:
                objects = object_service(ground)
                try:
                    door = WholeDoor(rest.rest_door(ground, objects, witnesses), ground)
                    await _until(ground.hold.require)
                    for login, invitation in zip(("alice", "bruno"), founded.invitations, strict=True):
                        await door.enrol(login, invitation.code.reveal().decode())
                    yield door
                finally:
                    objects.close()
