"""The relying party of WebAuthn: what is asked of authenticators, and whether their answers verify.

Checked of every answer, in order (W3C Web Authentication, "Verifying an authentication assertion" and "Registering a new
credential"): type of the ceremony, challenge, origin, not inside somebody else's page, RP id, user present, user
verified, algorithm, signature. What the signature counter says is judged by `passkeys.py`, which can act on it.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from nexus.kernel.errors import Invalid, Unauthenticated


class Algorithm(IntEnum):
    """What a passkey may sign with (COSE, RFC 9053), the preferred one first. The last is there for Windows Hello."""

    ES256 = -7
    EDDSA = -8
    ES512 = -36
    RS256 = -257


ALGORITHMS = tuple(Algorithm)
MAX_ANSWER_BYTES = 16_384
"""The longest part of an answer of an authenticator."""
NAME = "Nexus"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Registered:
    """A credential that an authenticator made and proved."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    model: str
    synced: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """An authenticator's signature over a challenge, as the browser hands it on."""

    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes = b""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """`id` is the host that credentials are bound to, `origin` the only address whose pages may use them."""

    id: str
    origin: str

    @staticmethod
    def at(console_url: str) -> "RelyingParty":
        """The relying party of the console at this address. Raises Invalid if it is none that browsers accept."""
        parts = urlsplit(console_url)
        if parts.scheme != "https" or not parts.hostname:
            raise Invalid("passkeys need a console under https", code="iam.console-url", hint="set console_url")
        port = f":{parts.port}" if parts.port not in (None, 443) else ""
        return RelyingParty(parts.hostname, f"https://{parts.hostname}{port}")

    def registered(self, client_data: bytes, attestation: bytes, challenge: bytes) -> Registered:
        """The credential that an authenticator made for `challenge`. Raises Unauthenticated."""
        _require_sizes(client_data, attestation)
        return _verified(lambda: self._registered(client_data, attestation, challenge))

    def asserted(self, answer: Assertion, challenge: bytes, public_key: bytes) -> int:
        """The signature counter of an authenticator that signed `challenge` under `public_key`. Raises Unauthenticated."""
        _require_sizes(answer.client_data, answer.authenticator_data, answer.signature, answer.user_handle)
        return _verified(lambda: self._asserted(answer, challenge, public_key))

    def _registered(self, client_data: bytes, attestation: bytes, challenge: bytes) -> Registered:
        from nexus.iam.ceremonies import Expected, verified_registration

        _require_top_level(client_data)
        expected = Expected(self.id, self.origin, challenge)
        verified = verified_registration(expected, client_data, attestation, ALGORITHMS)
        return Registered(
            verified.credential_id,
            verified.credential_public_key,
            verified.sign_count,
            verified.aaguid,
            verified.credential_backed_up,
        )

    def _asserted(self, answer: Assertion, challenge: bytes, public_key: bytes) -> int:
        from nexus.iam.ceremonies import Expected, verified_count

        _require_top_level(answer.client_data)
        expected = Expected(self.id, self.origin, challenge)
        said = (answer.client_data, answer.authenticator_data, answer.signature, answer.user_handle)
        return verified_count(expected, answer.credential_id, said, public_key)


def challenge_in(client_data: bytes) -> bytes:
    """The challenge that the browser says was signed; empty if there is none."""
    try:
        return msgspec.json.decode(client_data, type=_ClientData).challenge_bytes
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError):
        return b""


def nobodys_key() -> bytes:
    """A public key that nobody can sign for, in COSE form: verifying against it costs what verifying costs."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
    # {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
    return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y


class _ClientData(msgspec.Struct, frozen=True):
    challenge: str = ""
    cross_origin: bool = msgspec.field(default=False, name="crossOrigin")
    top_origin: str | None = msgspec.field(default=None, name="topOrigin")

    @property
    def challenge_bytes(self) -> bytes:
        return urlsafe_b64decode(self.challenge + "=" * (-len(self.challenge) % 4))


def _require_top_level(client_data: bytes) -> None:
    """The ceremony took place in our page, not in a frame of somebody else's."""
    said = msgspec.json.decode(client_data, type=_ClientData)
    if said.cross_origin or said.top_origin is not None:
        raise ValueError("a page inside another one")


def _require_sizes(*parts: bytes) -> None:
    if any(len(part) > MAX_ANSWER_BYTES for part in parts):
        raise Invalid("an answer of an authenticator is shorter", code="iam.passkey-too-long")


def _verified(check: Callable[[], T]) -> T:
    """What `check` returns; whatever else it does is one refusal, because it judges bytes that anybody can send."""
    try:
        return check()
    except Exception as error:
        raise Unauthenticated(
            "the passkey did not verify", code="iam.passkey-refused", hint="try again, on the platform's own page"
        ) from error
