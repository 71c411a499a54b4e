"""Authlib's authorization server over one transaction of our database.

Authlib is synchronous and so is the work of a transaction: a whole request of the protocol is validated and carried out
inside `Database.write`, and its audit entry commits with it. A server lives for one request. What Authlib calls a user
is the id of a person; tokens travel through it as `Secret`, so that nothing it logs can hold one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError

from nexus.iam import tokens
from nexus.iam.oidc import assertions
from nexus.iam.oidc.assertions import BadToken, check_assertion
from nexus.iam.oidc.commandline import CLIENT_ID, COMMAND_LINE
from nexus.iam.oidc.dpop import BAD_PROOF, Possession
from nexus.iam.oidc.endpoints import PUSH, Endpoints
from nexus.iam.oidc.model import Client, ClientAuthentication
from nexus.iam.store import clients
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.secret import Secret

AUTHENTICATION_METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
"""In the order in which they are tried; `none` is for public clients only."""
TOKEN_ENDPOINT: Final = "token"  # noqa: S105 - Authlib's name for it
DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
REFUSED_CLIENT: Final = "The client could not be authenticated."
"""For every reason, so that nobody learns which clients exist."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the protocol, reduced. `fields` has each parameter once; a repeated one never gets here."""

    fields: Mapping[str, str]
    authorization: str = ""
    """The header."""
    possession: Possession | None = None
    """The DPoP proof that came along, if one did; verified, but for its being seen for the first time."""
    pushed: bytes = b""
    """Fingerprint of the reference under which the client had pushed this request before; empty if it came as it is."""

    @property
    def jkt(self) -> str:
        """Thumbprint of the key that was proved; empty if none was."""
        return self.possession.jkt if self.possession else ""


@dataclass(slots=True)
class Reply:
    """What goes back. `body` holds secrets as `Secret`; `error` is set where the request was refused."""

    status: int
    body: Any
    headers: Sequence[tuple[str, str]] = ()
    error: str = ""
    reason: str = ""
    """For the log, where it knows more than the client is told."""


class BadProofError(OAuth2Error):
    """A proof of a key is missing, or is of another key."""

    error = BAD_PROOF


class RegisteredClient(ClientMixin):
    """A client as Authlib asks for it.

    `strict` (the setting `strict_tools`): whatever it was registered with, a tool pushes its requests, receives tokens
    bound to a key, and proves itself by a key pair. The command line, which keeps no secret, is bound to its key always.
    """

    def __init__(self, client: Client, *, strict: bool = False) -> None:
        self.client = client
        self._strict = strict and client.id != CLIENT_ID

    @property
    def pushes(self) -> bool:
        """Whether people arrive from it with a pushed request only."""
        return self._strict or self.client.registration.pushed_requests

    @property
    def binds(self) -> bool:
        """Whether its tokens are bound to a key."""
        return self._strict or self.client.registration.bound_tokens

    def get_client_id(self) -> str:
        """Its id."""
        return self.client.id

    def get_default_redirect_uri(self) -> str | None:
        """None: the address is always named."""
        return None

    def get_allowed_scope(self, scope: str) -> str | None:
        """Everything that was asked for, or None: what goes beyond the registration is refused, not narrowed."""
        asked = (scope or "").split()
        known = {scope.value for scope in self.client.registration.scopes}
        return " ".join(sorted(set(asked))) if asked and known.issuperset(asked) and "openid" in asked else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Character by character."""
        return redirect_uri in self.client.registration.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compared as hashes of 256 random bits."""
        stored = self.client.secret_hash
        return stored is not None and Secret(tokens.fingerprint(client_secret)) == Secret(stored)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A client authenticates in the way that it is registered with, at every endpoint."""
        registered = self.client.registration.authentication
        if self._strict and registered is not ClientAuthentication.PRIVATE_KEY:
            return False
        if registered is ClientAuthentication.SECRET:
            return method in {"client_secret_basic", "client_secret_post"}
        return method == registered.value

    def check_response_type(self, response_type: str) -> bool:
        """The code flow and no other."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Codes for tools, device codes for the command line, refresh tokens for those who are registered for them."""
        if grant_type == "refresh_token":
            return self.client.registration.refresh
        return grant_type == (DEVICE_CODE if self.client.id == CLIENT_ID else "authorization_code")


