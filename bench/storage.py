"""The object store by itself: no HTTP and no signature, but encryption, audit log and durable commits, all of them.

`/CPU-s` is work done in a second of processor time, summed over the threads of the one process: what one core can do at
most. Beside it stand the figures by the clock on this machine, whatever else it is doing.
"""

import asyncio
import os
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import uvloop
from harness import GIB, Figure, figure, main, percentile

from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS as AUDIT
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.clock import SystemClock
from nexus.kernel.database import Database
from nexus.kernel.engines.port import Engine
from nexus.kernel.operation import Operation, system_actor
from nexus.kernel.secret import Secret
from nexus.kms.model import DataKey
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.migrations import MIGRATIONS as OBJECTS
from nexus.objects.model import Bucket
from nexus.objects.service import ObjectService

AT_ONCE = 64
"""Requests under way."""
SMALL, SMALL_COUNT = 4_096, 6_400
LARGE, PIECE = 512 << 20, 256 << 10
LISTED = 50_000


class InstantKeys:
    """A key service that costs nothing: one call for a bucket and actor disappears among the objects anyway."""

    leased = True

    async def generate(self, key_id: str, context: Mapping[str, str], op: Operation) -> DataKey:
        return DataKey(Secret(bytes(31) + b"\1"), b"wrapped")

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str], op: Operation) -> Secret:
        return Secret(bytes(31) + b"\1")

    async def rewrap(self, wrapped: Sequence[bytes], contexts: object, op: Operation) -> Sequence[bytes]:
        return wrapped

    def subscribe(self, callback: object) -> None:
        """Nothing ever changes."""


class Bench:
    def __init__(self, root: Path, engine: Engine | None = None) -> None:
        """`engine`: where the database lies, if not in a file below `root`."""
        clock, log = SystemClock(), AuditLog(OpeningKey(Secret(bytes(31) + b"\1")).public)
        self.op = Operation("op_bench", system_actor("bench"), "operation", clock.now(), "local", "bench")
        place = engine or root / "nexus.db"
        self.database = Database(place, key=Secret(bytes(31) + b"\1"), recorder=log)
        self.database.migrate([*OBJECTS, *AUDIT])
        self.objects = ObjectService(self.database, DiskBlobs(root / "blobs"), InstantKeys(), clock)

    async def bucket(self, name: str) -> Bucket:
        return await self.objects.buckets.create(self.op, name, site="chu", key_id="key_bench")

    def close(self) -> None:
        self.objects.close()
        self.database.close()


class Measured:
    """Operations a second by clock and by processor, and how long each took."""

    def __init__(self) -> None:
        self.by_clock: list[float] = []
        self.by_cpu: list[float] = []
        self.each: list[float] = []

    async def run(self, calls: Sequence[Callable[[], Awaitable[object]]], units: float) -> None:
        """Make the calls, `AT_ONCE` at a time; together they are worth so many units."""
        waiting = iter(calls)
        wall, cpu = time.perf_counter(), processor()

        async def worker() -> None:
            for call in waiting:
                began = time.perf_counter()
                await call()
                self.each.append(time.perf_counter() - began)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        self.by_clock.append(units / (time.perf_counter() - wall))
        self.by_cpu.append(units / (processor() - cpu))


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def body(size: int) -> AsyncIterator[bytes]:
    """A body in pieces as a server hands them on."""
    whole = memoryview(_RANDOM)
    for at in range(0, size, PIECE):
        yield bytes(whole[: min(PIECE, size - at)]) if size - at < PIECE else _RANDOM


_RANDOM = os.urandom(PIECE)


async def read(bench: Bench, bucket: Bucket, key: str) -> None:
    opened = await bench.objects.reading.get(bench.op, bucket, key)
    async for _ in opened.body:
        pass


