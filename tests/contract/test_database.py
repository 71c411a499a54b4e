"""What a database promises, kept by SQLite and by PostgreSQL alike."""

import asyncio
import threading
import time

import pytest

from nexus.kernel.database import MAX_ARRIVING, Bookkeeping, Migration, Recorded
from nexus.kernel.engines.port import InEach
from nexus.kernel.errors import Conflict, NexusError, Unavailable
from simulators.demo_table import ENTRY, insert, names

TABLE = Migration(
    "demo",
    1,
    (
        "CREATE TABLE demo (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
        "CREATE TABLE demo_value (key TEXT NOT NULL, part INTEGER NOT NULL, body BLOB, note TEXT,"
        " PRIMARY KEY (key, part DESC)) STRICT, WITHOUT ROWID",
        "CREATE TABLE demo_kept (id INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT",
        "CREATE TRIGGER demo_kept_grows BEFORE UPDATE ON demo_kept WHEN NEW.size < OLD.size"
        " BEGIN SELECT RAISE(ABORT, 'it only grows'); END",
        "CREATE TRIGGER demo_kept_stays BEFORE DELETE ON demo_kept BEGIN SELECT RAISE(ABORT, 'it stays'); END",
        "CREATE TABLE demo_count (one INTEGER PRIMARY KEY CHECK (one = 1), changes INTEGER NOT NULL) STRICT",
        "INSERT INTO demo_count VALUES (1, 0)",
        "CREATE TRIGGER demo_counts AFTER INSERT ON demo BEGIN UPDATE demo_count SET changes = changes + 1; END",
    ),
)


@pytest.fixture
def db(opened, recorder):
    database = opened(recorder)
    database.migrate([TABLE])
    yield database
    database.close()


# Writing


async def test_a_write_is_visible_and_recorded_once_acknowledged(db, other, recorder):
    assert await db.write(insert("ana")) == "ana"
    assert names(db) == names(other) == ["ana"]
    assert recorder.entries == [ENTRY]


async def test_many_writers_share_commits_and_one_failure_touches_no_neighbour(db, recorder):
    jobs = [db.write(insert(name)) for name in ["a", "b", "a", *map(str, range(500))]]
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert [getattr(o, "code", o) for o in outcomes[:3]] == ["a", "b", "database.constraint"]
    assert len(names(db)) == 502 == len(recorder.entries)


async def test_writers_of_one_turn_of_a_loop_share_one_commit(opened):
    commits = []

    class Counting:
        def record(self, tx, entries):
            commits.append(len(entries))

    database = opened(Counting())
    database.migrate([TABLE])

    async def at_length(name):
        time.sleep(0.002)  # the loop is at work meanwhile, as with requests; a writer that was woken would commit
        await database.write(insert(name))

    await asyncio.gather(*(at_length(str(number)) for number in range(MAX_ARRIVING)))
    await database.write(insert("alone"))
    database.close()
    assert commits == [MAX_ARRIVING, 1]


async def test_an_error_quotes_nothing_of_the_rows(db):
    await db.write(insert("CANARY-PATIENT"))
    with pytest.raises(NexusError) as caught:
        await db.write(insert("CANARY-PATIENT"))
    assert caught.value.code == "database.constraint"
    assert "CANARY" not in f"{caught.value!r} {caught.value.hint}"


async def test_work_that_fails_by_itself_leaves_nothing(db, recorder):
    def work(tx):
        insert("half")(tx)
        raise Conflict("no", code="demo.no")

    outcomes = await asyncio.gather(*(db.write(w) for w in (insert("a"), work, insert("b"))), return_exceptions=True)
    assert [getattr(o, "code", o) for o in outcomes] == ["a", "demo.no", "b"]
    with pytest.raises(Conflict):
        await db.write(work)
    assert names(db) == ["a", "b"] and len(recorder.entries) == 2


async def test_without_the_log_nothing_happens(db, recorder):
    recorder.broken = True
    with pytest.raises(NexusError):
        await db.write(insert("ana"))
    recorder.broken = False
    assert names(db) == []
    await db.write(insert("bob"))
    assert names(db) == ["bob"]


