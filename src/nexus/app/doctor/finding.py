"""What a check finds."""

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    REAL = "real"
    """It does what it says."""
    EMULATED = "emulated"
    """It follows the protocol without the protection: good for tests, not for patients' data."""
    DEGRADED = "degraded"
    """It works with less protection, speed or redundancy than it could have."""
    BROKEN = "broken"
    """It does not do what the platform promises."""
    UNKNOWN = "unknown"
    """It could not be found out."""


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the doctor's table. `mend` is empty where there is nothing to mend."""

    subject: str
    state: State
    says: str
    mend: str = ""


def real(subject: str, says: str) -> Finding:
    return Finding(subject=subject, state=State.REAL, says=says)


def emulated(subject: str, says: str, mend: str) -> Finding:
    return Finding(subject=subject, state=State.EMULATED, says=says, mend=mend)


def degraded(subject: str, says: str, mend: str) -> Finding:
    return Finding(subject=subject, state=State.DEGRADED, says=says, mend=mend)


def broken(subject: str, says: str, mend: str) -> Finding:
    return Finding(subject=subject, state=State.BROKEN, says=says, mend=mend)


def unknown(subject: str, says: str, mend: str = "") -> Finding:
    return Finding(subject=subject, state=State.UNKNOWN, says=says, mend=mend)
