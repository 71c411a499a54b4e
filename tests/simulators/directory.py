"""The hospital's own directory, as it speaks SCIM to a real dispatcher."""

import json
from dataclasses import dataclass, field

import httpx

from nexus.iam.model import Purpose
from nexus.iam.operations import OPERATIONS
from nexus.iam.scim.app import scim_routes
from nexus.web.dispatch import Dispatcher
from nexus.web.rest import rest_app
from simulators.people import BROWSER, Human, Platform

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


class Held:
    """A lease that is always held."""

    def require(self) -> None:
        pass


@dataclass
class Directory:
    """The hospital's own directory, with the token of its machine."""

    platform: Platform
    machine: str
    token: str
    owner: Human
    app: object = field(init=False)

    def __post_init__(self) -> None:
        platform = self.platform
        dispatcher = Dispatcher(
            OPERATIONS,
            {"iam": platform.service},
            lease=Held(),
            authenticator=platform.authenticator,
            gate=platform.gate,
            approvals=platform.approvals,
            step_up=platform.service.step_ups,
            audit=platform.db,
            clock=platform.clock,
            purposes=[purpose.value for purpose in Purpose],
        )
        self.app = rest_app(dispatcher, lambda: b"{}", more=scim_routes(dispatcher))

    async def call(self, method: str, path: str, body=None, *, token: str | None = None, raw=None, **headers):
        given = self.token if token is None else token
        sent = {"Content-Type": "application/scim+json", "User-Agent": BROWSER, **headers}
        if given:
            sent["Authorization"] = f"Bearer {given}"
        content = raw if raw is not None else (json.dumps(body).encode() if body is not None else None)
        transport = httpx.ASGITransport(self.app, client=("192.0.2.10", 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://nexus.test") as http:
            return await http.request(method, f"/scim/v2{path}", content=content, headers=sent)

    async def join(self, login: str = "zoe", **more):
        return await self.call("POST", "/Users", joiner(login, **more))

    async def patch(self, path: str, *operations, **headers):
        return await self.call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)


def joiner(login: str = "zoe", **more):
    return {
        "schemas": [USER],
        "userName": login,
        "name": {"givenName": login.title(), "familyName": "Durand"},
        "emails": [{"value": f"{login}@hospital.example", "primary": True, "type": "work"}],
        "title": "nurse",
        **more,
    }


def set_to(path: str, value, op: str = "replace"):
    return {"op": op, "path": path, "value": value}


def refused(answer, status: int, scim_type: str | None = None) -> bool:
    document = answer.json()
    assert answer.headers["content-type"] == "application/scim+json"
    assert (answer.status_code, document["schemas"], document["status"]) == (status, [ERROR], str(status)), document
    return scim_type is None or document["scimType"] == scim_type
