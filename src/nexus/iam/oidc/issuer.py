"""What the endpoints of the issuer do for programs. One method = one request = one transaction = one audit entry.

Each method answers with a `Reply`, refusals included: the protocol has its own words for them, and a refusal that ends
something (a code used again) is a change like any other. What the key service signs is signed after the commit; if it
cannot, what was issued ends again.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from nexus.iam import tokens
from nexus.iam.oidc import claims, discovery
from nexus.iam.oidc.commandline import CLIENT_ID, COMMAND_LINE
from nexus.iam.oidc.device_endpoint import DEVICE_ENDPOINT, device_authorization
from nexus.iam.oidc.device_grant import DeviceGrant
from nexus.iam.oidc.dpop import BAD_PROOF, Possession
from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.grants import server_for
from nexus.iam.oidc.inspection import Introspection, Revocation
from nexus.iam.oidc.model import Authorization, IssuedToken, Scope, TokenKind
from nexus.iam.oidc.ports import TokenSigner
from nexus.iam.oidc.server import Asked, IssuerServer, ProtocolRequest, Reply, Scene
from nexus.iam.oidc.standing import stands
from nexus.iam.store import clients, identities, issued
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NexusError, Unavailable
from nexus.kernel.operation import PLATFORM, Entry, Operation, Resource
from nexus.kernel.secret import Secret

TOKEN_ACTION: Final = "iam.oidc.token"  # noqa: S105 - a name
USERINFO_ACTION: Final = "iam.oidc.userinfo"


@dataclass(frozen=True, slots=True)
class _Issued:
    """What a commit left: the answer so far, and the claims that are still to be signed."""

    reply: Reply
    authorization: Authorization | None = None
    id_claims: dict[str, Any] | None = None


class Issuer:
    """The token endpoint and those beside it."""

    def __init__(
        self, db: Database, clock: Clock, endpoints: Endpoints, signer: TokenSigner, *, strict: bool = False
    ) -> None:
        """`strict`: every tool does what `server.RegisteredClient` says, whatever it was registered with."""
        self._db = db
        self._clock = clock
        self.endpoints = endpoints
        self.signer = signer
        self.strict = strict

    async def token(self, op: Operation, asked: Asked) -> Reply:
        """Exchange a code or a refresh token."""

        def work(tx: Transaction) -> Recorded[_Issued]:
            scene = self._scene(tx, asked)
            reply: Reply = replayed(scene) or _token_server(scene).create_token_response(self._post(asked))
            if reply.error:
                return Recorded(_Issued(reply), entry_of(op, TOKEN_ACTION, scene, reply))
            done = _issued(scene, reply)
            return Recorded(done, entry_of(op, TOKEN_ACTION, scene, reply, done.authorization))

        return await self._signed(op, await self._db.write(work))

    async def device(self, op: Operation, asked: Asked) -> Reply:
        """Let a command line begin to wait for its person."""

        def work(tx: Transaction) -> Recorded[Reply]:
            scene = self._scene(tx, asked)
            server = _token_server(scene)
            server.register_endpoint(device_authorization(op))
            reply: Reply = replayed(scene) or server.create_endpoint_response(DEVICE_ENDPOINT, self._post(asked))
            return Recorded(reply, entry_of(op, "iam.oidc.device", scene, reply))

        return await self._db.write(work)

    async def introspect(self, op: Operation, asked: Asked) -> Reply:
        """Say whether a token is in force. The look at it and its entry are one transaction."""
        return await self._endpoint(op, asked, "iam.oidc.introspect", Introspection)

    async def revoke(self, op: Operation, asked: Asked) -> Reply:
        """End a token and everything issued with it."""
        return await self._endpoint(op, asked, "iam.oidc.revoke", Revocation)

    async def userinfo(self, op: Operation, token: str, proved: Possession | None) -> dict[str, Any] | None:
        """The claims that an access token opens; None if it is not in force, or bound to another key than was `proved`."""

        def work(tx: Transaction) -> Recorded[dict[str, Any] | None]:
            now = self._clock.now()
            found = issued.token(tx, tokens.fingerprint(token))
            if found is None or not _new(tx, proved) or not _opens(tx, found, proved, now):
                return Recorded(None, op.denied(USERINFO_ACTION, PLATFORM, reason="token"))
            about, person = _personal(tx, found.authorization, found.scope, now), found.authorization.person
            entry = op.allowed(USERINFO_ACTION, _whose(person), client=found.authorization.client)
            return Recorded(about, replace(entry, subject=person))

        return await self._db.write(work)

    async def key_set(self) -> dict[str, Any]:
        """The public keys, as a JWK set."""
        return discovery.key_set(await self.signer.keys())

    async def signed(self, payload: dict[str, Any], kind: str = "JWT") -> str:
        """A token over claims, by the key that signs now."""
        keys = await self.signer.keys()
        message = claims.signing_input(keys[0].kid, payload, kind)
        signature = await self.signer.sign(keys[0].kid, message)
        return (message + b"." + claims.encoded(signature)).decode()

    def _scene(self, tx: Transaction, asked: Asked) -> Scene:
        return Scene(tx, self._clock.now(), self.endpoints, asked, self.strict)

    async def _endpoint(self, op: Operation, asked: Asked, action: str, endpoint: type[Any]) -> Reply:
        def work(tx: Transaction) -> Recorded[Reply]:
            scene = self._scene(tx, asked)
            server: IssuerServer = server_for(scene)
            server.register_endpoint(endpoint)
            reply: Reply = server.create_endpoint_response(endpoint.ENDPOINT_NAME, self._post(asked))
            return Recorded(reply, entry_of(op, action, scene, reply))

        return await self._db.write(work)

    def _post(self, asked: Asked) -> ProtocolRequest:
        return ProtocolRequest("POST", self.endpoints.token, asked)

    async def _signed(self, op: Operation, done: _Issued) -> Reply:
        if done.authorization is None:
            return done.reply
        if done.id_claims is not None:
            try:
                done.reply.body["id_token"] = await self.signed(done.id_claims)
            except NexusError:
                await self._take_back(op, done.authorization)
                raise
        return done.reply

    async def _take_back(self, op: Operation, authorization: Authorization) -> None:
        def work(tx: Transaction) -> Recorded[None]:
            issued.end_authorization(tx, authorization.id, self._clock.now())
            entry = op.failed(
                TOKEN_ACTION, _whose(authorization.person), authorization=authorization.id, reason="not signed"
            )
            return Recorded(None, replace(entry, subject=authorization.person))

        await self._db.write(work)


def _token_server(scene: Scene) -> IssuerServer:
    server = server_for(scene)
    server.register_grant(DeviceGrant)
    return server


def replayed(scene: Scene) -> Reply | None:
    """The refusal of a DPoP proof that was seen before; None for a new one, which is remembered, and for none at all."""
    if _new(scene.tx, scene.asked.possession):
        return None
    return Reply(400, {"error": BAD_PROOF}, error=BAD_PROOF, reason="proof seen before")


def _new(tx: Transaction, proved: Possession | None) -> bool:
    """Whether a proof is seen for the first time, or none came along."""
    return proved is None or issued.first_seen(tx, proved.digest, proved.ends_at)


def _opens(tx: Transaction, token: IssuedToken, proved: Possession | None, now: Instant) -> bool:
    """Whether a token says who its person is, to whoever holds it and its key."""
    bound = token.authorization.jkt == (proved.jkt if proved else "")
    return bound and token.kind is TokenKind.ACCESS and stands(tx, token, now)


def _issued(scene: Scene, reply: Reply) -> _Issued:
    body = dict(reply.body)
    authorization, nonce = body.pop("authorization"), body.pop("nonce")
    access: Secret = body["access_token"]
    reply.body = body
    if Scope.OPENID not in body["scope"].split():
        return _Issued(reply, authorization)
    about = _personal(scene.tx, authorization, body["scope"], scene.now)
    if about is None:
        raise Unavailable("the client is gone", code="iam.no-client")
    text = access.reveal().decode()
    whole = claims.id_token(scene.endpoints.issuer, authorization, about, scene.now, nonce=nonce, at=text)
    return _Issued(reply, authorization, whole)


def _personal(tx: Transaction, authorization: Authorization, scope: str, now: Instant) -> dict[str, Any] | None:
    known = COMMAND_LINE if authorization.client == CLIENT_ID else clients.find(tx, authorization.client)
    client, person = known, identities.person(tx, authorization.person)
    if client is None or person is None:
        return None
    held = [grant for grant in identities.grants_of(tx, person.id, now) if grant.starts_at <= now]
    return claims.personal(person, held, client.registration, scope)


def entry_of(
    op: Operation, action: str, scene: Scene, reply: Reply, authorization: Authorization | None = None
) -> Entry:
    """The line in the log: ids and the protocol's own words, nothing that was typed or sent."""
    resource = _whose(authorization.person) if authorization else PLATFORM
    if reply.error:
        reason = {"reason": scene.reason} if scene.reason else {}
        return op.denied(action, resource, error=reply.error, **scene.facts, **reason)
    entry = op.allowed(action, resource, **scene.facts)
    return replace(entry, subject=authorization.person) if authorization else entry


def revealed(body: dict[str, Any]) -> dict[str, Any]:
    """A body as it leaves: with its tokens in clear."""
    return {name: value.reveal().decode() if isinstance(value, Secret) else value for name, value in body.items()}


def _whose(person: str) -> Resource:
    return Resource("Identity", person)
