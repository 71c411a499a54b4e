"""How much of a stream is opened at once: much while few streams are under way, for each batch costs its way through threads
and loop; less while many are, so that all of them together hold no more than a bound.
"""

from typing import Final

from nexus.objects.sealing import SEGMENTS
from nexus.objects.sharing import Streams

FIRST_SEGMENTS: Final = 4
"""Segments (of 128 KiB) of a stream's first batch, which is opened before anything leaves: a reader waits for it."""
NEAR_SEGMENTS: Final = 4
"""The same of a batch that nobody has to wait for. It goes from the kernel's memory through opening into the HTTP engine and out
again at once: 512 KiB stay in a core's cache all the way, 2 MiB do not and cost a quarter more."""
MOST_SEGMENTS: Final = 16
"""The same of a batch that a thread waits for: 2 MiB of plaintext, one request to an engine that is elsewhere."""
ASKED_SEGMENTS: Final = 4
"""The most of a stream that a patient's decision can end: no more leaves between two questions."""
ALL_SEGMENTS: Final = 16
"""2 MiB of all streams of a process together. On its way from the disk to the socket each batch is held up to ten times."""


class Ahead(Streams):
    """Shared by the streams that a process reads."""

    def __init__(self) -> None:
        super().__init__()
        self.sealed = memoryview(bytearray(NEAR_SEGMENTS * SEGMENTS.segment_bytes))
        """Where sealed bytes lie while the loop opens them: always the same place, which is in the cache."""

    def near(self) -> int:
        """How many segments of what is at hand a stream may open at once now."""
        return min(NEAR_SEGMENTS, self.segments())

    def segments(self) -> int:
        """How many segments a stream may wait for at once now."""
        return max(1, min(MOST_SEGMENTS, self.share(ALL_SEGMENTS)))
