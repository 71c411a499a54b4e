"""Memory that sealed bytes are written to the disk from. It is used again: the kernel gives new memory a page at a time, each zeroed, which
costs an object of a few MiB more than its encryption. It holds sealed bytes only, whoever's they were.
"""

import mmap
from typing import Final

from nexus.objects.model import MIB

ROOM_BYTES: Final = MIB + MIB // 8
"""Of each: a batch of 1 MiB, sealed. What is not touched takes no memory."""
KEPT: Final = 8
"""Most that are kept while nobody uses them."""


class Rooms:
    """Gives them out and takes them back, from any thread."""

    def __init__(self) -> None:
        self._kept: list[mmap.mmap] = []

    def take(self, length: int) -> mmap.mmap:
        """One of `length` bytes at least, which begins at a page. What is in it means nothing."""
        if length <= ROOM_BYTES:
            try:
                return self._kept.pop()
            except IndexError:
                length = ROOM_BYTES
        return mmap.mmap(-1, length)

    def give_back(self, room: mmap.mmap) -> None:
        """Nobody looks at it any more. One that is not kept goes with the last view of it."""
        if len(room) == ROOM_BYTES and len(self._kept) < KEPT:
            self._kept.append(room)
