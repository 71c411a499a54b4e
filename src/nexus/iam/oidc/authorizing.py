"""The authorization endpoint: a person, her browser, and a client that would like to know who she is.

Steps, each of which ends the request if it does not pass:

0. A reference to a pushed request (`pushing.py`) stands for that request, whatever else comes along.
1. Authlib and our grants validate it: client, redirect address, response type, scope, PKCE. Before the address is known
   to be the client's, a refusal is a page of ours; after that, it is sent there, with `iss` (RFC 9207) and `state`.
2. What this issuer does not do (request objects, other response modes) is refused by name; a client that has to push its
   requests arrives with a pushed one.
3. Somebody is signed in, recently enough for `max_age` and `prompt=login`, or signs in first.
4. She may use this client: she holds one of the roles that it was registered for.
5. She has agreed, now or before, to tell it what it asks for.
6. The code is stored with its entry, and she is sent back with it. A pushed request is used up by that, and by a refusal.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError, OAuth2Error
from authlib.oidc.core.errors import ConsentRequiredError, InvalidRequestURIError, LoginRequiredError

from nexus.iam.model import Factor
from nexus.iam.oidc import pushing
from nexus.iam.oidc.endpoints import AUTHORIZE, Endpoints
from nexus.iam.oidc.grants import CodeGrant, server_for
from nexus.iam.oidc.issuer import entry_of
from nexus.iam.oidc.ports import Visitor
from nexus.iam.oidc.redirects import origin_of
from nexus.iam.oidc.server import Asked, ProtocolRequest, Reply, Scene
from nexus.iam.oidc.standing import holds_one, signed_in
from nexus.iam.oidc.validating import validated
from nexus.iam.store import clients
from nexus.kernel.clock import SECOND, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.operation import Entry, Operation, Resource

ACTION: Final = "iam.oidc.authorize"
FRESH: Final = 15 * SECOND
"""`prompt=login` is satisfied by a factor proved within this time: the sign-in that it asked for."""
MAX_AGE_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class SendBack:
    """To the client, with a code or a refusal."""

    url: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """A page of ours: nobody is sent to an address that is not the client's."""

    error: str


