"""Streams of a process that share a bound: each may hold much while few are under way, and less while many are."""

from collections.abc import Iterator
from contextlib import contextmanager


class Streams:
    """Counts those that are under way. For one event loop only."""

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

    def share(self, together: int) -> int:
        """What each of them has of so much, rounded down."""
        return together // max(1, self._streams)
