"""What is asked of a PostgreSQL server before anything is entrusted to it, and what happens when it goes away."""

import asyncio
import logging
import socket
import threading
import time

import psycopg
import pytest

from nexus.kernel.database import Database, Migration, Recorded
from nexus.kernel.engines.connecting import PAUSE_S
from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.engines.postgresql_holding import Hold
from nexus.kernel.engines.postgresql_writing import discard
from nexus.kernel.errors import Conflict, Damaged, Invalid, NexusError, Unavailable
from nexus.kernel.operation import PLATFORM
from simulators.operations import operation
from simulators.postgresql import PASSWORD
from simulators.recorder import MemoryRecorder

TABLE = Migration("demo", 1, ("CREATE TABLE demo (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",))
ENTRY = operation().allowed("demo.write", PLATFORM)


def insert(name: str):
    def work(tx):
        tx.execute("INSERT INTO demo (name) VALUES (?)", (name,))
        return Recorded(name, ENTRY)

    return work


@pytest.fixture
def place(postgresql):
    return postgresql.place()


@pytest.fixture
def db(place):
    database = Database(PostgresEngine(place), recorder=MemoryRecorder())
    database.migrate([TABLE])
    yield database
    database.close()


@pytest.fixture
def password(tmp_path):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    return file


def names(db):
    with db.read() as tx:
        return [name for (name,) in tx.all("SELECT name FROM demo ORDER BY 1")]


def refusal(place, **more):
    with pytest.raises(NexusError) as caught:
        PostgresEngine(place, **more).close()
    return caught.value


# The server and the role


@pytest.mark.parametrize(
    ("setting", "value"), [("fsync", "off"), ("full_page_writes", "off"), ("standard_conforming_strings", "off")]
)
def test_a_server_that_loses_what_it_acknowledged_is_refused(postgresql, place, setting, value):
    with postgresql.altered(**{setting: value}):
        assert refusal(place).code == "database.server"
    PostgresEngine(place).close()


def test_commits_wait_for_the_disk_whatever_the_server_does_by_default(postgresql, db):
    with postgresql.altered(synchronous_commit="off"):
        again = Database(postgresql.engine(), recorder=MemoryRecorder())
        assert again.engine._writer._wire.execute("SHOW synchronous_commit").fetchone() == ("on",)
        again.close()


@pytest.mark.parametrize("might", ["SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS"])
def test_a_role_that_may_more_than_nexus_needs_is_refused(postgresql, might):
    role = f"mighty_{might.lower()}"
    postgresql.sql(f"CREATE ROLE {role} LOGIN {might}")
    assert refusal(postgresql.place(user=role)).code == "database.server"


def test_a_role_without_rights_in_the_database_gets_nowhere(postgresql):
    postgresql.sql("CREATE ROLE stranger LOGIN")
    assert refusal(postgresql.place(user="stranger")).code == "database.account"
    assert refusal(postgresql.place(database="postgres")).code == "database.account"


def test_a_schema_belongs_to_one_platform(postgresql, db, place):
    assert isinstance(refusal(postgresql.place(place.schema, instance="nx_other")), Conflict)
    discard(postgresql.place(place.schema, instance="nx_other"))
    assert names(db) == []


def test_a_schema_that_is_gone_is_not_made_anew(postgresql, place):
    """An empty database would be a platform without rights, and without its log."""
    assert isinstance(refusal(place, new=False), Damaged)
    PostgresEngine(place).close()
    PostgresEngine(place, new=False).close()
    discard(place)
    assert isinstance(refusal(place, new=False), Damaged)


# The way there


def test_over_the_network_the_server_proves_its_name_and_we_the_password(postgresql, password):
    place = postgresql.place(host="localhost", authorities=postgresql.authority, password_file=password)
    database = Database(PostgresEngine(place), recorder=MemoryRecorder())
    database.migrate([TABLE])
    wire = database.engine._writer._wire
    ((version,),) = wire.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall()
    assert version == "TLSv1.3"
    database.close()


def test_a_server_with_another_name_or_another_authority_is_not_spoken_to(postgresql, password, tmp_path):
    by_address = postgresql.place(host="127.0.0.1", authorities=postgresql.authority, password_file=password)
    assert refusal(by_address).code == "database.unreachable"
    none = tmp_path / "none.pem"
    none.write_text("")
    assert (
        refusal(postgresql.place(host="localhost", authorities=none, password_file=password)).code
        == "database.unreachable"
    )
    assert isinstance(refusal(postgresql.place(host="localhost", password_file=password)), Invalid)


def test_a_wrong_password_and_a_file_that_others_read_get_nowhere(postgresql, password, caplog):
    place = postgresql.place(host="localhost", authorities=postgresql.authority, password_file=password)
    password.write_text("SECRET-guess")
    with caplog.at_level(logging.DEBUG):
        assert refusal(place).code in {"database.account", "database.unreachable"}
    assert "SECRET-guess" not in caplog.text
    password.chmod(0o640)
    assert refusal(place).code == "database.password-readable"
    password.unlink()
    assert refusal(place).code == "database.password-file"


