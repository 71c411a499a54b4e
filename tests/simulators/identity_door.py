"""The real REST dispatcher in front of the real identity services, and people who come to it with their factors."""

import json
from base64 import b64encode
from typing import Any

from nexus.app.demo.passkey import SoftwarePasskey
from nexus.iam import totp
from nexus.iam.model import Purpose
from nexus.iam.operations import OPERATIONS
from nexus.web.dispatch import Answer, Call, Dispatcher
from simulators.people import BROWSER, HOME, PARTY, SPECS, Human, Platform


class Held:
    """A lease that is always held."""

    def require(self) -> None:
        pass


class IdentityDoor:
    """The REST door of a `Platform`."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.dispatcher = Dispatcher(
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

    async def call(
        self,
        name: str,
        body: Any = None,
        *,
        by: Human | None = None,
        path: dict[str, str] | None = None,
        client: str = BROWSER,
        origin: str = HOME,
        step_up: str = "",
        token: str | None = None,
    ) -> Answer:
        """One request, as it is."""

        async def read() -> bytes:
            return json.dumps(body).encode() if body is not None else b""

        bearer = token or (by.token if by else None)
        call = Call(bearer, origin, client, path or {}, [], read, step_up=step_up)
        return await self.dispatcher.dispatch(SPECS[name], call)

    async def document(self, name: str, body: Any = None, **how: Any) -> Any:
        """What a request that must succeed answers."""
        answer = await self.call(name, body, **how)
        assert answer.status in {200, 202, 204}, answer.body
        return json.loads(answer.body) if answer.body else None

    async def fresh(self, name: str, body: Any = None, *, by: Human, **how: Any) -> Answer:
        """A request that goes through with a code, if it asks for a fresh factor."""
        answer = await self.call(name, body, by=by, **how)
        if (digest := digest_in(answer)) is None:
            return answer
        return await self.call(name, body, by=by, step_up=await self.proof(by, digest), **how)

    async def proof(self, by: Human, digest: str, passkey: SoftwarePasskey | None = None, **how: Any) -> str:
        """A proof for a content: by passkey, or by the code of half a minute later."""
        if passkey is None:
            self.platform.clock.advance(totp.STEP_S * 1_000_000)
            factor: dict[str, Any] = {"totp": self.platform.totp(by).reveal().decode()}
        else:
            begun = await self.document("iam.step-up.begin", {"digest": digest}, by=by, **how)
            factor = {"assertion": passkey.get(begun)}
        answer = await self.document("iam.step-up.prove", {"digest": digest, **factor}, by=by, **how)
        return answer["proof"]

    async def begin_passkey(self, by: Human, name: str = "key") -> Any:
        """What an authenticator is asked for, after a fresh factor."""
        answer = await self.fresh("iam.passkey.begin", {"identity": by.id, "name": name}, by=by)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    async def register(self, by: Human, name: str = "key") -> SoftwarePasskey:
        """A passkey of somebody who is signed in."""
        passkey = SoftwarePasskey(PARTY.origin)
        made = passkey.create(await self.begin_passkey(by, name))
        await self.document("iam.passkey.register", {"identity": by.id, "name": name, **made}, by=by)
        return passkey

    async def sign_in(self, passkey: SoftwarePasskey, **how: Any) -> Answer:
        """Sign in with a passkey alone."""
        asked = await self.document("iam.passkey.challenge", {}, **how)
        return await self.call("iam.passkey.sign-in", passkey.get(asked), **how)


def digest_in(answer: Answer) -> str | None:
    """The content that an answer asks a fresh factor for, if it does."""
    document = json.loads(answer.body) if answer.status == 401 else {}
    return document.get("digest") if document.get("code") == "iam.step-up-needed" else None


def text(value: bytes) -> str:
    """Bytes as JSON has them."""
    return b64encode(value).decode()
