"""What a process tells the supervisor every second, on the pipe on which it said that it is ready: a length, then MessagePack.

Nobody else holds an end of that pipe, so a report needs no sender: the supervisor knows whose it is.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

EVERY_S: Final = 1.0
SILENT_AFTER_S: Final = 5.0
"""A process that has told nothing for so long is stuck."""
LENGTH_BYTES: Final = 4
MAX_BATCHES: Final = 16
"""Batches of spans that wait to be taken from a process; the oldest give way."""
MAX_REPORT_BYTES: Final = 8 << 20
"""Every series there is, and a full buffer of spans, fit twice."""
UNREAD_BYTES: Final = 1 << 20
"""A process whose reports nobody reads stops telling."""

Labels = tuple[str, ...]


class Distribution(Struct, frozen=True, array_like=True):
    """A histogram: how many values fell into each bucket (the last one has no upper bound), and their sum."""

    counts: tuple[int, ...]
    total: float


class Batch(Struct, frozen=True, array_like=True):
    """Finished spans of traces: how many, and all of them in OTLP (protobuf)."""

    spans: int
    body: bytes


class Report(Struct, frozen=True, kw_only=True):
    """A process as it is now."""

    missing: tuple[str, ...] = ()
    """Names of `health.Component`."""
    numbers: Mapping[str, Mapping[Labels, float]] = {}
    """Metric -> values of its labels -> value, of counters and gauges."""
    distributions: Mapping[str, Mapping[Labels, Distribution]] = {}
    batch: Batch | None = None
    """Spans that were finished since the last report."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Report)


def pack(report: Report) -> bytes:
    """A report on the pipe."""
    body = _ENCODER.encode(report)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


async def receive(pipe: asyncio.StreamReader) -> Report:
    """The next report. Raises EOFError when the process is gone, ValueError (also msgspec's) on anything else."""
    try:
        length = int.from_bytes(await pipe.readexactly(LENGTH_BYTES), "big")
        if not 0 < length <= MAX_REPORT_BYTES:
            raise ValueError("this is no report")
        body = await pipe.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise EOFError("the process is gone") from error
    return _DECODER.decode(body)


class Heard:
    """The last report of a process, and when it came."""

    def __init__(self) -> None:
        self.report = Report()
        self.batches: deque[Batch] = deque(maxlen=MAX_BATCHES)
        self._at = time.monotonic()
        self._told = False

    def hear(self, report: Report) -> None:
        self.report, self._at, self._told = report, time.monotonic(), True
        if report.batch is not None:
            self.batches.append(report.batch)

    @property
    def told(self) -> bool:
        """Whether it has told anything at all."""
        return self._told

    @property
    def is_silent(self) -> bool:
        """Whether it has told nothing for too long."""
        return time.monotonic() - self._at > SILENT_AFTER_S
