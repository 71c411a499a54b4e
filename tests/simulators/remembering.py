"""Programs that change a row which others remember, and others that remember it, over one database file; some are killed.

    python -m simulators.remembering FOLDER change|change-silently|die-in-between|read [NAME]

With a name, the row is one whose changes are announced under it; without, its table has a trigger that says so.

What was acknowledged is told through a file of its own, after the acknowledgement: whoever reads less than it says was
served something stale.
"""

import asyncio
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nexus.kernel.database import Bookkeeping, Database, Migration, Row, Transaction
from nexus.kernel.engines.generation import Generation
from nexus.kernel.engines.port import InEach
from nexus.kernel.engines.sqlite import SqliteEngine, SqliteWriter
from nexus.kernel.operation import Entry

READ = "SELECT version FROM t"
MOVE = "UPDATE t SET version = version + 1"
READ_NAMED = "SELECT version FROM named WHERE name = ?"
MOVE_NAMED = "UPDATE named SET version = version + 1 WHERE name = ?"
NAMES = ("a", "b")
SCHEMA = (
    Migration(
        "t",
        1,
        (
            "CREATE TABLE t (version INTEGER NOT NULL) STRICT",
            InEach(
                sqlite="CREATE TRIGGER told AFTER UPDATE ON t BEGIN SELECT kernel_moved(); END", postgresql="SELECT 1"
            ),
            "INSERT INTO t VALUES (0)",
            "CREATE TABLE named (name TEXT NOT NULL, version INTEGER NOT NULL) STRICT",
            *(f"INSERT INTO named VALUES ('{name}', 0)" for name in NAMES),
        ),
    ),
)


class NoLog:
    """Nothing here is an operation to record."""

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        raise AssertionError("nothing is recorded here")


class Told:
    """The highest version that was acknowledged, in a file that every program maps."""

    def __init__(self, folder: Path) -> None:
        file = os.open(folder / "told", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, 8)
        self._number = memoryview(mmap.mmap(file, 8)).cast("Q")
        os.close(file)

    def version(self) -> int:
        return self._number[0]

    def tell(self, version: int) -> None:
        self._number[0] = max(version, self._number[0])


class Silent(SqliteEngine):
    """The negative control: changes commit, and nobody is told."""

    def writer(self) -> SqliteWriter:
        made = super().writer()
        made.connection.create_scalar_function("kernel_moved", lambda: None, 0)
        made._tx.announced = Deaf()
        return made


class Deaf(set[int]):
    """What is added is not there."""

    def add(self, place: int) -> None:
        """Nothing."""


def opened(folder: Path) -> Database:
    db = Database(folder / "t.db", recorder=NoLog())
    db.migrate(SCHEMA)
    return db


def move(tx: Transaction) -> int:
    tx.execute(MOVE)
    return int((tx.one(READ) or (0,))[0])


def move_named(tx: Transaction, name: str) -> int:
    tx.announce(name.encode())
    tx.execute(MOVE_NAMED, (name,))
    return int((tx.one(READ_NAMED, (name,)) or (0,))[0])


def moving(name: str) -> Callable[[Transaction], int]:
    """What changes the row."""
    return partial(move_named, name=name) if name else move


def found(db: Database, name: str = "") -> Row | None:
    """The row, as it is remembered."""
    return db.watched(READ_NAMED, (name,), name=name.encode()) if name else db.watched(READ)


async def change(db: Database, told: Told, name: str) -> None:
    """Changes, one after the other, until it is killed."""
    while True:
        told.tell(await db.bookkeep(Bookkeeping.PROGRESS, moving(name)))


def die_in_between(db: Database, name: str) -> None:
    """One change, and the end of the process right after its commit, before anybody can be told."""

    def die(self: Generation) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Generation.closes = die  # type: ignore[method-assign] - in this program only, which ends by it
    asyncio.run(db.bookkeep(Bookkeeping.PROGRESS, moving(name)))


def read(db: Database, told: Told, name: str) -> None:
    """Says that it has begun to remember, and reads until a line comes in; then says how often, and how often what it got was stale."""
    reads, stale = 0, 0
    found(db, name)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    asked = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), asked.set()), daemon=True).start()
    while not asked.is_set():
        for _ in range(1_000):
            least = told.version()
            row = found(db, name)
            stale += row is None or row[0] < least
        reads += 1_000
    sys.stdout.write(f"{reads} {stale}\n")


if __name__ == "__main__":
    place, what, name = Path(sys.argv[1]), sys.argv[2], "".join(sys.argv[3:])
    if what == "change-silently":
        asyncio.run(change(Database(Silent(place / "t.db", None), recorder=NoLog()), Told(place), name))
    database = opened(place)
    if what == "change":
        asyncio.run(change(database, Told(place), name))
    elif what == "die-in-between":
        die_in_between(database, name)
    else:
        read(database, Told(place), name)