class _Payload(OAuth2Payload):
    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)

    @property
    def data(self) -> dict[str, str]:
        return self._fields

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, {name: [value] for name, value in self._fields.items()})


class ProtocolRequest(OAuth2Request):
    """A request as Authlib asks for it."""

    def __init__(self, method: str, uri: str, asked: Asked) -> None:
        headers = {"Authorization": asked.authorization} if asked.authorization else {}
        super().__init__(method, uri, headers=headers)
        self.payload = _Payload(asked.fields)

    @property
    def args(self) -> dict[str, str]:
        """The parameters."""
        return dict(self.payload.data)

    @property
    def form(self) -> dict[str, str]:
        """The parameters."""
        return dict(self.payload.data)


@dataclass
class Scene:
    """Everything that a request may look at: the transaction, the time, who we are."""

    tx: Transaction
    now: Instant
    endpoints: Endpoints
    asked: Asked
    strict: bool = False
    """What every tool has to do: see `RegisteredClient`."""
    reason: str = ""
    """Why it was refused, for the log."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the entry will say, with ids only."""


class IssuerServer(AuthorizationServer):
    """Validates and carries out one request of the protocol."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self.refused: OAuth2Error | None = None
        self.register_client_auth_method("private_key_jwt", self._by_assertion)

    def query_client(self, client_id: str) -> RegisteredClient | None:
        """The client of this id, or None."""
        found = COMMAND_LINE if client_id == CLIENT_ID else clients.find(self.scene.tx, client_id)
        return None if found is None else RegisteredClient(found, strict=self.scene.strict)

    def authenticate_client(
        self, request: Any, methods: Sequence[str], endpoint: str = TOKEN_ENDPOINT
    ) -> RegisteredClient:
        """The client, by the one way that it is registered with. Every failure gives the same answer."""
        try:
            client: RegisteredClient = super().authenticate_client(request, AUTHENTICATION_METHODS, endpoint)
        except (InvalidClientError, BadToken) as error:
            status = 401 if self.scene.asked.authorization else 400
            raise InvalidClientError(description=REFUSED_CLIENT, status_code=status) from error
        self.scene.facts["client"] = client.client.id
        if endpoint == TOKEN_ENDPOINT and client.binds and not self.scene.asked.jkt:
            raise BadProofError("A DPoP proof is required.")
        return client

    def _by_assertion(self, query_client: Any, request: Any) -> RegisteredClient | None:
        form = request.form
        if form.get("client_assertion_type") != assertions.ASSERTION_TYPE or not form.get("client_assertion"):
            return None
        found: RegisteredClient | None = query_client(assertions.claimed_subject(form["client_assertion"]))
        if found is None or form.get("client_id", found.client.id) != found.client.id:
            raise BadToken
        here = self.scene.endpoints
        meant = [here.issuer, here.token, here.at(PUSH)]
        check_assertion(self.scene.tx, found.client, form["client_assertion"], meant, self.scene.now)
        return found

    def create_oauth2_request(self, request: Any) -> ProtocolRequest:
        """As it comes: we build requests ourselves."""
        return request  # type: ignore[no-any-return]

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Reply:
        """What goes back."""
        error = self.refused.error if self.refused is not None else ""
        return Reply(status, body, tuple(headers), error or "", self.scene.reason)

    def handle_error_response(self, request: Any, error: OAuth2Error) -> Reply:
        """A refusal, with what the log is told of it."""
        self.refused = error
        reply: Reply = super().handle_error_response(request, error)
        return reply

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""
