"""Spans of one process: from a door over the gate and the database to the key service. Off unless a collector is named.

A request is traced or it is not, once, at the door: chance decides, never the client, whose `traceparent` is not read. What
is done for a request that is not traced costs one look at a context variable.

A span holds names of routes, methods, classes of outcomes, sizes and times, and the operation's id, which says something only
to who may read the audit log. Nothing else is ever put into one: no path, no address, no id of a person, a patient or an object.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from typing import Final

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from nexus import __version__
from nexus.app.telemetry import catalogue
from nexus.app.telemetry.report import Batch
from nexus.app.telemetry.tally import Tallies
from nexus.kernel.observing import OK

MAX_WAITING: Final = 2_048
"""Finished spans that a process keeps; further ones are dropped, and counted."""
MAX_BATCH: Final = 512
"""Spans that are told at a time: about 15 ms of processor time."""
THOUSAND: Final = 1_000
_WELL: Final = frozenset({OK, "allowed", "denied", "1xx", "2xx", "3xx", "4xx"})
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class Tracing:
    """Makes and keeps the spans of this process."""

    def __init__(self, process: str, per_thousand: int, tallies: Tallies) -> None:
        """`per_thousand`: requests at a door that are traced, by chance."""
        self._buffer = _Buffer(tallies)
        self._share = per_thousand / THOUSAND
        resource = Resource({"service.name": "nexus", "service.version": __version__, "nexus.process": process})
        provider = TracerProvider(ParentBased(ALWAYS_ON), resource, shutdown_on_exit=False)
        provider.add_span_processor(self._buffer)
        self._tracer = provider.get_tracer("nexus")

    def chooses(self) -> bool:
        """Whether the request that has just come is traced."""
        return random.random() < self._share  # noqa: S311 - a sample, not a secret

    @staticmethod
    async def around(span: Span, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` within a span, in a task of its own, so that no other request sees it."""
        within = copy_context()
        within.run(context.attach, trace.set_span_in_context(span))

        async def run() -> None:
            await work()

        await asyncio.get_running_loop().create_task(run(), context=within)

    def root(self, name: str) -> Span:
        """The span of a request at a door."""
        return self._tracer.start_span(name, context.Context(), SpanKind.SERVER)

    def child(self, name: str, kind: SpanKind = SpanKind.INTERNAL, start: int | None = None) -> Span | None:
        """A span within the one under way; None where nothing is traced."""
        if not trace.get_current_span().is_recording():
            return None
        return self._tracer.start_span(name, kind=kind, start_time=start)

    def within(self, outer: "Outer", name: str) -> Span:
        """A span within one that was under way on another thread, from then until now."""
        return self._tracer.start_span(name, trace.set_span_in_context(outer.span), start_time=outer.since)

    def served(self, name: str, traceparent: str) -> Span | None:
        """The span of a call that another process traces, and the one under way in this task; None where it does not."""
        known = trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent})).get_span_context()
        if not traceparent or not known.is_valid or not known.trace_flags.sampled:
            return None
        parent = trace.set_span_in_context(trace.NonRecordingSpan(known))
        span = self._tracer.start_span(name, parent, SpanKind.SERVER)
        context.attach(trace.set_span_in_context(span))
        return span

    @staticmethod
    def under_way() -> "Outer | None":
        """The span of the work that goes on here, if it is traced."""
        span = trace.get_current_span()
        return Outer(span) if span.is_recording() else None

    @staticmethod
    def traceparent(span: Span) -> str:
        """What another process is told of a span."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
        return carrier.get("traceparent", "")

    @staticmethod
    def finish(span: Span, outcome: str, **attributes: str | int) -> None:
        """End a span with its outcome and what is said of it."""
        span.set_attributes({"nexus.outcome": outcome, **{f"nexus.{name}": said for name, said in attributes.items()}})
        if outcome not in _WELL:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def take(self) -> Batch | None:
        """Finished spans, to be told; the rest waits for the next time."""
        return self._buffer.take()


class Outer:
    """A span under way, and since when somebody waits within it."""

    __slots__ = ("since", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.since = time.time_ns()


class _Buffer(SpanProcessor):
    """Finished spans, until they are told. Never waits: what does not fit is dropped."""

    def __init__(self, tallies: Tallies) -> None:
        self._spans: deque[ReadableSpan] = deque()
        self._count = tallies.number(catalogue.SPANS)

    def on_end(self, span: ReadableSpan) -> None:
        if len(self._spans) >= MAX_WAITING:
            self._count.add("dropped")
            return
        self._spans.append(span)
        self._count.add("kept")

    def take(self) -> Batch | None:
        spans: Sequence[ReadableSpan] = [self._spans.popleft() for _ in range(min(MAX_BATCH, len(self._spans)))]
        return Batch(len(spans), encode_spans(spans).SerializeToString()) if spans else None
