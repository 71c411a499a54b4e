"""The observers that are handed to what works: they count, and know neither who asked nor for what."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from nexus.app.telemetry import catalogue
from nexus.app.telemetry.health import RefusedCommits
from nexus.app.telemetry.tally import Numbers, Spread, Tallies
from nexus.kernel.observing import outcome_of


class CommitsWatch:
    """Watches the database of this process. Counted on the database's own thread, so that no request waits for it."""

    def __init__(self, tallies: Tallies, refused: RefusedCommits) -> None:
        self._refused = refused
        self._commits = tallies.number(catalogue.COMMITS)
        self._seconds = tallies.spread(catalogue.COMMIT_SECONDS)
        self._writers = tallies.spread(catalogue.COMMIT_WRITERS)
        self._entries = tallies.number(catalogue.ENTRIES)

    def queued(self) -> Any:
        """Nothing is kept for one writer."""
        return None

    def committed(self, waited: Sequence[Any], entries: int, seconds: float, error: BaseException | None) -> None:
        """Count it."""
        outcome = outcome_of(error)
        self._refused.settled(outcome)
        self._commits.add(outcome)
        self._seconds.observe(seconds)
        self._writers.observe(len(waited))
        if error is None and entries:
            self._entries.add(by=entries)


class _Call:
    """One call under way."""

    __slots__ = ("_labels", "_method", "_numbers", "_seconds", "_start", "traceparent")

    def __init__(self, numbers: Numbers, seconds: Spread, method: str, *labels: str) -> None:
        self._numbers, self._seconds = numbers, seconds
        self._labels, self._method = labels, method
        self._start = perf_counter()
        self.traceparent = ""

    def ended(self, outcome: str) -> None:
        self._numbers.add(*self._labels, outcome)
        self._seconds.observe(perf_counter() - self._start, self._method)


class KeyCallsWatch:
    """Watches what this process asks of the key service."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies

    def began(self, method: str, caller: str = "", traceparent: str = "") -> _Call:
        """A call begins."""
        seconds = self._tallies.spread(catalogue.KEY_CALL_SECONDS)
        return _Call(self._tallies.number(catalogue.KEY_CALLS), seconds, method, method)


class ServedCallsWatch:
    """Watches what the key service answers."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies

    def began(self, method: str, caller: str = "", traceparent: str = "") -> _Call:
        """A call has come. Callers may make up names of methods: those are `other`."""
        seconds = self._tallies.spread(catalogue.SERVED_SECONDS)
        return _Call(self._tallies.number(catalogue.SERVED_CALLS), seconds, method, caller, method)
