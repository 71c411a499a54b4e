"""The database of a test: a file, or with `pytest --database postgresql` a database of the test run's PostgreSQL server.

A program that a test starts opens the same database by the same call: it inherits where the server is. On the server, each
is a copy of a database that has every schema already, because taking hundreds of steps for each test is what would cost.
"""

import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from nexus.app.schema import MIGRATIONS
from nexus.kernel.database import Database, Recorder
from nexus.kernel.engines.carrying import Columns
from nexus.kernel.engines.dialect import UntranslatableError, query
from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.engines.postgresql_carrying import contents_of_server
from nexus.kernel.engines.server import Server
from nexus.kernel.engines.sqlite_carrying import SqliteContents
from nexus.kernel.observing import Commits
from nexus.kernel.secret import Secret
from simulators.postgresql import INSTANCE, PostgresServer
from simulators.recorder import MemoryRecorder

VARIABLE = "TEST_POSTGRESQL"
TEMPLATE = "blank"
PREFIX = "of_test_"


def choose(server: PostgresServer) -> None:
    """From here on tests open their databases on this server."""
    server.sql(f"CREATE DATABASE {TEMPLATE} OWNER nexus")
    blank = Database(PostgresEngine(server.place("nexus", database=TEMPLATE)), recorder=MemoryRecorder())
    blank.migrate(MIGRATIONS)
    blank.close()
    os.environ[VARIABLE] = json.dumps({"host": str(server.folder), "port": server.port})


def is_chosen() -> bool:
    """Whether tests run on a server."""
    return VARIABLE in os.environ


def database(
    path: Path,
    *,
    key: Secret | None = None,
    recorder: Recorder,
    bare: bool = False,
    observer: Commits | None = None,
) -> Database:
    """Open the database of this path. `bare`: with no schema at all yet, as an earlier Nexus would have found it."""
    if not is_chosen():
        return Database(path, key=key, recorder=recorder, observer=observer)
    name, template = _name(path), "template0" if bare else TEMPLATE
    with _owner() as connection, suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER nexus STRATEGY FILE_COPY")
    return Database(
        PostgresEngine(Server(**_where(), instance=INSTANCE, database=name)), recorder=recorder, observer=observer
    )


def whereabouts(root: Path) -> dict[str, str | int]:
    """The settings that put the database of a whole platform there; none with SQLite."""
    if not is_chosen():
        return {}
    where = _where()
    return {
        "database_host": where["host"],
        "database_port": where["port"],
        "database_schema": f"p{_digest(root)}",
        "database_volume_encrypted": 1,
    }


def tables(opened: Database) -> Columns:
    """Its tables and their columns."""
    if isinstance(opened.engine, PostgresEngine):
        with contents_of_server(opened.engine._gate) as contents:
            return contents.tables()
    connection = opened.engine.connect()
    try:
        return SqliteContents(connection).tables()
    finally:
        connection.close()


def at_rest(path: Path) -> bytes:
    """What lies on the disk of the database of this path: its file, or every row as the server shows it to its keeper."""
    if not is_chosen():
        return path.read_bytes()
    with _owner(_name(path)) as connection:
        listed = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'nexus'"
        rows = [
            repr(row).encode()
            for (table,) in connection.execute(listed).fetchall()
            for row in connection.execute(f"SELECT * FROM {table}").fetchall()
        ]
    return b"\n".join(rows)


def tamper(path: Path, *statements: str) -> None:
    """What the keeper of the server can do to the closed database of this path: no trigger stops him. Skips where it is
    written in words of SQLite alone.
    """
    try:
        translated = [query(statement) for statement in statements]
    except UntranslatableError as error:
        pytest.skip(f"this is done to a file: {error}")
    with _owner(_name(path)) as connection:
        connection.execute("SET session_replication_role = replica; SET search_path TO nexus")
        for statement in translated:
            connection.execute(statement)


def drop_all() -> None:
    """The databases that tests have opened so far: nobody opens them again."""
    if not is_chosen():
        return
    with _owner() as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (PREFIX,))
        for (name,) in found.fetchall():
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _where() -> dict:
    return json.loads(os.environ[VARIABLE])


def _owner(database: str = "postgres") -> psycopg.Connection:
    where = _where()
    return psycopg.connect(f"host={where['host']} port={where['port']} dbname={database} user=owner", autocommit=True)


def _name(path: Path) -> str:
    return PREFIX + _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]


def is_reached_from(module: ModuleType) -> bool:
    """Whether tests of this module open their databases here, by themselves or by what they import."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current.__name__ == __name__:
            return True
        for value in vars(current).values():
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
            if isinstance(name, str) and name.startswith("simulators.") and name not in seen:
                seen.add(name)
                waiting.append(sys.modules[name])
    return False
