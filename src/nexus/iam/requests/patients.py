"""Patients' accounts: what the operations of their enrolment take and return. None of them needs a session."""

from typing import Annotated

import msgspec

from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


class PresentCode(Request, frozen=True, kw_only=True):
    """The one-time code of the letter, and the birth date (`1958-03-14`) that the hospital knows."""

    code: Secret
    birth_date: Secret


class PatientBeginning(Result, frozen=True, kw_only=True):
    """What to ask an authenticator for, and the login that goes with a password instead."""

    login: str
    challenge: bytes
    rp_id: str
    rp_name: str
    user_handle: bytes
    display_name: str
    algorithms: tuple[int, ...]
    expires_at: Instant


class PatientPasskey(PresentCode, frozen=True, kw_only=True):
    """What the authenticator answered: `clientDataJSON` and `attestationObject`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    client_data: bytes
    attestation: bytes


class PatientPassword(PresentCode, frozen=True, kw_only=True):
    """The password that the patient chooses."""

    password: Secret


class PatientSecondFactor(Result, frozen=True, kw_only=True):
    """The login, and the second factor to store in an authenticator application; shown once."""

    login: str
    otpauth_uri: Secret


class ConfirmPatient(PresentCode, frozen=True, kw_only=True):
    """A code from the authenticator proves that the second factor is in place."""

    totp: Secret
