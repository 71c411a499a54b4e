"""A table of names, for tests of databases: what is written to it is recorded like anything else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nexus.kernel.database import Database, Migration, Recorded
from nexus.kernel.errors import Unavailable
from nexus.kernel.operation import PLATFORM
from simulators.operations import operation

TABLE = Migration("demo", 1, ("CREATE TABLE demo (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",))
ENTRY = operation().allowed("demo.write", PLATFORM)


def insert(name: str):
    """Work that writes one name."""

    def work(tx):
        tx.execute("INSERT INTO demo (name) VALUES (?)", (name,))
        return Recorded(name, ENTRY)

    return work


def names(database: Database) -> list[str]:
    with database.read() as tx:
        return [name for (name,) in tx.all("SELECT name FROM demo ORDER BY 1")]


class Writing:
    """What writers heard of the names they wrote, while the server was there and while it was not."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[str] = []

    async def go_on(self, some: int) -> None:
        """Until `some` more names are acknowledged."""
        count = len(self.acknowledged)
        while len(self.acknowledged) < count + some:
            await asyncio.sleep(0.01)

    def check(self, stored: list[str]) -> None:
        """Nothing acknowledged is lost or there twice, nothing refused is stored."""
        assert set(self.acknowledged) <= set(stored) and not set(stored) & set(self.refused)
        assert len(self.acknowledged) == len(set(self.acknowledged)) and len(stored) == len(set(stored))


@asynccontextmanager
async def writing(database: Database, writers: int) -> AsyncIterator[Writing]:
    """Writers of names of their own, each one after the other, that have all ended at the end of the block."""
    heard, ended = Writing(), asyncio.Event()

    async def writer(n: int) -> None:
        number = 0
        while not ended.is_set():
            name = f"{n}-{number}"
            number += 1
            try:
                heard.acknowledged.append(await database.write(insert(name)))
            except Unavailable as error:
                if error.code == "database.unreachable":
                    heard.refused.append(name)
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for n in range(writers):
            group.create_task(writer(n))
        try:
            yield heard
        finally:
            ended.set()
