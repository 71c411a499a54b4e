"""The relying party of WebAuthn: what is asked of authenticators, and whether their answers verify.

Checked of every answer, in order (W3C Web Authentication, "Verifying an authentication assertion" and "Registering a new
credential"): type of the ceremony, challenge, origin, not inside somebody else's page, RP id, user present, user
verified, algorithm, signature. What the signature counter says is judged by `passkeys.py`, which can act on it.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url, encode_cbor, parse_attestation_object
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from nexus.kernel.errors import Invalid, Unauthenticated

ALGORITHMS = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_512,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
"""What a passkey may sign with, the preferred one first. The last is there for Windows Hello."""
ATTESTATIONS = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})
"""None is asked for; some authenticators vouch for themselves all the same."""
MAX_ANSWER_BYTES = 16_384
"""The longest part of an answer of an authenticator."""
MAX_CREDENTIAL_ID_BYTES = 1_023
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
        _require_top_level(client_data)
        parsed = parse_attestation_object(attestation)
        made = parsed.auth_data.attested_credential_data
        if parsed.fmt not in ATTESTATIONS or made is None or len(made.credential_id) > MAX_CREDENTIAL_ID_BYTES:
            raise ValueError("an attestation that is not accepted")
        verified = verify_registration_response(
            credential=RegistrationCredential(
                id=bytes_to_base64url(made.credential_id),
                raw_id=made.credential_id,
                response=AuthenticatorAttestationResponse(client_data, attestation),
            ),
            expected_challenge=challenge,
            expected_rp_id=self.id,
            expected_origin=self.origin,
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
        )
        return Registered(
            verified.credential_id,
            verified.credential_public_key,
            verified.sign_count,
            verified.aaguid,
            verified.credential_backed_up,
        )

    def _asserted(self, answer: Assertion, challenge: bytes, public_key: bytes) -> int:
        _require_top_level(answer.client_data)
        verified = verify_authentication_response(
            credential=AuthenticationCredential(
                id=bytes_to_base64url(answer.credential_id),
                raw_id=answer.credential_id,
                response=AuthenticatorAssertionResponse(
                    answer.client_data, answer.authenticator_data, answer.signature, answer.user_handle
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=self.id,
            expected_origin=self.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,  # judged by the caller, who has to act on it
            require_user_verification=True,
        )
        return verified.new_sign_count


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
    return encode_cbor({1: 2, 3: COSEAlgorithmIdentifier.ECDSA_SHA_256.value, -1: 1, -2: x, -3: y})


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
