"""The embedded database keeps its three promises."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from nexus.kernel.database import Bookkeeping, Database, Migration, Recorded
from nexus.kernel.database_folding import FOLD_PAGES
from nexus.kernel.errors import Conflict, Damaged, NexusError, Unavailable
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


async def test_a_write_is_visible_and_recorded_once_acknowledged(db, recorder):
    assert await db.write(insert("ana")) == "ana"
    assert names(db) == ["ana"]
    assert recorder.entries == [ENTRY]


async def test_a_peek_sees_each_commit_at_once(db):
    assert db.peek("SELECT name FROM demo") is None
    await db.write(insert("ana"))
    assert db.peek("SELECT name FROM demo WHERE name = ?", ("ana",)) == ("ana",)
    with pytest.raises(NexusError):
        db.peek("SELECT nothing FROM nowhere")


async def test_a_caller_that_gives_up_stops_nobody_else(db, recorder):
    started, go_on = threading.Event(), threading.Event()

    def slow(tx):
        started.set()
        go_on.wait(5)
        return insert("begun")(tx)

    begun = asyncio.create_task(db.write(slow))
    await asyncio.to_thread(started.wait, 5)
    waiting = asyncio.create_task(db.write(insert("never begun")))
    await asyncio.sleep(0)
    begun.cancel()
    waiting.cancel()
    await asyncio.gather(begun, waiting, return_exceptions=True)
    go_on.set()
    await asyncio.wait_for(db.write(insert("next")), 5)
    with db.read() as tx:
        assert {name for (name,) in tx.all("SELECT name FROM demo")} == {"begun", "next"}
    assert len(recorder.entries) == 2


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


async def test_many_writers_share_commits_and_one_failure_touches_no_neighbour(db, recorder):
    jobs = [db.write(insert(name)) for name in ["a", "b", "a", *map(str, range(500))]]
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(o).__name__ for o in outcomes[:3]] == ["str", "str", "ConstraintError"]
    assert len(names(db)) == 502 == len(recorder.entries)


async def test_without_the_log_nothing_happens(db, recorder):
    recorder.broken = True
    with pytest.raises(NexusError):
        await db.write(insert("ana"))
    recorder.broken = False
    assert names(db) == []
    await db.write(insert("bob"))
    assert names(db) == ["bob"]


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


async def test_bookkeeping_is_durable_without_an_entry(db, recorder):
    await db.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute("INSERT INTO demo (name) VALUES ('x')"))
    assert names(db) == ["x"] and recorder.entries == []


def test_data_of_a_newer_version_are_refused(db):
    db.migrate([TABLE, Migration("demo", 2, ("ALTER TABLE demo ADD COLUMN note TEXT",))])
    with pytest.raises(Conflict, match="version 2"):
        db.migrate([TABLE])


def test_a_closed_database_refuses(db):
    db.close()
    with pytest.raises(Unavailable):
        db.submit(insert("late"))


def test_a_read_block_inside_another_is_a_mistake_that_is_told(db):
    with db.read(), pytest.raises(RuntimeError, match="await"), db.read():
        pass
    assert names(db) == []


async def test_a_copy_is_this_moments_state_under_the_same_key_while_writers_go_on(db, tmp_path):
    await asyncio.gather(*(db.write(insert(str(at))) for at in range(50)))
    copying = asyncio.create_task(asyncio.to_thread(db.copy_to, tmp_path / "copy.db"))
    await asyncio.gather(copying, *(db.write(insert(f"later {at}")) for at in range(50)))
    assert b"SQLite format 3" not in (tmp_path / "copy.db").read_bytes()
    copy = Database(tmp_path / "copy.db", key=Secret(b"k" * 32), recorder=MemoryRecorder())
    assert set(map(str, range(50))) <= set(names(copy)) <= set(names(db))
    copy.close()


async def test_writers_whom_a_lock_keeps_out_are_all_told_after_one_wait(db, tmp_path):
    """Not one after the other: with many requests under way, the last of them would hang for minutes."""
    wait_ms, writers = 200, 20
    db._writing.set_busy_timeout(wait_ms)
    other = db._connect()
    other.execute("BEGIN IMMEDIATE")
    try:
        began = time.monotonic()
        outcomes = await asyncio.gather(*(db.write(insert(str(n))) for n in range(writers)), return_exceptions=True)
        assert time.monotonic() - began < 4 * wait_ms / 1_000
    finally:
        other.close()
    assert {getattr(outcome, "code", outcome) for outcome in outcomes} == {"database.locked"}
    await db.write(insert("afterwards"))
