"""Load on a whole platform, as `nexus up` starts it: TLS, signature, authorisation, encryption, audit entry, sync.

Large and 4 KiB objects, GET and PUT, list, and memory under many streams. Rates are given twice: as the clients saw them,
and for each CPU second of the server's processes together, because the generator runs on the same cores.
"""

import asyncio
import os
import statistics
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from harness import GIB, Figure, figure, main, percentile
from limits import commit_latencies
from platform_under_load import Running, running
from wire import Load, Result, tls_context

SMALL = 4096
LARGE = 64 << 20
SMALL_REQUESTS = 2000
SMALL_OBJECTS = 500
LARGE_REQUESTS = 8
CONNECTIONS = 16
WAITING = 128
"""Connections of a load that comes whether or not the server keeps up."""
LISTS = 50
STREAMS = 64
STREAM_SIZE = 128 << 20
MEMORY_EVERY_S = 0.1


class S3Load:
    """The requests of one benchmark against one bucket."""

    def __init__(self, platform: Running) -> None:
        self._platform = platform
        self._load = Load(platform.host, platform.s3_port, tls_context(platform.authority), pid=platform.pid)

    def send(self, requests: list[bytes | tuple[bytes, bytes]], connections: int) -> Result:
        """Run requests; raises RuntimeError unless every answer is a success."""
        return self._checked(asyncio.run(self._load.run(requests, connections=connections)))

    def _checked(self, result: Result) -> Result:
        refused = {status: count for status, count in result.statuses.items() if status >= 300}
        if refused:
            raise RuntimeError(f"answers that are no success: {refused}")
        return result

    def put(self, keys: Iterable[str], body: bytes, connections: int) -> Result:
        length = {"content-length": str(len(body))}
        return self.send([(self._head("PUT", key, headers=length), body) for key in keys], connections)

    def get(self, keys: Iterable[str], connections: int) -> Result:
        return self.send([self._head("GET", key) for key in keys], connections)

    def paced(self, keys: Iterable[str], body: bytes | None, rate: float) -> Result:
        """GET, or PUT of a body, so many a second."""
        length = {"content-length": str(len(body or b""))}
        puts = [(self._head("PUT", key, headers=length), body) for key in keys] if body is not None else []
        requests = puts or [self._head("GET", key) for key in keys]
        return self._checked(asyncio.run(self._load.paced(requests, rate=rate, connections=WAITING)))

    def shares_mib(self) -> dict[str, float]:
        return self._load.shares_mib()

    def list(self, count: int, connections: int) -> Result:
        query = {"list-type": "2", "max-keys": "1000"}
        return self.send([self._head("GET", "", query=query)] * count, connections)

    @contextmanager
    def watched(self) -> Iterator[dict[str, float]]:
        """The highest memory (MiB) that each process of the server reached inside the block."""
        highest: dict[str, float] = {}
        done = threading.Event()

        def watch() -> None:
            while not done.wait(MEMORY_EVERY_S):
                for process, used in self._load.memory_mib().items():
                    highest[process] = max(used, highest.get(process, 0.0))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield highest
        finally:
            done.set()
            thread.join()

    def _head(
        self, method: str, key: str, *, query: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        path = f"/{self._platform.bucket}/{key}" if key else f"/{self._platform.bucket}"
        return self._platform.signer.request(method, path, query=query, headers=headers)


def small(load: S3Load, rounds: int) -> Iterator[Figure]:
    """4 KiB objects over connections that stay open."""
    body = os.urandom(SMALL)
    keys = [f"small/{number:06}" for number in range(SMALL_OBJECTS)]
    load.put(keys, body, CONNECTIONS)
    puts = [
        load.put([f"put/{turn}/{number:06}" for number in range(SMALL_REQUESTS)], body, CONNECTIONS)
        for turn in range(rounds)
    ]
    wanted = [keys[number % SMALL_OBJECTS] for number in range(SMALL_REQUESTS)]
    gets = [load.get(wanted, CONNECTIONS) for _ in range(rounds)]
    for verb, results, target in (("GET", gets, "2,000 → 5,000"), ("PUT", puts, "1,000 → 2,500")):
        per_core = [result.requests_per_cpu_second for result in results]
        yield figure(f"{verb} 4 KiB, a core", per_core, "/CPU-s", limit="granian", target=f"{target} a core")
        seen = [result.requests_per_second for result in results]
        limit = "sqlite-commit"
        yield figure(f"{verb} 4 KiB, {CONNECTIONS} connections", seen, "/s", limit=limit)
        yield figure(f"{verb} 4 KiB, p50", [result.p50_ms for result in results], "ms")
        yield figure(f"{verb} 4 KiB, p99", [result.p99_ms for result in results], "ms", target="20 ms")
        half = statistics.median(seen) / 2
        names = [wanted if verb == "GET" else [f"paced/{turn}/{name}" for name in wanted] for turn in range(rounds)]
        paced = [load.paced(each, None if verb == "GET" else body, half) for each in names]
        note = f"{half:,.0f} /s, counted from when each was due"
        for percent in (50, 99):
            took = [percentile(result.took, percent) * 1000 for result in paced]
            wish = "20 ms" if percent == 99 else ""
            yield figure(f"{verb} 4 KiB at half of that rate, p{percent}", took, "ms", target=wish, note=note)


def commits(rounds: int) -> Iterator[Figure]:
    """What a commit alone takes in the same run: no request that is recorded can be faster."""
    took = [commit_latencies() for _ in range(rounds)]
    for percent in (50, 99):
        each = [percentile(samples, percent) * 1000 for samples in took]
        yield figure(f"a bare SQLite commit, p{percent}", each, "ms")


def large(load: S3Load, rounds: int) -> Iterator[Figure]:
    """64 MiB objects, one stream. They are written past the kernel's memory, so the first reading of each is from the disk."""
    body = os.urandom(LARGE)
    keys = [f"large/{number}" for number in range(LARGE_REQUESTS)]
    puts = [load.put(keys, body, 1) for _ in range(rounds)]
    first = load.get(keys, 1)
    gets = [load.get(keys, 1) for _ in range(rounds)]
    sides = (("GET", gets, "1.0", "tls-socket-cpu"), ("PUT", puts, "0.7", "tls-receiver-cpu"))
    for verb, results, target, side in sides:
        per_core = [1 / result.cpu_seconds_per_gib(LARGE) for result in results]
        yield figure(f"{verb} 64 MiB, a core", per_core, "GiB/CPU-s", target=f"{target} GiB/s a core")
        cost = [result.cpu_seconds_per_gib(LARGE) for result in results]
        yield figure(f"{verb} 64 MiB, cost", cost, "CPU-s/GiB", limit=side, target="twice the bare socket")
        if verb == "GET":
            from_disk = [first.cpu_seconds_per_gib(LARGE)]
            note = "just written: nothing of it is in the kernel's memory"
            yield figure("GET 64 MiB for the first time, cost", from_disk, "CPU-s/GiB", limit=side, note=note)
        else:
            yield figure("PUT 64 MiB, cost beside the sender", cost, "CPU-s/GiB", limit="tls-socket-cpu")
        seen = [result.gib_per_second(LARGE) for result in results]
        yield figure(f"{verb} 64 MiB, one stream", seen, "GiB/s", limit="tls-socket", target="half of the bare socket")


def listing(load: S3Load, rounds: int) -> Iterator[Figure]:
    """Pages of 1,000 keys."""
    results = [load.list(LISTS, 4) for _ in range(rounds)]
    yield figure("list 1,000 keys, a core", [result.requests_per_cpu_second for result in results], "/CPU-s")
    yield figure("list 1,000 keys, p50", [result.p50_ms for result in results], "ms")


def memory(load: S3Load) -> Iterator[Figure]:
    """The largest process of the server while many clients read a large object at once."""
    load.put(["stream"], os.urandom(STREAM_SIZE), 1)
    with load.watched() as idle:
        asyncio.run(asyncio.sleep(1))
    shares = load.shares_mib()
    with load.watched() as busy:
        result = load.get(["stream"] * STREAMS, STREAMS)
    yield Figure("memory of the largest process, idle", max(idle.values()), "MiB", target="64 MiB a worker")
    yield Figure(
        "its own share (PSS), of the largest", max(shares.values()), "MiB", note=f"{sum(shares.values()):.0f} all"
    )
    what = f"memory of the largest process, {STREAMS} streams of {STREAM_SIZE >> 20} MiB"
    yield Figure(what, max(busy.values()), "MiB", target="256 MiB")
    yield Figure(f"GET, {STREAMS} streams", STREAMS * STREAM_SIZE / GIB / result.seconds, "GiB/s", limit="tls-socket")


def measure(rounds: int) -> Iterator[Figure]:
    with running() as platform:
        load = S3Load(platform)
        yield from commits(rounds)
        yield from small(load, rounds)
        yield from listing(load, rounds)
        yield from large(load, rounds)
        yield from memory(load)


if __name__ == "__main__":
    main(measure)