async def test_bookkeeping_is_durable_without_an_entry(db, recorder):
    await db.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute("INSERT INTO demo (name) VALUES ('x')"))
    assert names(db) == ["x"] and recorder.entries == []


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
    assert set(names(db)) == {"begun", "next"}
    assert len(recorder.entries) == 2


async def test_writers_of_two_processes_work_one_after_the_other(db, other):
    """Each reads, decides and writes as if it were alone: none of the numbers is given twice, and none is lost."""
    await db.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute("INSERT INTO demo_kept VALUES (1, 0)"))

    def count(tx):
        (size,) = tx.one("SELECT size FROM demo_kept WHERE id = 1")
        tx.execute("UPDATE demo_kept SET size = ? WHERE id = 1", (size + 1,))
        return Recorded(size, ENTRY)

    given = await asyncio.gather(*(database.write(count) for _ in range(100) for database in (db, other)))
    assert sorted(given) == list(range(200))


async def test_a_commit_is_not_seen_before_it_is_whole(db, other):
    inside, go_on = threading.Event(), threading.Event()

    def work(tx):
        insert("ana")(tx)
        inside.set()
        go_on.wait(5)
        return Recorded(None, ENTRY)

    writing = asyncio.create_task(db.write(work))
    await asyncio.to_thread(inside.wait, 5)
    assert names(db) == names(other) == [] and other.peek("SELECT name FROM demo") is None
    go_on.set()
    await writing
    assert names(other) == ["ana"]


def test_a_closed_database_refuses(db):
    db.close()
    with pytest.raises(Unavailable):
        db.submit(insert("late"))
    with pytest.raises(Unavailable), db.read():
        pass


def test_a_thread_that_has_read_before_is_refused_too_once_the_database_is_closed(db):
    assert names(db) == []
    db.close()
    with pytest.raises(Unavailable), db.read():
        pass
    with pytest.raises(Unavailable):
        db.peek("SELECT name FROM demo")


# Reading


async def test_a_peek_sees_each_commit_at_once(db):
    assert db.peek("SELECT name FROM demo") is None
    await db.write(insert("ana"))
    assert db.peek("SELECT name FROM demo WHERE name = ?", ("ana",)) == ("ana",)
    with pytest.raises(NexusError):
        db.peek("SELECT nothing FROM nowhere")
    assert db.peek("SELECT name FROM demo") == ("ana",)


async def test_a_block_sees_one_moment_and_so_does_a_peek_within_it(db, other):
    with db.read() as tx:
        assert tx.all("SELECT name FROM demo") == []
        await asyncio.wrap_future(other.submit(insert("ana")))
        assert tx.all("SELECT name FROM demo") == [] and db.peek("SELECT name FROM demo") is None
    assert names(db) == ["ana"]


def test_a_block_changes_nothing(db):
    with db.read() as tx:
        with pytest.raises(Exception):  # noqa: B017 - each engine has its own
            tx.execute("INSERT INTO demo (name) VALUES ('x')")
            raise Conflict("SQLite lets it, and undoes it")
    assert names(db) == []


def test_a_read_block_inside_another_is_a_mistake_that_is_told(db):
    with db.read(), pytest.raises(RuntimeError, match="await"), db.read():
        pass
    assert names(db) == []


async def test_many_threads_read_while_writers_write(db):
    async def reader():
        for _ in range(20):
            found = await asyncio.to_thread(names, db)
            assert found == sorted(found)

    await asyncio.gather(*(reader() for _ in range(12)), *(db.write(insert(f"{n:03}")) for n in range(60)))
    assert len(names(db)) == 60


# Values

TEXTS = [
    "",
    "\x00",
    "\x00\x00a",
    "\x00\x01",
    "\x01",
    "\x01\x00",
    "\x01\x01",
    "\x01\x02",
    "\x02",
    " ",
    "A",
    "B",
    "Z",
    "a",
    "a\x00",
    "a\x00b",
    "a\x01",
    "ab",
    "b",
    "É",
    "é",
    "œ",
    "￿",
    "\U0001f600",
    "\U0010ffff",
]


