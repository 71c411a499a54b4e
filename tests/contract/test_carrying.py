"""Everything that a database holds goes from one engine to the other, whole and unaltered, or not at all."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.app.schema import MIGRATIONS
from nexus.kernel.database import Database, Migration, Recorded
from nexus.kernel.engines.carrying import Counting, require_arrived
from nexus.kernel.engines.connecting import Gate
from nexus.kernel.engines.postgresql import Copies, PostgresEngine
from nexus.kernel.engines.postgresql_carrying import contents_of_server, fill_server
from nexus.kernel.engines.sqlite_carrying import contents_of_file, write_file
from nexus.kernel.errors import Conflict, Damaged, NexusError
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from simulators.operations import operation
from simulators.recorder import MemoryRecorder

KEY = Secret(b"k" * 32)
ENTRY = operation().allowed("demo.write", PLATFORM)
SCHEMA = Migration(
    "demo",
    1,
    (
        "CREATE TABLE demo_owner (id TEXT PRIMARY KEY, parent TEXT REFERENCES demo_owner (id)) STRICT",
        "CREATE TABLE demo_thing (number INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER, b TEXT, c BLOB, d REAL,"
        " owner TEXT REFERENCES demo_owner (id)) STRICT",
        "CREATE TABLE demo_kept (id INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT",
        "CREATE TRIGGER demo_kept_grows BEFORE UPDATE ON demo_kept WHEN NEW.size < OLD.size"
        " BEGIN SELECT RAISE(ABORT, 'it only grows'); END",
        "CREATE TRIGGER demo_kept_stays BEFORE DELETE ON demo_kept BEGIN SELECT RAISE(ABORT, 'it stays'); END",
        "CREATE TABLE demo_count (one INTEGER PRIMARY KEY CHECK (one = 1), changes INTEGER NOT NULL) STRICT",
        "INSERT INTO demo_count VALUES (1, 0)",
        "CREATE TRIGGER demo_counts AFTER INSERT ON demo_thing BEGIN UPDATE demo_count SET changes = changes + 1; END",
    ),
)
THING = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.binary(max_size=100),
    st.none() | st.floats(allow_nan=False),
)


def quiet(done, total):
    """Nobody watches."""


@pytest.fixture
def place(postgresql):
    return postgresql.place()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "from.db"


def open_file(file):
    return Database(file, key=KEY, recorder=MemoryRecorder())


def open_server(place, **more):
    return Database(PostgresEngine(place, copies=Copies(KEY, [SCHEMA]), **more), recorder=MemoryRecorder())


def change(db, *statements):
    def work(tx):
        for sql, *parameters in statements:
            tx.execute(sql, parameters)
        return Recorded(None, ENTRY)

    db.submit(work).result()


def fill(db, things=((1, "a", b"b", 0.5),)):
    db.migrate([SCHEMA])
    change(
        db,
        ("INSERT INTO demo_owner VALUES ('z', NULL)",),
        ("INSERT INTO demo_owner VALUES ('a', 'z')",),  # carried before what it names
        ("INSERT INTO demo_kept VALUES (7, 10)",),
        *(("INSERT INTO demo_thing (a, b, c, d, owner) VALUES (?, ?, ?, ?, 'a')", *thing) for thing in things),
        ("INSERT INTO demo_thing (b) VALUES ('the last')",),
        ("DELETE FROM demo_thing WHERE b = 'the last'",),
    )


def everything(db):
    with db.read() as tx:
        return [
            tx.all(f"SELECT * FROM {table} ORDER BY 1")
            for table in ("demo_owner", "demo_thing", "demo_kept", "demo_count", "kernel_schema_version")
        ]


def behaves(db) -> bool:
    """Triggers refuse and count, references are checked, and no number is given twice."""
    for sql in (
        "DELETE FROM demo_kept",
        "UPDATE demo_kept SET size = 1",
        "INSERT INTO demo_thing (owner) VALUES ('nobody')",
    ):
        with pytest.raises(NexusError):
            change(db, (sql,))
    with db.read() as tx:
        (highest,) = tx.one("SELECT max(number) FROM demo_thing")
        (changes,) = tx.one("SELECT changes FROM demo_count")
    change(db, ("INSERT INTO demo_thing (b) VALUES ('new')",))
    with db.read() as tx:
        assert tx.one("SELECT changes FROM demo_count") == (changes + 1,)
        (number,) = tx.one("SELECT number FROM demo_thing WHERE b = 'new'")
    return number > highest + 1  # the deleted one's is gone for good


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(things=st.lists(THING, min_size=1, max_size=30))
def test_what_goes_to_a_server_and_back_is_what_it_was(postgresql, tmp_path_factory, things):
    folder, place = tmp_path_factory.mktemp("carried"), postgresql.place()
    first = open_file(folder / "first.db")
    fill(first, things)
    before = everything(first)
    first.close()
    with contents_of_file(folder / "first.db", KEY) as contents:
        sent = fill_server(place, contents, [SCHEMA], quiet)
    assert sent["demo_thing"].rows == len(things)
    server = open_server(place, new=False)
    assert everything(server) == before
    server.copy_to(folder / "back.db")
    assert behaves(server)
    server.close()
    back = open_file(folder / "back.db")
    assert everything(back) == before and behaves(back)
    back.close()


def test_the_schema_of_a_whole_platform_goes_both_ways(place, file, tmp_path):
    first = open_file(file)
    first.migrate(MIGRATIONS)
    first.close()
    with contents_of_file(file, KEY) as contents:
        sent = fill_server(place, contents, MIGRATIONS, quiet)
    assert len(sent) > 60
    with contents_of_server(Gate(place)) as contents:
        assert write_file(tmp_path / "back.db", KEY, contents, MIGRATIONS, quiet) == sent


def test_a_copy_of_a_server_is_one_moment_while_writers_go_on_and_is_encrypted(place, tmp_path):
    server = open_server(place)
    fill(server)

    async def write_and_copy():
        def pair(n):
            def work(tx):
                tx.execute("INSERT INTO demo_owner VALUES (?, NULL)", (f"SECRET-{n}",))
                tx.execute("INSERT INTO demo_kept VALUES (?, 1)", (1_000 + n,))
                return Recorded(None, ENTRY)

            return work

        for n in range(20):
            await server.write(pair(n))
        copying = asyncio.create_task(asyncio.to_thread(server.copy_to, tmp_path / "copy.db"))
        written = 20
        while not copying.done():
            await server.write(pair(written))
            written += 1
        await copying

    asyncio.run(write_and_copy())
    server.close()
    assert b"SECRET" not in (tmp_path / "copy.db").read_bytes()
    assert not (tmp_path / "copy.db").read_bytes().startswith(b"SQLite format 3")
    copy = open_file(tmp_path / "copy.db")
    owners, _, kept, *_ = everything(copy)
    assert len(owners) - 2 == len(kept) - 1 >= 20
    copy.close()


def test_a_schema_that_holds_a_platform_is_not_filled_and_one_that_was_never_used_is(place, file):
    first = open_file(file)
    fill(first)
    first.close()
    for _ in range(2):  # an attempt that was cut short before its end is made again
        with contents_of_file(file, KEY) as contents:
            fill_server(place, contents, [SCHEMA], quiet)
    server = open_server(place, new=False)  # the platform is opened on it: it is the truth from here on
    change(server, ("INSERT INTO demo_owner VALUES ('later', NULL)",))
    server.close()
    with contents_of_file(file, KEY) as contents, pytest.raises(Conflict) as refused:
        fill_server(place, contents, [SCHEMA], quiet)
    assert refused.value.code == "database.not-empty"
    server = open_server(place, new=False)
    assert ("later", None) in everything(server)[0]
    server.close()


class Breaking:
    """Contents that end in the middle of a table."""

    def __init__(self, contents, error):
        self._contents, self._error = contents, error
        self.tables, self.numbers = contents.tables, contents.numbers

    def rows(self, table, columns):
        yield from self._contents.rows(table, columns)
        if table == "demo_owner":
            raise self._error


def test_what_breaks_on_the_way_leaves_nothing(place, file, tmp_path):
    first = open_file(file)
    fill(first)
    first.close()
    with contents_of_file(file, KEY) as contents:
        for error in (OSError("gone"), Damaged("torn", code="test.torn")):
            with pytest.raises(type(error)):
                fill_server(place, Breaking(contents, error), [SCHEMA], quiet)
            with pytest.raises(type(error)):
                write_file(tmp_path / "half.db", KEY, Breaking(contents, error), [SCHEMA], quiet)
    with contents_of_server(Gate(place)) as contents:
        assert contents.tables() == {}
    assert not (tmp_path / "half.db").exists()


def test_rows_that_name_others_that_are_missing_do_not_arrive(place, file, tmp_path):
    first = open_file(file)
    fill(first)
    first.engine.writing.pragma("foreign_keys", 0)  # as a damaged file would be
    change(first, ("DELETE FROM demo_owner WHERE id = 'z'",))
    first.close()
    with contents_of_file(file, KEY) as contents:
        with pytest.raises(NexusError):
            fill_server(place, contents, [SCHEMA], quiet)
        with pytest.raises(Damaged):
            write_file(tmp_path / "half.db", KEY, contents, [SCHEMA], quiet)


def test_a_database_of_another_version_or_with_other_tables_is_not_carried(place, file, tmp_path):
    later = Migration("demo", 2, ("CREATE TABLE demo_later (id INTEGER PRIMARY KEY) STRICT",))
    first = open_file(file)
    fill(first)
    first.close()
    with contents_of_file(file, KEY) as contents:
        with pytest.raises(Conflict) as refused:
            fill_server(place, contents, [SCHEMA, later], quiet)
        assert refused.value.code == "database.another-version"
    first = open_file(file)
    first.engine.writing.execute("CREATE TABLE smuggled (id INTEGER PRIMARY KEY) STRICT")
    first.close()
    with contents_of_file(file, KEY) as contents, pytest.raises(Damaged):
        write_file(tmp_path / "half.db", KEY, contents, [SCHEMA], quiet)


class Arrived:
    """A table as it came in."""

    def __init__(self, rows):
        self._rows = rows

    def tables(self):
        return {"demo": ["id", "name"]}

    def rows(self, table, columns):
        return iter(self._rows)


def test_a_row_that_arrives_changed_lost_or_twice_is_noticed():
    rows = [("a", None), ("z", 1)]
    list(counting := Counting(rows))
    sent = {"demo": counting.tally()}
    for same in (rows, rows[::-1]):
        require_arrived(sent, Arrived(same))
    for other in (rows[:1], [*rows, rows[0]], [rows[0], ("z", 2)], [rows[0], ("z", "1")], [rows[0], rows[0]], []):
        with pytest.raises(Damaged):
            require_arrived(sent, Arrived(other))
