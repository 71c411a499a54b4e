"""The device grant (RFC 8628), bound to a key: the command line asks until the person has decided in her browser."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError
from authlib.oauth2.rfc8628 import DeviceCodeGrant

from nexus.iam import tokens
from nexus.iam.model import SESSION_ABSOLUTE, Factor, IdentityState, Session
from nexus.iam.oidc.grants import store_tokens
from nexus.iam.oidc.model import Authorization, Proof, Scope
from nexus.iam.oidc.server import AUTHENTICATION_METHODS, IssuerServer
from nexus.iam.opening import MAX_SESSIONS
from nexus.iam.store import credentials, devices, identities, issued
from nexus.iam.store.devices import Waiting
from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.ids import new_id

SLOWER = 5 * SECOND
"""Added to the interval each time somebody asks too soon."""


class WaitingDevice:
    """A command line as Authlib asks for it."""

    def __init__(self, waiting: Waiting, now: Instant) -> None:
        self.waiting = waiting
        self._now = now

    def get_client_id(self) -> str:
        """The client that asked."""
        return self.waiting.client

    def get_scope(self) -> str:
        """Who it acts for, and nothing more: what it may do is decided at each operation."""
        return Scope.OPENID.value

    def get_user_code(self) -> str:
        """What the person typed."""
        return self.waiting.user_code

    def is_expired(self) -> bool:
        """Whether nobody decided in time."""
        return self._now >= self.waiting.expires_at


class DeviceGrant(DeviceCodeGrant):
    """Exchanges a device code once, for whoever holds the key that asked for it."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: IssuerServer

    def query_device_credential(self, device_code: str) -> WaitingDevice | None:
        """What waits under this code and key."""
        scene = self.server.scene
        found = devices.by_device(scene.tx, tokens.fingerprint(device_code))
        if found is None or found.state == "spent":
            return None
        if not scene.asked.jkt or found.jkt != scene.asked.jkt:
            scene.reason = "device code with another key"
            return None
        self._waiting = found
        return WaitingDevice(found, scene.now)

    def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
        """What the person decided, or None."""
        if self._waiting.state == "waiting":
            return None
        return self._waiting.person, self._waiting.state == "allowed"

    def should_slow_down(self, credential: WaitingDevice) -> bool:
        """Whether it asked too soon; then it has to wait longer from here on."""
        scene, waiting = self.server.scene, credential.waiting
        soon = scene.now < waiting.polled_at + waiting.interval
        devices.polled(scene.tx, waiting.device_hash, scene.now, waiting.interval + (SLOWER if soon else 0))
        return soon

    def save_token(self, token: dict[str, Any]) -> None:
        """A session of its own for the command line, an authorization bound to its key, and the first tokens."""
        scene, waiting, person = self.server.scene, self._waiting, self._waiting.person
        identity = identities.identity(scene.tx, person)
        proof: Proof | None = waiting.proof
        if identity is None or identity.state is not IdentityState.ACTIVE or proof is None:
            raise InvalidGrantError("The person is not active.")
        if not devices.spend(scene.tx, waiting.device_hash):
            raise InvalidGrantError("Used before.")
        ends, factors = Instant(scene.now + SESSION_ABSOLUTE), frozenset(Factor(name) for name in proof.factors)
        session = Session(
            new_id("ses"), person, waiting.origin, waiting.agent, scene.now, scene.now, ends, factors, proof.at
        )
        unknown = tokens.fingerprint(tokens.new_token(tokens.SESSION_PREFIX))  # a token that nobody will ever hold
        credentials.add_session(scene.tx, session, unknown, MAX_SESSIONS)
        new = Authorization(
            new_id("oau"),
            waiting.client,
            person,
            session.id,
            token["scope"],
            proof,
            waiting.jkt,
            scene.now,
            ended=False,
        )
        issued.add_authorization(scene.tx, new)
        store_tokens(scene, new, token)
        token["authorization"], token["nonce"] = new, ""
