"""How the audit log stands: written by the worker, read by the doctor."""

from msgspec import Struct


class LogReport(Struct, frozen=True, kw_only=True):
    """How publication stands; `run/log.json`, for `nexus doctor`."""

    size: int
    """Entries under the newest checkpoint."""
    at: int
    """When that was found, microseconds since 1970."""
    witnessed: bool
    failures: dict[str, str]
    """Witness -> why it did not cosign."""


class VerificationReport(Struct, frozen=True, kw_only=True):
    """How the last verification of the whole log ended; `run/verified.json`."""

    at: int
    """Microseconds since 1970."""
    size: int
    """Entries that were verified."""
    ok: bool
    problems: int
