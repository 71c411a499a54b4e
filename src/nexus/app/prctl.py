"""What a Linux process may ask of the kernel about itself. Other systems have no such call: there, nothing happens."""

import ctypes
from contextlib import suppress
from typing import Final

_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36


def set_readable(allowed: bool) -> None:
    """Whether processes of the same user may read this one's memory, environment and descriptors, or trace it."""
    _prctl(_PR_SET_DUMPABLE, allowed)


def adopt_orphans(wanted: bool) -> None:
    """Whether descendants whose parent has ended become children of this process, instead of the first one's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, wanted)


def _prctl(option: int, value: bool) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, int(value), 0, 0, 0)
