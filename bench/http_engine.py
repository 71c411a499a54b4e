"""The S3 application behind other HTTP servers and loops than ours, in turns; and where its time goes behind ours.

Decision 24 rests on these figures. Rates are for each CPU second of the serving process: the clients' own cost is not in them.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness import Figure, figure, main
from http_served import BUCKET, REGION, SERVERS
from signing import Signer
from wire import Load, Result, tls_context

from nexus.app.children import MEMORY

HERE = Path(__file__).resolve().parent
SMALL, SMALL_REQUESTS = 4_096, 1_000
LARGE, LARGE_REQUESTS = 32 << 20, 4
CONNECTIONS = 16
PROFILED = 2_000
LEAST_SHARE = 0.01


class Served:
    """One server, up, with objects in it."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        self.name, self.pid = name, process.pid
        self._signer = Signer(told["key"], told["secret"], f"127.0.0.1:{told['port']}", REGION)
        self._load = Load("127.0.0.1", told["port"], tls_context(Path(told["authority"])), pid=process.pid)
        asyncio.run(self._load.until_answering(self._head("HEAD", "")))

    def put(self, size: int, count: int, connections: int, *, prefix: str = "o") -> Result:
        body, length = os.urandom(size), {"content-length": str(size)}
        return self._send(
            [(self._head("PUT", f"{prefix}/{number:05}", length), body) for number in range(count)], connections
        )

    def get(self, count: int, connections: int, *, of: int) -> Result:
        return self._send([self._head("GET", f"o/{number % of:05}") for number in range(count)], connections)

    def _send(self, requests: list[bytes | tuple[bytes, bytes]], connections: int) -> Result:
        result = asyncio.run(self._load.run(requests, connections=connections))
        if refused := {status: count for status, count in result.statuses.items() if status >= 300}:
            raise RuntimeError(f"answers that are no success: {refused}")
        return result

    def _head(self, method: str, key: str, headers: dict[str, str] | None = None) -> bytes:
        return self._signer.request(method, f"/{BUCKET}/{key}" if key else f"/{BUCKET}", headers=headers)


@contextmanager
def served(name: str, *, samples: Path | None = None) -> Iterator[Served]:
    """A server of this name in a process of its own."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".bench-") as folder:
        told = {"NEXUS_BENCH_SAMPLES": str(samples)} if samples else {}
        told |= MEMORY  # as the platform starts its processes
        command = [sys.executable, str(HERE / "http_served.py"), name, folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **told})
        try:
            yield Served(name, process)
        finally:
            process.kill()
            process.wait()


def measure(rounds: int) -> Iterator[Figure]:
    found: dict[tuple[str, str], list[Result]] = {}
    with ExitStack() as held:
        servers = [held.enter_context(served(name)) for name in SERVERS]
        for each in servers:
            each.put(SMALL, SMALL_REQUESTS, CONNECTIONS)
        for turn in range(rounds):  # in turns, so that a machine that changes speed changes it for all of them
            for each in _from(servers, turn):
                small_get = each.get(SMALL_REQUESTS, CONNECTIONS, of=SMALL_REQUESTS)
                found.setdefault((each.name, "GET 4 KiB"), []).append(small_get)
                small_put = each.put(SMALL, SMALL_REQUESTS, CONNECTIONS, prefix="p")
                found.setdefault((each.name, "PUT 4 KiB"), []).append(small_put)
        for each in servers:
            each.put(LARGE, LARGE_REQUESTS, 1)
        for turn in range(rounds):
            for each in _from(servers, turn):
                large_get = each.get(LARGE_REQUESTS, 1, of=LARGE_REQUESTS)
                found.setdefault((each.name, "GET 32 MiB"), []).append(large_get)
                large_put = each.put(LARGE, LARGE_REQUESTS, 1)
                found.setdefault((each.name, "PUT 32 MiB"), []).append(large_put)
    for what in ("GET 4 KiB", "PUT 4 KiB", "GET 32 MiB", "PUT 32 MiB"):
        for name in SERVERS:
            yield _described(what, name, found[name, what])
    yield from _profile()


def _from(servers: list[Served], turn: int) -> list[Served]:
    """All of them, another one first each time."""
    return servers[turn % len(servers) :] + servers[: turn % len(servers)]


def _described(what: str, name: str, results: list[Result]) -> Figure:
    if "KiB" in what:
        note = f"p50 {results[0].p50_ms:.3g} ms, p99 {results[0].p99_ms:.3g} ms"
        rates = [each.requests_per_cpu_second for each in results]
        return figure(f"{what}: {name}", rates, "/CPU-s", limit="granian", note=note)
    cost = [each.cpu_seconds_per_gib(LARGE) for each in results]
    return figure(f"{what}: {name}", cost, "CPU-s/GiB", limit="tls-socket-cpu")


def _profile() -> Iterator[Figure]:
    """Shares of the serving process's CPU time, by layer of its loop."""
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "samples"
        with served("granian", samples=samples) as server:
            server.put(SMALL, PROFILED, CONNECTIONS)
            for what in ("GET", "PUT"):
                os.kill(server.pid, signal.SIGUSR1)
                if what == "GET":
                    result = server.get(PROFILED, CONNECTIONS, of=PROFILED)
                else:
                    result = server.put(SMALL, PROFILED, CONNECTIONS, prefix="q")
                os.kill(server.pid, signal.SIGUSR2)
                yield from _layers(what, result, samples)


def _layers(what: str, result: Result, samples: Path) -> Iterator[Figure]:
    deadline = time.monotonic() + 10
    while not samples.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    found = json.loads(samples.read_text())
    samples.unlink()
    total, each_us = sum(found.values()), result.cpu_seconds / result.requests * 1e6
    for layer, count in sorted(found.items(), key=lambda item: -item[1]):
        if count / total >= LEAST_SHARE:
            share = f"{count / total:.0%} of the process"
            yield Figure(f"{what} 4 KiB, CPU of {layer}", each_us * count / total, "us", note=share)


if __name__ == "__main__":
    main(measure)
