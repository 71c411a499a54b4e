"""The ceremonies of WebAuthn as the library verifies them. Imported by whoever has an answer to verify: the library is large."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url, parse_attestation_object
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

MAX_CREDENTIAL_ID_BYTES: Final = 1_023
ATTESTATIONS: Final = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})
"""None is asked for; some authenticators vouch for themselves all the same."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer must be for: the host that credentials are bound to, the address of its pages, the challenge."""

    host: str
    origin: str
    challenge: bytes


def verified_registration(
    expected: Expected, client_data: bytes, attestation: bytes, algorithms: Sequence[int]
) -> VerifiedRegistration:
    """What an authenticator made, which signs with one of the `algorithms` (COSE). Raises whatever the library raises."""
    parsed = parse_attestation_object(attestation)
    made = parsed.auth_data.attested_credential_data
    if parsed.fmt not in ATTESTATIONS or made is None or len(made.credential_id) > MAX_CREDENTIAL_ID_BYTES:
        raise ValueError("an attestation that is not accepted")
    return verify_registration_response(
        credential=RegistrationCredential(
            id=bytes_to_base64url(made.credential_id),
            raw_id=made.credential_id,
            response=AuthenticatorAttestationResponse(client_data, attestation),
        ),
        expected_challenge=expected.challenge,
        expected_rp_id=expected.host,
        expected_origin=expected.origin,
        require_user_verification=True,
        supported_pub_key_algs=[COSEAlgorithmIdentifier(algorithm) for algorithm in algorithms],
    )


def verified_count(expected: Expected, credential_id: bytes, answer: Sequence[bytes], public_key: bytes) -> int:
    """The signature counter of an authenticator. Raises whatever the library raises.

    `answer`: what the browser says, what the authenticator says, its signature, and its name for the account.
    """
    verified = verify_authentication_response(
        credential=AuthenticationCredential(
            id=bytes_to_base64url(credential_id),
            raw_id=credential_id,
            response=AuthenticatorAssertionResponse(*answer),
        ),
        expected_challenge=expected.challenge,
        expected_rp_id=expected.host,
        expected_origin=expected.origin,
        credential_public_key=public_key,
        credential_current_sign_count=0,  # judged by the caller, who has to act on it
        require_user_verification=True,
    )
    return verified.new_sign_count
