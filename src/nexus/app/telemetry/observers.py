"""The observers that are handed to what works: they count and trace, and know neither who asked nor for what."""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nexus.app.telemetry import catalogue, labels
from nexus.app.telemetry.health import RefusedCommits
from nexus.app.telemetry.tally import Numbers, Spread, Tallies
from nexus.kernel.observing import outcome_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from nexus.app.telemetry.tracing import Tracing


class CommitsWatch:
    """Watches the database of this process. Counted on the database's own thread, so that no request waits for it."""

    def __init__(self, tallies: Tallies, refused: RefusedCommits, tracing: "Tracing | None" = None) -> None:
        self._refused = refused
        self._tracing = tracing
        self._commits = tallies.number(catalogue.COMMITS)
        self._seconds = tallies.spread(catalogue.COMMIT_SECONDS)
        self._writers = tallies.spread(catalogue.COMMIT_WRITERS)
        self._entries = tallies.number(catalogue.ENTRIES)

    def queued(self) -> Any:
        """The span that this writer waits in, if it is traced."""
        return self._tracing.under_way() if self._tracing is not None else None

    def committed(self, waited: Sequence[Any], entries: int, seconds: float, error: BaseException | None) -> None:
        """Count it; each writer that is traced gets a span from when it began to wait."""
        outcome = outcome_of(error)
        self._refused.settled(outcome)
        self._commits.add(outcome)
        self._seconds.observe(seconds)
        self._writers.observe(len(waited))
        if error is None and entries:
            self._entries.add(by=entries)
        if self._tracing is not None:
            for outer in filter(None, waited):
                span = self._tracing.within(outer, "database commit")
                self._tracing.finish(span, outcome, writers=len(waited), entries=entries)


class _Call:
    """One call under way."""

    __slots__ = ("_labels", "_method", "_numbers", "_seconds", "_span", "_start", "_tracing", "traceparent")

    def __init__(
        self,
        numbers: Numbers,
        seconds: Spread,
        method: str,
        *labels: str,
        tracing: "Tracing | None" = None,
        span: "Span | None" = None,
    ) -> None:
        self._numbers, self._seconds = numbers, seconds
        self._labels, self._method = labels, method
        self._start = perf_counter()
        self._tracing, self._span = tracing, span
        self.traceparent = tracing.traceparent(span) if tracing is not None and span is not None else ""

    def ended(self, outcome: str) -> None:
        self._numbers.add(*self._labels, outcome)
        self._seconds.observe(perf_counter() - self._start, self._method)
        if self._tracing is not None and self._span is not None:
            self._tracing.finish(self._span, outcome)


class KeyCallsWatch:
    """Watches what this process asks of the key service."""

    def __init__(self, tallies: Tallies, tracing: "Tracing | None" = None) -> None:
        self._tallies = tallies
        self._tracing = tracing

    def began(self, method: str, caller: str = "", traceparent: str = "") -> _Call:
        """A call begins."""
        seconds = self._tallies.spread(catalogue.KEY_CALL_SECONDS)
        numbers, tracing = self._tallies.number(catalogue.KEY_CALLS), self._tracing
        span = tracing.child(f"key service call {labels.CALL.bounded(method)}") if tracing is not None else None
        return _Call(numbers, seconds, method, method, tracing=tracing, span=span)


class ServedCallsWatch:
    """Watches what the key service answers."""

    def __init__(self, tallies: Tallies, tracing: "Tracing | None" = None) -> None:
        self._tallies = tallies
        self._tracing = tracing

    def began(self, method: str, caller: str = "", traceparent: str = "") -> _Call:
        """A call has come. Callers may make up names of methods: those are `other`."""
        seconds = self._tallies.spread(catalogue.SERVED_SECONDS)
        numbers, tracing, span = self._tallies.number(catalogue.SERVED_CALLS), self._tracing, None
        if tracing is not None and traceparent:
            span = tracing.served(f"key service {labels.CALL.bounded(method)}", traceparent)
        return _Call(numbers, seconds, method, caller, method, tracing=tracing, span=span)


class _Question:
    """A question to the gate that is traced."""

    __slots__ = ("_span", "_tracing", "traceparent")

    def __init__(self, tracing: "Tracing", span: "Span") -> None:
        self._tracing, self._span = tracing, span
        self.traceparent = ""

    def ended(self, outcome: str) -> None:
        self._tracing.finish(self._span, outcome)


class _Untraced:
    """A question that is not."""

    traceparent = ""

    def ended(self, outcome: str) -> None:
        """Nothing was kept."""


_UNTRACED = _Untraced()


class DecisionsWatch:
    """Watches the gate of a process that traces."""

    def __init__(self, tracing: "Tracing") -> None:
        self._tracing = tracing

    def began(self) -> "_Question | _Untraced":
        """A question is asked."""
        span = self._tracing.child("authorise")
        return _UNTRACED if span is None else _Question(self._tracing, span)
