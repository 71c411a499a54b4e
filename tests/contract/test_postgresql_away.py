"""What becomes of work when a PostgreSQL server goes away, or is in its way."""

import asyncio
import threading
import time

import psycopg
import pytest

from nexus.kernel.database import Database, Recorded
from nexus.kernel.engines.connecting import PAUSE_S
from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.errors import NexusError, Unavailable
from simulators.demo_table import ENTRY, TABLE, insert, names, writing
from simulators.recorder import MemoryRecorder


@pytest.fixture
def place(postgresql):
    return postgresql.place()


@pytest.fixture
def db(place):
    database = Database(PostgresEngine(place), recorder=MemoryRecorder())
    database.migrate([TABLE])
    yield database
    database.close()


def backend(db) -> int:
    return db.engine._writer._wire.info.backend_pid


async def test_connections_that_ended_while_nobody_used_them_are_replaced_unnoticed(postgresql, db):
    await db.write(insert("a"))
    assert names(db) == ["a"]
    for (pid,) in postgresql.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'nexus'"):
        postgresql.end(pid)
    assert db.peek("SELECT count(*) FROM demo") == (1,)
    assert await db.write(insert("b")) == "b"
    assert names(db) == ["a", "b"]


async def test_work_whose_connection_ends_within_a_transaction_is_done_again_and_once(postgresql, db):
    """A restart or a failover under way: callers notice nothing but the time."""
    runs = []

    def cut(tx):
        runs.append(1)
        insert(f"half {len(runs)}")(tx)
        if len(runs) == 1:
            postgresql.end(backend(db))
        return insert("other half")(tx)

    outcomes = await asyncio.gather(*(db.write(w) for w in (insert("x"), cut, insert("y"))))
    assert outcomes == ["x", "other half", "y"]
    assert names(db) == ["half 2", "other half", "x", "y"]


async def test_work_that_ends_its_connection_each_time_is_refused_in_the_end_and_stores_nothing(postgresql, place):
    db = Database(PostgresEngine(place), recorder=MemoryRecorder(), patience_s=0.5)
    db.migrate([TABLE])

    def cut(tx):
        insert("half")(tx)
        postgresql.end(backend(db))
        return insert("other half")(tx)

    outcomes = await asyncio.gather(*(db.write(w) for w in (insert("x"), cut, insert("y"))), return_exceptions=True)
    assert "database.unreachable" in {getattr(each, "code", "") for each in outcomes}
    stored = [each for each in outcomes if isinstance(each, str)]
    assert names(db) == sorted(stored) and "half" not in names(db)
    assert await db.write(insert("z")) == "z"
    db.close()


@pytest.mark.parametrize("state", ["40001", "40P01"])
@pytest.mark.parametrize("moment", ["IMMEDIATE", "DEFERRED"], ids=["in a statement", "at the commit"])
async def test_work_that_others_were_in_the_way_of_is_done_again(postgresql, db, place, state, moment):
    """Serialisation failure and deadlock, twice each; a sequence counts on when its transaction is undone."""
    for sql in (
        f'CREATE SEQUENCE "{place.schema}".tries',
        f'CREATE FUNCTION "{place.schema}".conflict() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN'
        f" IF nextval('{place.schema}.tries') < 3 THEN RAISE EXCEPTION USING ERRCODE = '{state}'; END IF;"
        " RETURN NULL; END$$",
        f'CREATE CONSTRAINT TRIGGER conflict AFTER INSERT ON "{place.schema}".demo DEFERRABLE INITIALLY {moment}'
        f' FOR EACH ROW EXECUTE FUNCTION "{place.schema}".conflict()',
        f'GRANT USAGE ON SEQUENCE "{place.schema}".tries TO nexus',
    ):
        postgresql.sql(sql, database="nexus")
    assert await asyncio.gather(*(db.write(insert(name)) for name in "ab")) == ["a", "b"]
    assert names(db) == ["a", "b"]
    assert len(db._recorder.entries) >= 2


