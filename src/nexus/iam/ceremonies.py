"""The ceremonies of WebAuthn as the library verifies them. Imported by whoever has an answer to verify: the library is large."""

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

from nexus.iam.relying_party import ALGORITHMS, MAX_CREDENTIAL_ID_BYTES, Assertion, RelyingParty

ATTESTATIONS: Final = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})
"""None is asked for; some authenticators vouch for themselves all the same."""


def verified_registration(
    party: RelyingParty, client_data: bytes, attestation: bytes, challenge: bytes
) -> VerifiedRegistration:
    """What an authenticator made for `challenge`. Raises whatever the library raises."""
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
        expected_challenge=challenge,
        expected_rp_id=party.id,
        expected_origin=party.origin,
        require_user_verification=True,
        supported_pub_key_algs=[COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS],
    )


def verified_count(party: RelyingParty, answer: Assertion, challenge: bytes, public_key: bytes) -> int:
    """The signature counter of an authenticator that signed `challenge`. Raises whatever the library raises."""
    verified = verify_authentication_response(
        credential=AuthenticationCredential(
            id=bytes_to_base64url(answer.credential_id),
            raw_id=answer.credential_id,
            response=AuthenticatorAssertionResponse(
                answer.client_data, answer.authenticator_data, answer.signature, answer.user_handle
            ),
        ),
        expected_challenge=challenge,
        expected_rp_id=party.id,
        expected_origin=party.origin,
        credential_public_key=public_key,
        credential_current_sign_count=0,  # judged by the caller, who has to act on it
        require_user_verification=True,
    )
    return verified.new_sign_count
