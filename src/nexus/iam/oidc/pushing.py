"""Pushed authorization requests (PAR, RFC 9126): the client sends its request to us itself, and people bring a reference.

So nothing of the request passes through a browser where somebody could read or change it, and the client has proved who it
is before anybody is asked. Steps of a push, each of which refuses:

1. A proof of a key that came along is new.
2. The client authenticates, in the one way that it is registered with.
3. The request does not itself refer to another one, and speaks for this client.
4. A proof of a key, and the thumbprint that is asked for, are of one key; codes are then exchanged with that key only.
5. It is validated as at the authorization endpoint.
6. It is kept under the hash of a random reference, for `PUSHED_VALID`.

A reference is good for this client, until then, and for one code or one refusal: signing in and reading the page that asks
come before that.
"""

from collections.abc import Mapping
from typing import Final

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error

from nexus.iam import tokens
from nexus.iam.oidc.device_endpoint import TooManyError
from nexus.iam.oidc.endpoints import AUTHORIZE, PUSH, Endpoints
from nexus.iam.oidc.grants import server_for
from nexus.iam.oidc.issuer import entry_of, replayed
from nexus.iam.oidc.model import PUSHED_VALID
from nexus.iam.oidc.server import (
    AUTHENTICATION_METHODS,
    Asked,
    BadProofError,
    IssuerServer,
    ProtocolRequest,
    Reply,
    Scene,
)
from nexus.iam.oidc.validating import validated
from nexus.iam.store import pushed
from nexus.kernel.clock import SECOND, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret

ACTION: Final = "iam.oidc.push"
REFERENCE: Final = "urn:ietf:params:oauth:request_uri:"
OF_THE_CLIENT: Final = frozenset({"client_secret", "client_assertion", "client_assertion_type"})
"""Parameters that prove who the client is: not part of what it asks."""


class Pushing:
    """The endpoint that takes requests."""

    def __init__(self, db: Database, clock: Clock, endpoints: Endpoints, *, strict: bool = False) -> None:
        """`strict`: as in `Issuer`."""
        self._db = db
        self._clock = clock
        self._endpoints = endpoints
        self._strict = strict

    async def push(self, op: Operation, asked: Asked) -> Reply:
        """Keep a request; the answer names it. One transaction, one entry."""

        def work(tx: Transaction) -> Recorded[Reply]:
            scene = Scene(tx, self._clock.now(), self._endpoints, asked, self._strict)
            reply = replayed(scene) or self._kept(scene)
            return Recorded(reply, entry_of(op, ACTION, scene, reply))

        return await self._db.write(work)

    def _kept(self, scene: Scene) -> Reply:
        server, request = server_for(scene), ProtocolRequest("POST", self._endpoints.at(PUSH), scene.asked)
        try:
            client = server.authenticate_client(request, AUTHENTICATION_METHODS, "pushed_authorization_request")
            fields = _asked_for(scene.asked, client.client.id)
            self._validate(server, fields)
            if pushed.count(scene.tx, client.client.id, scene.now) >= pushed.MAX_WAITING:
                raise TooManyError
        except OAuth2Error as error:
            error.redirect_uri = None  # a program asks, and hears it itself
            return server.handle_error_response(request, error)
        return server.handle_response(201, _keep(scene, client.client.id, fields), ())

    def _validate(self, server: IssuerServer, fields: Mapping[str, str]) -> None:
        validated(server, ProtocolRequest("GET", self._endpoints.at(AUTHORIZE), Asked(fields)), None)


def taken_up(tx: Transaction, asked: Asked, now: Instant) -> Asked:
    """The request that a reference stands for; one that holds no reference, or one that stands for nothing, as it is."""
    if not refers(asked):
        return asked
    digest = tokens.fingerprint(asked.fields["request_uri"])
    found = pushed.find(tx, digest, asked.fields.get("client_id", ""), now)
    return asked if found is None else Asked(found, pushed=digest)


def refers(asked: Asked) -> bool:
    """Whether it holds a reference of ours, rather than a request."""
    return asked.fields.get("request_uri", "").startswith(REFERENCE)


def use_up(tx: Transaction, asked: Asked) -> bool:
    """From here on its reference stands for nothing; False if it did already."""
    return pushed.spend(tx, asked.pushed)


def _asked_for(asked: Asked, client: str) -> dict[str, str]:
    """Steps 3 and 4: the parameters of the request. Raises OAuth2Error."""
    fields = {name: value for name, value in asked.fields.items() if name not in OF_THE_CLIENT}
    if "request_uri" in fields or fields.setdefault("client_id", client) != client:
        raise InvalidRequestError
    if asked.jkt and fields.setdefault("dpop_jkt", asked.jkt) != asked.jkt:
        raise BadProofError("Another key was named than was proved.")
    return fields


def _keep(scene: Scene, client: str, fields: Mapping[str, str]) -> dict[str, Secret | int]:
    reference = REFERENCE + tokens.new_token(tokens.PUSHED_PREFIX).reveal().decode()
    ends = Instant(scene.now + PUSHED_VALID)
    pushed.add(scene.tx, tokens.fingerprint(reference), client, fields, ends)
    return {"request_uri": Secret(reference.encode()), "expires_in": PUSHED_VALID // SECOND}
