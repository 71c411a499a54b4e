"""SQLite and PostgreSQL side by side, in turns, on the same disk: durable writes in groups, and small objects.

The server is one of our own, on this machine, reached by its socket: what a network adds is not in here.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import uvloop
from group_commit import SCHEMA, NoLog, write
from harness import Figure, figure, main, percentile
from storage import AT_ONCE, SMALL, Bench, Measured, body, key_of, read

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from nexus.kernel.database import Database
from nexus.kernel.secret import Secret
from simulators.postgresql import PostgresServer, running

WRITERS = {1: 200, 16: 2_000, 128: 4_000}
"""Writers at once -> writes in a round."""
OBJECTS = 1_600
SERVER = "PostgreSQL"
FILE = "SQLite"


def measure(rounds: int) -> Iterator[Figure]:
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(dir=Path(__file__).parent)))
        server = held.enter_context(running(memory=False))
        yield from commits(folder, server, rounds)
        yield from uvloop.run(objects(folder, server, rounds))


def commits(folder: Path, server: PostgresServer, rounds: int) -> Iterator[Figure]:
    """Rows of 200 bytes with an entry that no log takes: the database alone."""
    both = {
        FILE: Database(folder / "bench.db", key=Secret(bytes(32)), recorder=NoLog()),
        SERVER: Database(server.engine(), recorder=NoLog()),
    }
    for database in both.values():
        database.migrate([SCHEMA])
    for writers, count in WRITERS.items():
        samples: dict[str, list[float]] = {name: [] for name in both}
        for _ in range(rounds):
            for name, database in both.items():
                samples[name].append(asyncio.run(write(database, writers, count)))
        for name in both:
            yield figure(f"durable writes, {writers} writers, {name}", samples[name], "/s", limit="fdatasync")
    for database in both.values():
        database.close()


async def objects(folder: Path, server: PostgresServer, rounds: int) -> list[Figure]:
    """4 KiB objects, sealed, each with its entry in the audit log on disk before the answer."""
    both = {FILE: Bench(folder), SERVER: Bench(folder / "server", server.engine())}
    put = {name: Measured() for name in both}
    get = {name: Measured() for name in both}
    for turn in range(rounds):
        for name, bench in both.items():
            bucket = await bench.bucket(f"small-{turn}")
            await put[name].run(
                [
                    lambda n=n, b=bench, to=bucket: b.objects.writing.put(
                        b.op, to, key_of(n), body(SMALL), length=SMALL
                    )
                    for n in range(OBJECTS)
                ],
                OBJECTS,
            )
            await get[name].run(
                [lambda n=n, b=bench, of=bucket: read(b, of, key_of(n)) for n in range(OBJECTS)], OBJECTS
            )
    for bench in both.values():
        bench.close()
    return [
        each
        for what, measured in (("PUT 4 KiB", put), ("GET 4 KiB", get))
        for name, one in measured.items()
        for each in (
            figure(f"{what}, {AT_ONCE} at once, {name}", one.by_clock, "/s", limit="fdatasync"),
            Figure(f"{what}, p99, {name}", percentile(one.each, 99) * 1e3, "ms"),
        )
    ]


if __name__ == "__main__":
    main(measure)
