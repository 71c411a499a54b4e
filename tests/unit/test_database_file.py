"""The file of SQLite: encrypted, folded, copied. What every database promises is in tests/contract/test_database.py."""

import asyncio
from pathlib import Path

import apsw
import pytest

from nexus.kernel.database import Database, Migration, Recorded
from nexus.kernel.engines.folding import FOLD_PAGES
from nexus.kernel.engines.sqlite import PAGE_CACHE_KIB, Sizes, SqliteEngine
from nexus.kernel.errors import Damaged
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from simulators.operations import operation
from simulators.recorder import MemoryRecorder

TABLE = Migration("demo", 1, ("CREATE TABLE demo (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",))
ENTRY = operation().allowed("demo.write", PLATFORM)


def insert(name: str):
    def work(tx):
        tx.execute("INSERT INTO demo (name) VALUES (?)", (name,))
        return Recorded(name, ENTRY)

    return work


@pytest.fixture
def recorder():
    return MemoryRecorder()


@pytest.fixture
def db(tmp_path: Path, recorder):
    database = Database(tmp_path / "a.db", key=Secret(b"k" * 32), recorder=recorder)
    database.migrate([TABLE])
    yield database
    database.close()


def names(db):
    with db.read() as tx:
        return [name for (name,) in tx.all("SELECT name FROM demo ORDER BY 1")]


async def test_a_database_is_given_the_pages_and_the_log_that_it_asks_for(tmp_path):
    """The writer alone keeps the pages: a reader is there for each thread. Without its size, this log would never be folded."""
    engine = SqliteEngine(tmp_path / "b.db", Secret(b"k" * 32), Sizes(cache_kib=2_048, fold_pages=50))
    db = Database(engine, recorder=MemoryRecorder())
    db.migrate([TABLE])
    assert engine.writing.pragma("cache_size") == -2_048
    assert engine.connect().pragma("cache_size") == -PAGE_CACHE_KIB
    for number in range(0, FOLD_PAGES // 4, 10):
        await asyncio.gather(*(db.write(insert(f"{one:06}" + "x" * 6_000)) for one in range(number, number + 10)))
    assert (tmp_path / "b.db-wal").stat().st_size < FOLD_PAGES // 4 * 4_096
    db.close()


async def test_the_log_is_folded_while_writers_and_readers_go_on(db, tmp_path):
    """Eight times what the log may hold before it is folded; it never holds even six times that, on a busy machine too."""
    rows, largest = 4 * FOLD_PAGES, 0
    log = tmp_path / "a.db-wal"

    async def writer(first):
        nonlocal largest
        for number in range(first, rows, 50):
            await db.write(insert(f"{number:06}" + "x" * 6_000))
            assert db.peek("SELECT count(*) FROM demo WHERE name > ?", (f"{number:06}",))[0] > 0
            largest = max(largest, log.stat().st_size)

    await asyncio.gather(*(writer(first) for first in range(50)))
    assert FOLD_PAGES * 4_096 < largest < 6 * FOLD_PAGES * 4_096
    assert [name[:6] for name in names(db)] == [f"{number:06}" for number in range(rows)]


async def test_the_file_holds_no_plaintext_and_refuses_another_key(db, tmp_path):
    await db.write(insert("CANARY-PATIENT"))
    for file in tmp_path.iterdir():
        assert b"CANARY-PATIENT" not in file.read_bytes()
        assert b"SQLite format 3" not in file.read_bytes()
    db.close()
    with pytest.raises(Damaged):
        Database(tmp_path / "a.db", key=Secret(b"x" * 32), recorder=MemoryRecorder())


async def test_a_flipped_byte_is_an_error_and_never_a_wrong_row(db, tmp_path):
    await db.write(insert("ana"))
    db.close()
    path = tmp_path / "a.db"
    intact = path.read_bytes()
    outcomes = set()
    for offset in range(100, len(intact), 4096):
        damaged = bytearray(intact)
        damaged[offset] ^= 1
        path.write_bytes(damaged)
        try:
            again = Database(path, key=Secret(b"k" * 32), recorder=MemoryRecorder())
            outcomes.add(tuple(names(again)))
            again.close()
        except Damaged:
            outcomes.add("damaged")
    assert outcomes == {"damaged", ("ana",)}


async def test_a_copy_is_this_moments_state_under_the_same_key_while_writers_go_on(db, tmp_path):
    await asyncio.gather(*(db.write(insert(str(at))) for at in range(50)))
    copying = asyncio.create_task(asyncio.to_thread(db.copy_to, tmp_path / "copy.db"))
    await asyncio.gather(copying, *(db.write(insert(f"later {at}")) for at in range(50)))
    assert b"SQLite format 3" not in (tmp_path / "copy.db").read_bytes()
    copy = Database(tmp_path / "copy.db", key=Secret(b"k" * 32), recorder=MemoryRecorder())
    assert set(map(str, range(50))) <= set(names(copy)) <= set(names(db))
    copy.close()


def test_a_plan_depends_on_the_statement_alone(db):
    """Otherwise SQLite would prepare the most frequent statements anew at each call."""
    for connection in (db.engine.writing, db.engine.connect()):
        assert connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1)
