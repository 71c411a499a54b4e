"""Where a command line begins to wait (RFC 8628, 3.1). It proves the key that its tokens will be bound to."""

import secrets
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint

from nexus.iam import tokens
from nexus.iam.oidc.endpoints import VERIFY
from nexus.iam.oidc.server import AUTHENTICATION_METHODS, DEVICE_CODE, IssuerServer
from nexus.iam.store import devices
from nexus.iam.store.devices import Waiting
from nexus.kernel.clock import MINUTE, SECOND, Instant
from nexus.kernel.operation import Operation

DEVICE_ENDPOINT: Final = "device_authorization"
VALID: Final = 10 * MINUTE
INTERVAL: Final = 2 * SECOND
"""Between two questions of a command line."""
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; no digits that look like letters. Eight of them are 34 bits, for ten minutes."""
MAX_WAITING: Final = 10
"""Command lines of one network origin that wait at the same time."""


class TooManyError(OAuth2Error):
    """There are too many that wait already."""

    error = "slow_down"


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """Hands out a device code for the program and a user code for the person."""

    CLIENT_AUTH_METHODS = AUTHENTICATION_METHODS
    EXPIRES_IN = VALID // SECOND
    INTERVAL = INTERVAL // SECOND
    server: IssuerServer
    operation: Operation

    def authenticate_client(self, request: Any) -> Any:
        """The command line, with the key that it proved."""
        client = super().authenticate_client(request)
        if not client.check_grant_type(DEVICE_CODE):
            raise UnauthorizedClientError
        if not self.server.scene.asked.jkt:
            raise InvalidRequestError("A DPoP proof is required.")
        return client

    def generate_device_code(self) -> str:
        """256 random bits."""
        return tokens.new_token(tokens.WAITING_PREFIX).reveal().decode()

    def generate_user_code(self) -> str:
        """Eight letters, such as `BCDF-GHJK`."""
        return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(2))

    def get_verification_uri(self) -> str:
        """Where the person types the code."""
        return self.server.scene.endpoints.at(VERIFY)

    def save_device_credential(self, client_id: str, scope: str | None, data: dict[str, Any]) -> None:
        """Let it wait. Raises TooManyError."""
        scene, op = self.server.scene, self.operation
        new = Waiting(
            device_hash=tokens.fingerprint(data["device_code"]),
            user_code=data["user_code"],
            client=client_id,
            jkt=scene.asked.jkt,
            origin=op.origin,
            agent=op.client,
            created_at=scene.now,
            expires_at=Instant(scene.now + VALID),
            interval=INTERVAL,
            polled_at=Instant(0),
            state="waiting",
            person="",
            proof=None,
        )
        if devices.count(scene.tx, op.origin, scene.now) >= MAX_WAITING or not devices.add(scene.tx, new):
            raise TooManyError


def device_authorization(op: Operation) -> type[DeviceAuthorization]:
    """The endpoint for one request: Authlib makes it itself, so what it needs of the request is in its class."""
    return type("DeviceAuthorizationOfOneRequest", (DeviceAuthorization,), {"operation": op})