async def test_a_statement_run_for_many_rows_tells_how_many_it_changed(db):
    insert_once = "INSERT INTO demo_value (key, part) VALUES (?, 0) ON CONFLICT DO NOTHING"

    async def run(sql, rows):
        return await db.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute_many(sql, rows))

    assert await run(insert_once, [("a",), ("b",), ("a",)]) == 2
    assert await run(insert_once, [("a",), ("c",)]) == 1
    assert await run("UPDATE demo_value SET body = ? WHERE key <= ?", [(b"x", "b"), (b"y", "c"), (b"z", " ")]) == 5
    assert await run(insert_once, [("a",)]) == 0 == await run(insert_once, [])


async def test_any_text_is_kept_as_it_is_and_sorted_by_its_bytes(db):
    await db.bookkeep(
        Bookkeeping.PROGRESS,
        lambda tx: tx.execute_many("INSERT INTO demo_value (key, part) VALUES (?, 0)", [(text,) for text in TEXTS]),
    )
    ordered = sorted(TEXTS, key=str.encode)
    with db.read() as tx:
        assert [key for (key,) in tx.all("SELECT key FROM demo_value ORDER BY key")] == ordered
        for at, text in enumerate(ordered):
            assert tx.one("SELECT key FROM demo_value WHERE key = ?", (text,)) == (text,)
            later = tx.all("SELECT key FROM demo_value WHERE key > ? ORDER BY key", (text,))
            assert [key for (key,) in later] == ordered[at + 1 :]


@pytest.mark.parametrize("value", [0, -1, 2**31, 2**62, -(2**63), 2**63 - 1])
async def test_numbers_are_64_bits_wide(db, value):
    await db.bookkeep(
        Bookkeeping.PROGRESS, lambda tx: tx.execute("INSERT INTO demo_value (key, part) VALUES ('n', ?)", (value,))
    )
    found = db.peek("SELECT part, sum(part), max(part), count(*) FROM demo_value GROUP BY part")
    assert found == (value, value, value, 1) and {type(each) for each in found} == {int}


async def test_bytes_and_nothing_are_kept_apart_from_text(db):
    every_byte = bytes(range(256))

    def work(tx):
        tx.execute("INSERT INTO demo_value VALUES ('b', 1, ?, NULL)", (every_byte,))
        tx.execute("INSERT INTO demo_value VALUES ('b', 2, x'', '')")
        tx.execute("INSERT INTO demo_value VALUES ('b', 3, ?, ?)", (None, None))

    await db.bookkeep(Bookkeeping.PROGRESS, work)
    with db.read() as tx:
        rows = tx.all("SELECT body, note FROM demo_value WHERE key = 'b' ORDER BY part")
        assert rows == [(every_byte, None), (b"", ""), (None, None)]
        assert tx.one("SELECT body IS NULL FROM demo_value WHERE part = 3") == (1,)
    for wrong in (("b", "text", None, None), ("b", 4, "text", None), (None, 5, None, None)):
        with pytest.raises(NexusError):
            await db.bookkeep(
                Bookkeeping.PROGRESS,
                lambda tx, row=wrong: tx.execute("INSERT INTO demo_value VALUES (?, ?, ?, ?)", row),
            )


async def test_lists_of_rows_travel_as_json(db):
    await asyncio.gather(*(db.write(insert(name)) for name in ("a", "b\x00", 'c"')))
    statement = "SELECT (SELECT json_group_array(json_array(id, name, NULL)) FROM demo WHERE name > ?)"
    assert db.peek(statement, ("z",)) == ("[]",)
    assert '"a"' in db.peek(statement, ("",))[0]
    listed = '["a", "c\\"", "nobody"]'
    with db.read() as tx:
        found = tx.all("SELECT name FROM demo WHERE name IN (SELECT value FROM json_each(?)) ORDER BY 1", (listed,))
    assert found == [("a",), ('c"',)]


