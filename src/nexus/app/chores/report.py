"""What the worker has found, in files of `run/` that the doctor reads."""

from msgspec import Struct

from nexus.objects.scrubbing import Round


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


class ScrubReport(Struct, frozen=True, kw_only=True):
    """The walks over all blobs; `run/scrubbed.json`. Each kind: the one under way, and the last one that ended."""

    quick: Round | None = None
    full: Round | None = None
    last_quick: Round | None = None
    last_full: Round | None = None
