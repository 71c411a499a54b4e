"""The name of a process in the list of processes: `ps` shows whatever stands where its arguments were.

Linux alone: the kernel says where the arguments lie (`proc(5)`, fields 48 and 49 of `stat`). If the last byte of that place is not
zero, it takes what stands there for a title of this kind and shows it up to its first zero.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/self/stat")
_ARG_START, _ARG_END = 48, 49
_FIRST_AFTER_NAME: Final = 3
"""Fields before it: the number of the process and its name, which may hold anything, and ends with the last bracket."""


@dataclass(frozen=True, slots=True)
class TitlePlace:
    """Where the arguments of this process lie."""

    start: int
    size: int

    def write(self, title: str) -> None:
        """Show this title from now on, cut off where it is longer than the arguments were."""
        text = title.encode()[: self.size - 2]
        ctypes.memmove(self.start, text.ljust(self.size - 1, b"\0") + b" ", self.size)


def title_place() -> TitlePlace | None:
    """Where to write; None where the kernel does not say."""
    try:
        fields = _STAT.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    start, end = (int(fields[number - _FIRST_AFTER_NAME]) for number in (_ARG_START, _ARG_END))
    return TitlePlace(start, end - start) if start and end - start > 1 else None
