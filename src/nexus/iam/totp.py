"""The second factor: time-based one-time codes (RFC 6238), each good once."""

import hmac
import secrets
from base64 import b32encode

import pyotp

from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.secret import Secret

STEP_S = 30
DIGITS = 6
DRIFT_STEPS = 1
"""Codes of the step before and after are taken too: clocks differ."""
SECRET_BYTES = 20
ISSUER = "Nexus"


def new_secret() -> Secret:
    """A fresh second factor, in base 32 as authenticators take it."""
    return Secret(b32encode(secrets.token_bytes(SECRET_BYTES)))


def uri(secret: Secret, login: str) -> Secret:
    """The otpauth address that authenticators read, usually as a QR code."""
    return Secret(pyotp.TOTP(secret.reveal().decode()).provisioning_uri(name=login, issuer_name=ISSUER).encode())


def step_of(now: Instant) -> int:
    """The time step that a moment lies in."""
    return now // SECOND // STEP_S


def code_at(secret: Secret, step: int) -> str:
    """The code of one time step."""
    return pyotp.HOTP(secret.reveal().decode(), digits=DIGITS).at(step)


def matching_step(secret: Secret, code: Secret, now: Instant, last_step: int) -> int | None:
    """The step whose code this is, if that step comes after `last_step`: a code seen once is worth nothing.

    Takes the same time whichever step matches, or none.
    """
    typed = code.reveal().decode("utf-8", "replace").strip().encode()
    found = None
    for step in range(step_of(now) - DRIFT_STEPS, step_of(now) + DRIFT_STEPS + 1):
        same = hmac.compare_digest(code_at(secret, step).encode(), typed)
        if same and step > last_step:
            found = step
    return found
