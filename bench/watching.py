"""What watching costs: a request at a door, a commit, a question to the gate, without observers and with them.

    .venv/bin/python bench/watching.py [--rounds N] [--json]

Counting cannot be switched off, so it is measured beside the same thing without it: the bare application, a database and a
gate without observer. Traces are off by default; then a request costs one comparison more, and with them on, a request that chance
did not choose costs one random number more. A request that is traced is measured for itself. The whole: small reads of the
object store inside one process, with its signature, its gate, its entry and its commit.

Pairs are measured in turns, round by round, in processor time, so that what else the machine does changes little.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness import Figure, figure, main

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from nexus.app import settings
from nexus.app.telemetry import catalogue
from nexus.app.telemetry.doorway import Doorway
from nexus.app.telemetry.watch import Watch
from nexus.kernel.database import Database
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from simulators.operations import operation
from simulators.recorder import MemoryRecorder
from simulators.s3_door import open_s3_door

REQUESTS = 5_000
READS = 300
WRITERS = 64
COMMITS = 20
MICROSECONDS = 1e6
SCOPE = {"type": "http", "method": "GET", "path": "/bucket/key", "headers": []}


async def trivial(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    return


def tracing(per_thousand: int) -> Watch:
    """A process that traces so many of 1,000 requests."""
    address = "https://collector.example/v1/traces"
    return Watch("s3", settings.load(None, {}, trace_collector=address, trace_per_thousand=per_thousand))


async def _seconds(app: Callable[..., Awaitable[None]], watch: Watch | None) -> float:
    """Processor time of one request, without what surrounds it."""
    start = time.process_time()
    for _ in range(REQUESTS):
        await app(dict(SCOPE), _receive, _send)
    took = (time.process_time() - start) / REQUESTS
    if watch is not None and watch.tracing is not None:
        while watch.tracing.take() is not None:
            pass
    return took


def doors(rounds: int) -> Iterator[Figure]:
    """A trivial application, and the same behind a doorway."""
    watches: dict[str, Watch | None] = {
        "a bare application": None,
        "counted, traces off": Watch(),
        "counted, traces on, 0 of 1,000 chosen": tracing(0),
        "counted, traces on, every request chosen": tracing(1_000),
    }
    apps = {
        what: (trivial if watch is None else Doorway("s3", trivial, watch), watch) for what, watch in watches.items()
    }
    took: dict[str, list[float]] = {what: [] for what in apps}
    for _ in range(rounds):
        for what, (app, watch) in apps.items():
            took[what].append(asyncio.run(_seconds(app, watch)) * MICROSECONDS)
    for what, samples in took.items():
        yield figure(f"request: {what}", samples, "CPU-us")


async def _read(client: Any) -> float:
    """Processor time of one read, that of the database's thread with it."""
    start = time.process_time()
    for _ in range(READS):
        assert (await client("GET", "/bench/small")).status == 200
    return (time.process_time() - start) / READS


def reads(rounds: int, folder: Path) -> Iterator[Figure]:
    """Small reads, one after the other, each with its durable entry."""
    watches = {"not watched": None, "counted, traces off": Watch(), "counted, 10 of 1,000 traced": tracing(10)}
    took: dict[str, list[float]] = {what: [] for what in watches}

    async def measured() -> None:
        clients = {}
        with ExitStack() as stack:
            for what, watch in watches.items():
                (place := folder / what.replace(" ", "-")).mkdir()
                door = open_s3_door(place, observer=watch.commits if watch else None)
                stack.callback(door.close)
                if watch is not None:
                    door.app = Doorway("s3", door.app, watch)
                clients[what] = door.client()
                await clients[what]("PUT", "/bench")
                await clients[what]("PUT", "/bench/small", body=b"x" * 4_096)
                await _read(clients[what])
            for _ in range(rounds):
                for what, client in clients.items():
                    took[what].append(await _read(client) * MICROSECONDS)

    asyncio.run(measured())
    for what, samples in took.items():
        yield figure(f"GET of 4 KiB, in process: {what}", samples, "CPU-us")


def commits(rounds: int, folder: Path) -> Iterator[Figure]:
    """Entries of many writers that share commits."""
    found: dict[str, list[float]] = {"not watched": [], "counted": []}

    async def measured(db: Database) -> float:
        start = time.process_time()
        for _ in range(COMMITS):
            await asyncio.gather(*(db.record(operation().allowed("bench", PLATFORM)) for _ in range(WRITERS)))
        return (time.process_time() - start) / (COMMITS * WRITERS) * MICROSECONDS

    dbs = {
        what: Database(folder / f"{what}.db", key=Secret(b"k" * 32), recorder=MemoryRecorder(), observer=observer)
        for what, observer in (("not watched", None), ("counted", Watch().commits))
    }
    for _ in range(rounds):
        for what, db in dbs.items():
            found[what].append(asyncio.run(measured(db)))
    for what, db in dbs.items():
        db.close()
        yield figure(f"entry of {WRITERS} writers: {what}", found[what], "CPU-us")


def report(rounds: int) -> Iterator[Figure]:
    """What a process with every verb of S3 spends once a second on telling how it is."""
    watch = Watch()
    verbs = [f"Verb{number}" for number in range(70)]
    watch.tallies.tables["route"] = frozenset(verbs)
    for verb in verbs:
        for status in ("2xx", "4xx", "5xx"):
            watch.tallies.number(catalogue.REQUESTS).add("s3", verb, "GET", status)
        watch.tallies.spread(catalogue.REQUEST_SECONDS).observe(0.01, "s3", verb)
    from nexus.app.telemetry.report import pack

    samples = []
    for _ in range(rounds * 20):
        start = time.process_time()
        pack(watch.report())
        samples.append((time.process_time() - start) * MICROSECONDS)
    yield figure("one report, 70 verbs", samples, "CPU-us", note="once a second")


def measure(rounds: int) -> Iterable[Figure]:
    """All of it."""
    yield from doors(rounds)
    yield from report(rounds)
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".bench-") as folder:
        yield from commits(rounds, Path(folder))
        yield from reads(rounds, Path(folder))


if __name__ == "__main__":
    main(measure)