async def test_a_deadlock_with_somebody_else_at_the_server_is_got_over(postgresql, db, place):
    """An administrator's session holds what work needs, and wants what work holds. The server ends one of the two."""
    await db.write(insert("row"))
    table, other = f'"{place.schema}".demo', f'"{place.schema}".kernel_schema_version'
    where = f"host={postgresql.folder} port={postgresql.port} dbname=nexus user=owner"
    runs = []
    with psycopg.connect(where) as administrator:
        administrator.execute("SET deadlock_timeout = '60s'")  # so that it is the work that is ended
        administrator.execute(f"LOCK TABLE {other} IN ACCESS EXCLUSIVE MODE")
        crossing = threading.Thread(
            target=lambda: (
                administrator.execute(f"UPDATE {table} SET name = 'theirs' WHERE name = 'row'"),
                administrator.commit(),
            )
        )

        def work(tx):
            runs.append(1)
            tx.execute("UPDATE demo SET name = 'ours' WHERE name IN ('row', 'theirs')")
            if len(runs) == 1:
                crossing.start()
                while not postgresql.sql("SELECT 1 FROM pg_locks WHERE NOT granted"):
                    time.sleep(0.01)
            tx.all("SELECT * FROM kernel_schema_version")
            return Recorded("done", ENTRY)

        assert await asyncio.wait_for(db.write(work), 30) == "done"
        await asyncio.to_thread(crossing.join)
    assert len(runs) == 2 and names(db) == ["ours"]


@pytest.mark.parametrize("stored", [True, False])
async def test_what_became_of_a_commit_whose_answer_was_lost_is_looked_up(postgresql, db, stored):
    """The connection ends between COMMIT and its answer: after it was carried out, or before. Only then is it done again."""
    wire, runs = db.engine._writer._wire, []
    await db.write(insert("before"))

    def doubtful(tx):
        runs.append(1)
        return insert("doubtful")(tx)

    class Cut:
        """The connection, cut at the COMMIT."""

        def __getattr__(self, name):
            return getattr(wire, name)

        def execute(self, sql, *more):
            if sql == "COMMIT":
                if stored:
                    wire.execute(sql)
                postgresql.end(wire.info.backend_pid)
                return wire.execute("SELECT 1")
            return wire.execute(sql, *more)

    db.engine._writer._connection = Cut()
    assert await db.write(doubtful) == "doubtful"
    assert names(db) == ["before", "doubtful"]
    assert len(runs) == (1 if stored else 2)
    assert await db.write(insert("z")) == "z"


async def test_a_server_that_is_killed_loses_nothing_acknowledged_and_is_found_again(postgresql, db):
    async with writing(db, 8) as heard:
        for _ in range(2):
            await heard.go_on(50)
            await asyncio.to_thread(postgresql.kill)
            postgresql.start()  # not on a thread: the server ends with whichever thread starts it
        await heard.go_on(50)
    heard.check(names(db))


async def test_while_the_server_is_away_callers_hear_it_at_once(postgresql, place):
    db = Database(PostgresEngine(place), recorder=MemoryRecorder(), patience_s=0.3)
    db.migrate([TABLE])
    postgresql.kill()
    try:
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(Unavailable):
                db.peek("SELECT 1")
            with pytest.raises(Unavailable), db.read():
                pass
        assert time.monotonic() - began < 5
        with pytest.raises(Unavailable):
            await db.write(insert("x"))
    finally:
        postgresql.start()
    await asyncio.sleep(2 * PAUSE_S)
    assert await db.write(insert("y")) == "y"
    db.close()


async def test_a_writer_that_stands_still_is_ended_and_holds_nobody_up(db, place):
    """A machine that died inside a transaction: its lock is the server's to take back."""
    other = Database(PostgresEngine(place), recorder=MemoryRecorder())
    other.engine._writer._wire.execute("SET idle_in_transaction_session_timeout = 300")
    still = threading.Event()

    def stand(tx):
        insert("half")(tx)
        still.wait(10)
        return insert("rest")(tx)

    standing = asyncio.create_task(other.write(stand))
    await asyncio.sleep(0.1)
    assert await asyncio.wait_for(db.write(insert("after")), 8) == "after"
    still.set()
    with pytest.raises(Unavailable):
        await standing
    other.close()
    assert names(db) == ["after"]


async def test_work_that_goes_on_after_a_failed_statement_is_told_so(db):
    def careless(tx):
        try:
            tx.execute("INSERT INTO demo (name) VALUES (NULL)")
        except Exception:
            return insert("went on")(tx)

    def silent(tx):
        try:
            tx.execute("INSERT INTO demo (name) VALUES (NULL)")
        except Exception:
            return Recorded("nothing more", ENTRY)

    for work in (careless, silent):
        for outcomes in (
            await asyncio.gather(db.write(work), return_exceptions=True),
            await asyncio.gather(db.write(work), db.write(work), return_exceptions=True),
        ):
            assert all(isinstance(each, NexusError) for each in outcomes)
    assert names(db) == []
