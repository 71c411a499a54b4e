"""How much of a body is sealed and written at once: much while few bodies are under way, for each batch costs its way through a
thread and back; less while many are, so that all of them together hold no more than a bound.
"""

from typing import Final

from nexus.objects.sealing import SEGMENTS
from nexus.objects.sharing import Streams

MOST_SEGMENTS: Final = 8
"""Segments (of 128 KiB) of a batch: 1 MiB of plaintext."""
LEAST_SEGMENTS: Final = 4
"""The same however many bodies are under way."""
ALL_SEGMENTS: Final = 128
"""16 MiB of all bodies of a process together, as long as each has more than the least."""
BATCH_BYTES: Final = MOST_SEGMENTS * SEGMENTS.plain_bytes


class Batches(Streams):
    """Shared by the bodies that a process takes in."""

    def plain_bytes(self) -> int:
        """Plaintext bytes of a batch now: whole segments."""
        return max(LEAST_SEGMENTS, min(MOST_SEGMENTS, self.share(ALL_SEGMENTS))) * SEGMENTS.plain_bytes