def test_a_server_that_asks_for_the_password_itself_gets_nothing(postgresql, password, tmp_path):
    """It would be an impostor: whoever holds the password's verifier has no need of it."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = tmp_path / f".s.PGSQL.{listening.getsockname()[1]}"
        with socket.socket(socket.AF_UNIX) as impostor:
            impostor.bind(str(where))
            impostor.listen()

            def ask():
                connection, _ = impostor.accept()
                connection.recv(4_096)
                connection.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x03")  # AuthenticationCleartextPassword
                heard.append(connection.recv(4_096))
                connection.close()

            asking = threading.Thread(target=ask)
            asking.start()
            place = postgresql.place(host=str(tmp_path), port=listening.getsockname()[1], password_file=password)
            assert refusal(place).code == "database.unreachable"
            asking.join()
    assert PASSWORD.encode() not in b"".join(heard)


def test_variables_of_the_environment_say_nothing(postgresql, place, monkeypatch):
    for name, value in (
        ("PGHOST", "elsewhere.invalid"),
        ("PGUSER", "owner"),
        ("PGDATABASE", "postgres"),
        ("PGOPTIONS", "-c synchronous_commit=off"),
        ("PGSSLMODE", "disable"),
        ("PGPASSWORD", "x"),
        ("PGAPPNAME", "x"),
    ):
        monkeypatch.setenv(name, value)
    engine = PostgresEngine(place)
    found = engine._writer._wire.execute("SELECT current_user::text, current_database()::text").fetchone()
    assert found == ("nexus", "nexus")
    assert engine._writer._wire.execute("SHOW synchronous_commit").fetchone() == ("on",)
    engine.close()


# When it goes away


def backend(db) -> int:
    return db.engine._writer._wire.info.backend_pid


def end(postgresql, pid: int) -> None:
    postgresql.sql(f"SELECT pg_terminate_backend({pid})")
    while postgresql.sql(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
        time.sleep(0.01)


async def test_connections_that_ended_while_nobody_used_them_are_replaced_unnoticed(postgresql, db):
    await db.write(insert("a"))
    assert names(db) == ["a"]
    for (pid,) in postgresql.sql("SELECT pid FROM pg_stat_activity WHERE usename = 'nexus'"):
        end(postgresql, pid)
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
            end(postgresql, backend(db))
        return insert("other half")(tx)

    outcomes = await asyncio.gather(*(db.write(w) for w in (insert("x"), cut, insert("y"))))
    assert outcomes == ["x", "other half", "y"]
    assert names(db) == ["half 2", "other half", "x", "y"]


async def test_work_that_ends_its_connection_each_time_is_refused_in_the_end_and_stores_nothing(postgresql, place):
    db = Database(PostgresEngine(place), recorder=MemoryRecorder(), patience_s=0.5)
    db.migrate([TABLE])

    def cut(tx):
        insert("half")(tx)
        end(postgresql, backend(db))
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
                end(postgresql, wire.info.backend_pid)
                return wire.execute("SELECT 1")
            return wire.execute(sql, *more)

    db.engine._writer._connection = Cut()
    assert await db.write(doubtful) == "doubtful"
    assert names(db) == ["before", "doubtful"]
    assert len(runs) == (1 if stored else 2)
    assert await db.write(insert("z")) == "z"


async def test_a_server_that_is_killed_loses_nothing_acknowledged_and_is_found_again(postgresql, db):
    acknowledged, refused, stop = [], [], threading.Event()

    async def writer(n):
        number = 0
        while not stop.is_set():
            name = f"{n}-{number}"
            number += 1
            try:
                acknowledged.append(await db.write(insert(name)))
            except Unavailable as error:
                if error.code == "database.unreachable":
                    refused.append(name)
                await asyncio.sleep(0.05)

    writers = [asyncio.create_task(writer(n)) for n in range(8)]
    for _ in range(2):
        count = len(acknowledged)
        while len(acknowledged) < count + 50:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(postgresql.kill)
        postgresql.start()  # not on a thread: the server ends with whichever thread starts it
    count = len(acknowledged)
    while len(acknowledged) < count + 50:
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*writers)
    stored = set(names(db))
    assert set(acknowledged) <= stored and not stored & set(refused)
    assert len(acknowledged) == len(set(acknowledged))


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


# One platform at a time


def test_a_second_platform_is_kept_out_until_the_first_is_gone(postgresql, place):
    PostgresEngine(place).close()
    first, second, elsewhere = Hold(place), Hold(place), Hold(postgresql.place())
    first.keep()
    first.keep()
    elsewhere.keep()
    with pytest.raises(Conflict) as refused:
        second.keep()
    assert refused.value.code == "database.in-use"
    first.close()
    second.keep()
    with pytest.raises(Conflict):
        first.keep()
    for each in (second, elsewhere):
        each.close()


def test_a_platform_whose_connection_ended_takes_its_place_again_unless_somebody_else_has(postgresql, place):
    first, second = Hold(place), Hold(place)
    first.keep()
    end(postgresql, first._connection.info.backend_pid)
    first.keep()
    with pytest.raises(Conflict):
        second.keep()
    end(postgresql, first._connection.info.backend_pid)
    second.keep()
    with pytest.raises(Conflict):
        first.keep()
    second.close()
