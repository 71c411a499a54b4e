"""How much of a stream is opened at once: much while few streams are under way, for each batch costs its way through threads
and loop; less while many are, so that all of them together hold no more than a bound.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FIRST_SEGMENTS: Final = 4
"""Segments (of 128 KiB) of a stream's first batch, which is opened before anything leaves: a reader waits for it."""
MOST_SEGMENTS: Final = 16
"""2 MiB of plaintext."""
ASKED_SEGMENTS: Final = 4
"""The same of a stream that a patient's decision can end: no more leaves between two questions."""
ALL_SEGMENTS: Final = 16
"""2 MiB of all streams of a process together. On its way from the disk to the socket each batch is held up to ten times."""


class Ahead:
    """Counts the streams that are under way in a process. For its event loop only."""

    def __init__(self) -> None:
        self._streams = 0

    @contextmanager
    def stream(self) -> Iterator[None]:
        """One more, as long as the block runs."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def segments(self) -> int:
        """How many segments a stream may open at once now."""
        return max(1, min(MOST_SEGMENTS, ALL_SEGMENTS // max(1, self._streams)))