async def test_what_a_statement_changed_is_counted(db):
    def work(tx):
        assert tx.execute("INSERT INTO demo (name) VALUES ('a')") == 1
        assert tx.execute("INSERT INTO demo (name) VALUES ('a') ON CONFLICT (name) DO NOTHING") == 0
        assert tx.execute("INSERT INTO demo (name) VALUES ('b'), ('c')") == 2
        assert tx.execute("DELETE FROM demo WHERE name >= ?", ("b",)) == 2
        assert tx.one("INSERT INTO demo (name) VALUES ('e') RETURNING name") == ("e",)

    await db.bookkeep(Bookkeeping.PROGRESS, work)
    assert names(db) == ["a", "e"]
    assert db.peek("SELECT changes FROM demo_count") == (4,)


# Schemas


async def test_what_a_trigger_protects_is_neither_shrunk_nor_removed(db):
    await db.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute("INSERT INTO demo_kept VALUES (1, 5)"))
    await db.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute("UPDATE demo_kept SET size = 6"))
    for attack in ("UPDATE demo_kept SET size = 5", "DELETE FROM demo_kept"):
        with pytest.raises(NexusError) as caught:
            await db.bookkeep(Bookkeeping.PROGRESS, lambda tx, sql=attack: tx.execute(sql))
        assert caught.value.code == "database.constraint"
    assert db.peek("SELECT size FROM demo_kept") == (6,)


def test_data_of_a_newer_version_are_refused(db):
    db.migrate([TABLE, Migration("demo", 2, ("ALTER TABLE demo ADD COLUMN note TEXT",))])
    with pytest.raises(Conflict, match="version 2"):
        db.migrate([TABLE])


async def test_a_migration_is_taken_once_whole_or_not_at_all(db, other):
    broken = Migration(
        "demo", 2, ("CREATE TABLE demo_new (id INTEGER PRIMARY KEY) STRICT", "INSERT INTO nowhere VALUES (1)")
    )
    with pytest.raises(NexusError):
        db.migrate([TABLE, broken])
    with pytest.raises(NexusError):
        db.peek("SELECT * FROM demo_new")
    each = InEach(
        sqlite="INSERT INTO demo (name) VALUES ('in SQLite')",
        postgresql="INSERT INTO demo (name) VALUES ('in PostgreSQL')",
    )
    whole = Migration("demo", 2, ("CREATE TABLE demo_new (id INTEGER PRIMARY KEY) STRICT", each))
    steps = await asyncio.gather(*(asyncio.to_thread(database.migrate, [TABLE, whole]) for database in (db, other)))
    assert sorted(map(len, steps)) == [0, 1]
    assert len(names(other)) == 1


async def test_writers_whom_a_lock_keeps_out_are_all_told_after_one_wait(db, other):
    """Not one after the other: with many requests under way, the last of them would hang for minutes."""
    wait_s, writers = 0.3, 60
    _shorten_the_wait(db, wait_s)
    inside, go_on = threading.Event(), threading.Event()

    def hold(tx):
        inside.set()
        go_on.wait(20)
        return Recorded(None, ENTRY)

    holding = asyncio.create_task(other.write(hold))
    await asyncio.to_thread(inside.wait, 5)
    began = time.monotonic()
    outcomes = await asyncio.gather(*(db.write(insert(str(n))) for n in range(writers)), return_exceptions=True)
    assert time.monotonic() - began < writers * wait_s / 2
    go_on.set()
    await holding
    assert {getattr(outcome, "code", outcome) for outcome in outcomes} == {"database.locked"}
    await db.write(insert("afterwards"))


def _shorten_the_wait(db, seconds):
    writer = db._writing
    if hasattr(writer, "turns"):
        writer.turns.patience_s = seconds
    else:
        writer._wire.execute(f"SET lock_timeout = {int(seconds * 1_000)}")