async def small(bench: Bench, rounds: int) -> list[Figure]:
    """4 KiB objects: every request seals or opens, and waits for its audit entry to be on disk."""
    put, get = Measured(), Measured()
    for turn in range(rounds):
        bucket = await bench.bucket(f"small-{turn}")

        def putting(n: int, bucket: Bucket = bucket) -> Callable[[], Awaitable[object]]:
            return lambda: bench.objects.writing.put(bench.op, bucket, key_of(n), body(SMALL), length=SMALL)

        def getting(n: int, bucket: Bucket = bucket) -> Callable[[], Awaitable[object]]:
            return lambda: read(bench, bucket, key_of(n))

        await put.run([putting(n) for n in range(SMALL_COUNT)], SMALL_COUNT)
        await get.run([getting(n) for n in range(SMALL_COUNT)], SMALL_COUNT)
    return [*described("PUT 4 KiB", put, "3,000 a core"), *described("GET 4 KiB", get, "5,000 a core")]


def key_of(number: int) -> str:
    """Spread over the index, as names of studies are."""
    return f"{number * 7_919 % 1_000:03}/{number:06}.dcm"


def described(what: str, measured: Measured, target: str) -> list[Figure]:
    milliseconds = percentile(measured.each, 99) * 1e3
    return [
        figure(f"{what}, one core", measured.by_cpu, "/CPU-s", target=target),
        figure(f"{what}, {AT_ONCE} at once", measured.by_clock, "/s", limit="fdatasync"),
        Figure(f"{what}, p99 with {AT_ONCE} at once", milliseconds, "ms", target="20 ms"),
    ]


async def large(bench: Bench, rounds: int) -> list[Figure]:
    """One stream of half a GiB; the read follows the write, so that it comes from the disk first and the cache then."""
    put, get, bucket = Measured(), Measured(), await bench.bucket("large")
    for _ in range(rounds):
        await put.run(
            [lambda: bench.objects.writing.put(bench.op, bucket, "scan", body(LARGE), length=LARGE)], LARGE / GIB
        )
        await read(bench, bucket, "scan")
        await get.run([lambda: read(bench, bucket, "scan")], LARGE / GIB)
    await bench.objects.deleting.delete(bench.op, bucket, "scan")
    return [
        figure("PUT 512 MiB, one core", put.by_cpu, "GiB/CPU-s", limit="aes-gcm", target="1"),
        figure("PUT 512 MiB, one stream", put.by_clock, "GiB/s"),
        figure("GET 512 MiB, one core", get.by_cpu, "GiB/CPU-s", limit="aes-gcm", target="1.5"),
        figure("GET 512 MiB, one stream", get.by_clock, "GiB/s"),
    ]


async def listing(bench: Bench, rounds: int) -> list[Figure]:
    """Pages of a thousand out of fifty thousand, and the fifty directories that they lie in."""
    bucket = await bench.bucket("listed")
    calls = [
        lambda n=n: bench.objects.writing.put(bench.op, bucket, f"{n % 50:02}/{n:06}", body(1), length=1)
        for n in range(LISTED)
    ]
    await Measured().run(calls, 1)
    pages, directories = [], []
    for _ in range(rounds):
        began, token = time.perf_counter(), None
        for _ in range(LISTED // 1_000):
            token = (await bench.objects.listing.objects(bench.op, bucket, token=token)).next
        pages.append((time.perf_counter() - began) / (LISTED // 1_000) * 1e3)
        began = time.perf_counter()
        assert len((await bench.objects.listing.objects(bench.op, bucket, delimiter="/")).prefixes) == 50
        directories.append((time.perf_counter() - began) * 1e3)
    return [
        figure("list a page of 1,000 objects", pages, "ms"),
        figure(f"list 50 common prefixes over {LISTED:,} objects", directories, "ms"),
    ]


async def everything(rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        bench = Bench(Path(folder))
        try:
            return [
                *await small(bench, rounds),
                *await large(bench, rounds),
                *await listing(bench, rounds),
                Figure(
                    "memory of the process at its fullest",
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                    "MiB",
                    target="256 with 64 streams",
                ),
            ]
        finally:
            bench.close()


def measure(rounds: int) -> Iterable[Figure]:
    return uvloop.run(everything(rounds))


if __name__ == "__main__":
    main(measure)
