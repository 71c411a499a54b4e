"""The database under many writers: durable writes with their entries a second, alone and together."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import Figure, figure, main

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Migration, Recorded, Transaction
from nexus.kernel.operation import PLATFORM, Entry, Operation, system_actor
from nexus.kernel.secret import Secret

WRITES = 4000
SCHEMA = Migration("bench", 1, ("CREATE TABLE bench_row (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",))


class NoLog:
    """The audit log costs its own; here only the database is measured."""

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        assert entries


def _entry() -> Entry:
    operation = Operation("op_bench", system_actor("bench"), "operation", Instant(0), "local", "bench")
    return operation.allowed("platform.configure", PLATFORM)


async def write(database: Database, writers: int, count: int) -> float:
    """Writes a second."""
    entry = _entry()

    def insert(tx: Transaction) -> Recorded[int]:
        return Recorded(tx.execute("INSERT INTO bench_row (body) VALUES (?)", (bytes(200),)), entry)

    async def writer() -> None:
        for _ in range(count // writers):
            await database.write(insert)

    start = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(writers)))
    return count / (time.perf_counter() - start)


def measure(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        database = Database(Path(folder) / "bench.db", key=Secret(bytes(32)), recorder=NoLog())
        database.migrate([SCHEMA])
        for writers in (1, 16, 128):
            count = WRITES if writers > 1 else WRITES // 8
            samples = [asyncio.run(write(database, writers, count)) for _ in range(rounds)]
            yield figure(f"durable writes, {writers} writers, encrypted", samples, "/s", limit="sqlite-commit")
        database.close()


if __name__ == "__main__":
    main(measure)
