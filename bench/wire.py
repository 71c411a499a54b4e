"""A load generator that costs little: requests are bytes made beforehand, answers are read and dropped.

Connections stay open and each sends its next request when the last one is answered, so the number of connections is the
number of requests under way. CPU seconds are those of the server's processes, so that the generator's own cost, on the
same machine, does not count.
"""

import asyncio
import ssl
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from harness import GIB, percentile

READ_LIMIT = 1 << 20
ANSWER_TIMEOUT_S = 120
START_TIMEOUT_S = 20


def tls_context(authority: Path) -> ssl.SSLContext:
    """TLS 1.3, verifying against this authority."""
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@dataclass(frozen=True)
class Result:
    """What a run of requests took."""

    requests: int
    seconds: float
    cpu_seconds: float
    """Of the server's processes together."""
    bytes_read: int
    took: Sequence[float]
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def requests_per_cpu_second(self) -> float:
        return self.requests / max(self.cpu_seconds, 1e-9)

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.took) * 1000

    @property
    def p99_ms(self) -> float:
        return percentile(self.took, 99) * 1000

    def gib_per_second(self, size: int) -> float:
        return self.requests * size / GIB / self.seconds

    def cpu_seconds_per_gib(self, size: int) -> float:
        return self.cpu_seconds / (self.requests * size / GIB)


class Load:
    """Sends requests to one server. `pid` is the process whose CPU time, with its descendants', is counted."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext, *, pid: int) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._process = psutil.Process(pid)

    async def until_answering(self, request: bytes) -> None:
        """Wait for the server to answer `request`, whatever it says."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                await self.run([request], connections=1)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def run(self, requests: Sequence[bytes | tuple[bytes, bytes]], *, connections: int) -> Result:
        """Send every request (head, or head and body) over this many connections, and read every answer."""
        waiting = iter(requests)
        took: list[float] = []
        statuses: Counter[int] = Counter()
        counted = [0]
        streams = [
            await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=READ_LIMIT)
            for _ in range(connections)
        ]

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for request in waiting:
                start = time.perf_counter()
                await _send(writer, request)
                status, size = await asyncio.wait_for(_answer(reader), ANSWER_TIMEOUT_S)
                took.append(time.perf_counter() - start)
                statuses[status] += 1
                counted[0] += size

        cpu, start = self._cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(one(*stream) for stream in streams))
        seconds, cpu = time.perf_counter() - start, self._cpu_seconds() - cpu
        for _, writer in streams:
            writer.close()
        return Result(len(requests), seconds, cpu, counted[0], took, statuses)

    async def paced(self, requests: Sequence[bytes | tuple[bytes, bytes]], *, rate: float, connections: int) -> Result:
        """Send so many requests a second, whether or not the former are answered, and read every answer.

        What each took counts from the moment at which it was to be sent: one that finds every connection taken waits, and
        its wait is the server's.
        """
        due = iter(enumerate(requests))
        took: list[float] = []
        statuses: Counter[int] = Counter()
        streams = [
            await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=READ_LIMIT)
            for _ in range(connections)
        ]

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for number, request in due:
                intended = start + number / rate
                await asyncio.sleep(max(0.0, intended - time.perf_counter()))
                await _send(writer, request)
                status, _ = await asyncio.wait_for(_answer(reader), ANSWER_TIMEOUT_S)
                took.append(time.perf_counter() - intended)
                statuses[status] += 1

        cpu, start = self._cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(one(*stream) for stream in streams))
        seconds, cpu = time.perf_counter() - start, self._cpu_seconds() - cpu
        for _, writer in streams:
            writer.close()
        return Result(len(requests), seconds, cpu, 0, took, statuses)

    def memory_mib(self) -> dict[str, float]:
        """Resident memory of each server process, by process id and name."""
        return {f"{each.pid} {each.name()}": each.memory_info().rss / (1 << 20) for each in self._processes()}

    def shares_mib(self) -> dict[str, float]:
        """Its proportional set, which divides what processes share among them; by process id and name. Needs their owner's rights."""
        return {f"{each.pid} {each.name()}": each.memory_full_info().pss / (1 << 20) for each in self._processes()}

    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def _cpu_seconds(self) -> float:
        total = 0.0
        for process in self._processes():
            times = process.cpu_times()
            total += times.user + times.system
        return total


async def _send(writer: asyncio.StreamWriter, request: bytes | tuple[bytes, bytes]) -> None:
    if isinstance(request, bytes):
        writer.write(request)
        return
    head, body = request
    writer.write(head)
    for start in range(0, len(body), READ_LIMIT):
        writer.write(memoryview(body)[start : start + READ_LIMIT])
        await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Read one response to its end; returns its status and the bytes of its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    if b"transfer-encoding: chunked" in lowered:
        return status, await _chunks(reader)
    at = lowered.find(b"content-length:")
    left = size = int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0
    while left:
        piece = await reader.read(min(left, READ_LIMIT))
        if not piece:
            raise ConnectionError("the server closed the connection inside a body")
        left -= len(piece)
    return status, size


async def _chunks(reader: asyncio.StreamReader) -> int:
    total = 0
    while size := int((await reader.readline()).split(b";")[0], 16):
        await reader.readexactly(size + 2)
        total += size
    await reader.readline()
    return total