@dataclass(frozen=True, slots=True)
class SignInFirst:
    """Nobody is signed in, or not recently enough (`again`)."""

    again: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks the person; `page` says which client, where it sends her, and what it will learn."""

    page: dict[str, Any] = field(default_factory=dict)


Step = SendBack | Refuse | SignInFirst | Ask


class Authorizing:
    """Decides what happens next to a person who arrives from a client."""

    def __init__(
        self, db: Database, clock: Clock, endpoints: Endpoints, *, strict: bool = False, passkeys_only: bool = False
    ) -> None:
        """`strict`: as in `Issuer`. `passkeys_only`: nobody signs in to a tool from a session without one."""
        self._db = db
        self._clock = clock
        self._endpoints = endpoints
        self._strict = strict
        self._passkeys_only = passkeys_only

    async def next(self, op: Operation, asked: Asked, visitor: Visitor | None, *, agrees: bool | None = None) -> Step:
        """`agrees`: what the person answered to `Ask`, None before she was asked."""
        with self._db.read() as tx:
            asked = pushing.taken_up(tx, asked, self._clock.now())
            scene = self._scene(tx, asked)
            step = self._step(scene, visitor, agrees)
        if isinstance(step, Reply):
            await self._record_refusal(asked, entry_of(op, ACTION, scene, step))
            return _refused(step, self._endpoints.issuer)
        if step is not None:
            return step
        assert visitor is not None
        return await self._send_code(op, asked, visitor, agrees)

    def _scene(self, tx: Transaction, asked: Asked) -> Scene:
        return Scene(tx, self._clock.now(), self._endpoints, asked, self._strict)

    async def _record_refusal(self, asked: Asked, entry: Entry) -> None:
        if not asked.pushed:
            return await self._db.record(entry)

        def work(tx: Transaction) -> Recorded[None]:
            pushing.use_up(tx, asked)
            return Recorded(None, entry)

        return await self._db.write(work)

    def _step(self, scene: Scene, visitor: Visitor | None, agrees: bool | None) -> Step | Reply | None:
        """What comes before a code; None if nothing does."""
        server, request = server_for(scene), self._request(scene.asked)
        grant = None
        try:
            if pushing.refers(scene.asked):
                scene.reason = "pushed request unknown, over or used"
                raise InvalidRequestURIError
            grant = validated(server, request, visitor)
            if grant.request.client.pushes and not scene.asked.pushed:
                raise InvalidRequestError("This client has to push its requests.")
            return self._about_the_person(scene, grant, visitor, agrees)
        except OAuth2Error as error:
            error.redirect_uri = grant.redirect_uri if grant is not None else error.redirect_uri
            error.state = request.payload.state
            reply: Reply = server.handle_error_response(request, error)
            return reply

    def _request(self, asked: Asked) -> ProtocolRequest:
        return ProtocolRequest("GET", self._endpoints.at(AUTHORIZE), asked)

    def _about_the_person(
        self, scene: Scene, grant: CodeGrant, visitor: Visitor | None, agrees: bool | None
    ) -> Step | None:
        fields, client = scene.asked.fields, grant.request.client.client
        prompts = set(fields.get("prompt", "").split())
        if visitor is None or _too_old(fields, prompts, visitor, scene.now):
            if "none" in prompts:
                raise LoginRequiredError
            return SignInFirst(again=visitor is not None)
        if self._passkeys_only and Factor.PASSKEY not in visitor.actor.factors:
            scene.reason = "without a passkey"
            raise AccessDeniedError
        if not holds_one(scene.tx, visitor.actor.id, client.registration.required_roles, scene.now):
            scene.reason = "without a role for this client"
            raise AccessDeniedError
        if agrees is False:
            scene.reason = "the person said no"
            raise AccessDeniedError
        remembered = set(clients.agreed(scene.tx, visitor.actor.id, client.id).split())
        if agrees or ("consent" not in prompts and remembered.issuperset(grant.request.scope.split())):
            return None
        if "none" in prompts:
            raise ConsentRequiredError
        address = origin_of(grant.redirect_uri)
        return Ask({"client": client.registration.name, "address": address, "scopes": grant.request.scope.split()})

    async def _send_code(self, op: Operation, asked: Asked, visitor: Visitor, agrees: bool | None) -> Step:
        """Everything is validated once more, in the transaction that stores the code: also what she agreed to before."""
        whose = Resource("Identity", visitor.actor.id)
        op = replace(op, actor=visitor.actor)

        def work(tx: Transaction) -> Recorded[Step | Reply]:
            scene = self._scene(tx, asked)
            server, request = server_for(scene), self._request(asked)
            step = self._step(scene, visitor, agrees)
            if isinstance(step, Reply):
                return Recorded(step, entry_of(op, ACTION, scene, step))
            if step is not None:  # she ended the agreement meanwhile: ask her again
                return Recorded(step, op.denied(ACTION, whose, reason="no agreement"))
            grant = validated(server, request, visitor)
            session = visitor.actor.session or ""
            if not signed_in(tx, visitor.actor.id, session, scene.now):
                scene.reason = "the session is over"
                error = AccessDeniedError(redirect_uri=grant.redirect_uri, state=request.payload.state)
                reply: Reply = server.handle_error_response(request, error)
                return Recorded(reply, entry_of(op, ACTION, scene, reply))
            if asked.pushed and not pushing.use_up(tx, asked):
                reply = server.handle_error_response(request, InvalidRequestURIError())
                return Recorded(reply, entry_of(op, ACTION, scene, reply))
            reply = server.handle_response(*grant.create_authorization_response(grant.redirect_uri, visitor))
            client = request.client.client.id
            clients.agree(tx, visitor.actor.id, client, request.scope, scene.now)
            entry = op.allowed(ACTION, whose, client=client, scope=request.scope)
            return Recorded(reply, replace(entry, subject=visitor.actor.id))

        done = await self._db.write(work)
        return _refused(done, self._endpoints.issuer) if isinstance(done, Reply) else done


def _too_old(fields: Any, prompts: set[str], visitor: Visitor, now: Instant) -> bool:
    age = now - (visitor.actor.proved_at or 0)
    if "login" in prompts and age > FRESH:
        return True
    allowed = fields.get("max_age", "")
    return bool(allowed) and age > max(int(allowed[:MAX_AGE_DIGITS]) * SECOND, FRESH)


def _refused(reply: Reply, issuer: str) -> Step:
    """To the client if there is an address for it, with our name; to a page of ours otherwise."""
    location = dict(reply.headers).get("Location", "")
    if not location:
        return Refuse(reply.error)
    return SendBack(add_params_to_uri(location, [("iss", issuer)]))
