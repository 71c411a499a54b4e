"""What the exit code of `nexus` says; scripts rely on it. docs/reference/exit-codes.md is the same table in words."""

from enum import IntEnum
from typing import Final

from nexus.kernel.errors import (
    Conflict,
    Damaged,
    Denied,
    Invalid,
    NexusError,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)


class ExitCode(IntEnum):
    """Stable numbers: a new meaning gets a new number."""

    OK = 0
    OTHER = 1
    USAGE = 2
    DENIED = 3
    NOT_FOUND = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    DAMAGED = 7
    APPROVAL_PENDING = 8
    INTERRUPTED = 130


_BY_KIND: Final[tuple[tuple[type[NexusError], ExitCode], ...]] = (
    (Invalid, ExitCode.USAGE),
    (Unauthenticated, ExitCode.DENIED),
    (Denied, ExitCode.DENIED),
    (NotFound, ExitCode.NOT_FOUND),
    (Conflict, ExitCode.CONFLICT),
    (Throttled, ExitCode.UNAVAILABLE),
    (Unavailable, ExitCode.UNAVAILABLE),
    (Damaged, ExitCode.DAMAGED),
)


def exit_code_of(error: NexusError) -> ExitCode:
    """The exit code of an error, by its kind."""
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), ExitCode.OTHER)
