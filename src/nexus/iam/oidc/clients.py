"""Registering clients: who may sign people in, where to, and what they may learn."""

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from nexus.iam import tokens
from nexus.iam.oidc.model import MAX_CLIENTS, MAX_KEYS, MAX_URIS, Client, ClientAuthentication, Registration, Scope
from nexus.iam.oidc.redirects import check_uri
from nexus.iam.requests.clients import Clients, ClientView, CreateClient, NewClient
from nexus.iam.requests.forms import ById, Page
from nexus.iam.rules import check_name, page_size
from nexus.iam.store import clients
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kernel.secret import Secret

KEY_TYPES = frozenset({"RSA", "EC", "OKP"})
MAX_JWKS = 16 * 1024
"""Characters of a JWK set."""


class ClientStories:
    """The life of a client. Registrations name no person; the log names the client by its id."""

    def __init__(self, db: Database, clock: Clock, *, strict: bool = False) -> None:
        """`strict`: as the issuer has it (`server.RegisteredClient`); nobody else could sign people in afterwards."""
        self._db = db
        self._clock = clock
        self._strict = strict

    async def create(self, op: Operation, request: CreateClient) -> NewClient:
        """Register a client. Raises Invalid, Conflict (too many)."""
        registration = checked(request)
        if self._strict and registration.authentication is not ClientAuthentication.PRIVATE_KEY:
            raise Invalid(
                "here, tools prove themselves by a key pair",
                code="iam.client-strict",
                hint="register it with private_key_jwt and its public keys; the setting strict_tools demands it",
            )
        secret = _secret(registration.authentication)
        by = op.actor.person or op.actor.id
        new = Client(new_id("cli"), registration, _hash(secret), by, self._clock.now())

        def work(tx: Transaction) -> Recorded[None]:
            if clients.count(tx) >= MAX_CLIENTS:
                raise Conflict(f"there are {MAX_CLIENTS} clients already", code="iam.too-many-clients")
            clients.add(tx, new)
            scope = " ".join(registration.scopes)
            return Recorded(None, op.allowed("iam.client.create", PLATFORM, client=new.id, scope=scope))

        await self._db.write(work)
        return NewClient(id=new.id, secret=secret)

    async def list_clients(self, op: Operation, request: Page) -> Clients:
        """Clients, in order of creation."""
        with self._db.read() as tx:
            found = clients.page(tx, request.after, page_size(request.limit))
        await self._db.record(op.allowed("iam.client.list", PLATFORM))
        return Clients(clients=tuple(_view(client) for client in found))

    async def read(self, op: Operation, request: ById) -> ClientView:
        """One client. Raises NotFound."""
        with self._db.read() as tx:
            found = _client(tx, request.id)
        await self._db.record(op.allowed("iam.client.read", PLATFORM, client=found.id))
        return _view(found)

    async def rotate_secret(self, op: Operation, request: ById) -> NewClient:
        """A new secret; the old one is refused from now on. Raises NotFound, Conflict (it has none)."""

        def work(tx: Transaction) -> Recorded[Secret]:
            found = _client(tx, request.id)
            secret = _secret(found.registration.authentication)
            if secret is None:
                raise Conflict("this client has no secret", code="iam.client-without-secret")
            clients.set_secret(tx, found.id, tokens.fingerprint(secret))
            return Recorded(secret, op.allowed("iam.client.rotate-secret", PLATFORM, client=found.id))

        secret = await self._db.write(work)
        return NewClient(id=request.id, secret=secret)

    async def delete(self, op: Operation, request: ById) -> None:
        """Remove a client; its codes and tokens end in the same commit. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = _client(tx, request.id)
            clients.remove(tx, found.id, self._clock.now())
            return Recorded(None, op.allowed("iam.client.delete", PLATFORM, client=found.id))

        await self._db.write(work)


def checked(request: CreateClient) -> Registration:
    """The registration that a request asks for. Raises Invalid."""
    for uris, what in (
        (request.redirect_uris, "a redirect URI"),
        (request.post_logout_redirect_uris, "a post-logout redirect URI"),
        (filter(None, [request.backchannel_logout_uri]), "the back-channel logout URI"),
    ):
        if len(checked_uris := [check_uri(uri, what) for uri in uris]) > MAX_URIS:
            raise Invalid(f"{what}: {MAX_URIS} at most, got {len(checked_uris)}", code="iam.redirect-uri")
    if Scope.OPENID not in request.scopes:
        raise Invalid("a client needs the scope openid", code="iam.client-scope")
    return Registration(
        name=check_name(request.name),
        authentication=request.authentication,
        redirect_uris=request.redirect_uris,
        scopes=tuple(scope for scope in Scope if scope in request.scopes),
        post_logout_redirect_uris=request.post_logout_redirect_uris,
        backchannel_logout_uri=request.backchannel_logout_uri,
        roles_claim=request.roles_claim,
        required_roles=tuple(sorted(set(request.required_roles))),
        refresh=request.refresh,
        introspects=request.introspects[:MAX_CLIENTS],
        jwks=_checked_keys(request.jwks, request.authentication),
        pushed_requests=request.pushed_requests,
        bound_tokens=request.bound_tokens,
    )


def _checked_keys(text: str, authentication: ClientAuthentication) -> str:
    """A JWK set of public keys, and nothing more than what makes them one."""
    if (authentication is ClientAuthentication.PRIVATE_KEY) != bool(text):
        raise _bad_keys("private_key_jwt needs a JWK set, and nothing else takes one")
    if not text:
        return ""
    try:
        if len(text) > MAX_JWKS:
            raise ValueError("too long")
        keys = KeySet.import_key_set(msgspec.json.decode(text)).keys
        if not 1 <= len(keys) <= MAX_KEYS or any(key.key_type not in KEY_TYPES or key.is_private for key in keys):
            raise ValueError("not public keys")
        return msgspec.json.encode(KeySet(keys).as_dict(private=False)).decode()
    except (msgspec.DecodeError, JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _bad_keys(f"a JWK set of 1 to {MAX_KEYS} public keys (RSA, EC, OKP)") from error


def _bad_keys(hint: str) -> Invalid:
    return Invalid("these are not the keys of a client", code="iam.client-keys", hint=hint)


def _secret(authentication: ClientAuthentication) -> Secret | None:
    return tokens.new_token(tokens.CLIENT_SECRET_PREFIX) if authentication is ClientAuthentication.SECRET else None


def _hash(secret: Secret | None) -> bytes | None:
    return None if secret is None else tokens.fingerprint(secret)


def _client(tx: Transaction, client_id: str) -> Client:
    found = clients.find(tx, client_id)
    if found is None:
        raise NotFound("no such client", code="iam.no-client")
    return found


def _view(client: Client) -> ClientView:
    settings = msgspec.structs.asdict(client.registration)
    return ClientView(id=client.id, created_by=client.created_by, created_at=client.created_at, **settings)
