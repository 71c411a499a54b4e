"""A file of SQLite as what is carried, and as where it is carried to."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from nexus.kernel.engines.carrying import Contents, Tallies, carry, listed, quoted, require_arrived
from nexus.kernel.engines.port import InEach, Progress, Row, Statement, Transaction
from nexus.kernel.engines.sqlite import SqliteTransaction, open_file
from nexus.kernel.engines.sqlite_errors import explain
from nexus.kernel.errors import Damaged
from nexus.kernel.migrating import Migration
from nexus.kernel.secret import Secret


class SqliteContents:
    """The port's `Contents`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def tables(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for table, column in self._all(
            "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
            " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY t.name, c.cid"
        ):
            found.setdefault(table, []).append(column)
        return found

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        return iter(self._connection.execute(f"SELECT {listed(columns)} FROM {quoted(table)}"))  # noqa: S608

    def numbers(self) -> dict[str, int]:
        if not self._all("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
            return {}
        return dict(self._all("SELECT name, seq FROM sqlite_sequence"))

    def _all(self, sql: str) -> list[Any]:
        return self._connection.execute(sql).fetchall()


class SqliteReceiver(SqliteContents):
    """The port's `Receiver`: a file of our own, in which nothing is."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self.tx: Transaction = SqliteTransaction(connection)
        self._triggers: list[tuple[str, str]] = []

    def define(self, tx: Transaction, statement: Statement) -> None:
        tx.execute(statement.sqlite if isinstance(statement, InEach) else statement)

    def open_up(self) -> dict[str, list[str]]:
        run = self._connection.execute
        self._triggers = self._all("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        for name, _ in self._triggers:
            run(f"DROP TRIGGER {quoted(name)}")
        tables = self.tables()
        for table in tables:
            run(f"DELETE FROM {quoted(table)}")  # noqa: S608
        return tables

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        places = ", ".join("?" for _ in columns)
        self._connection.executemany(
            f"INSERT INTO {quoted(table)} ({listed(columns)}) VALUES ({places})",  # noqa: S608
            rows,
        )

    def close_up(self, numbers: Mapping[str, int]) -> None:
        run = self._connection.execute
        for (table,) in self._all("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"):
            run("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, numbers.get(table, 0)))
        for _, sql in self._triggers:
            run(sql)
        if run("SELECT 1 FROM pragma_foreign_key_check LIMIT 1").fetchall():
            raise Damaged("rows of the database name others that are not there", code="database.references")


def write_file(
    path: Path, key: Secret | None, source: Contents, schema: Sequence[Migration], progress: Progress
) -> Tallies:
    """A new file under `key`; durable, and read back, on return. Nothing is left of one that failed."""
    try:
        tallies = _write(path, key, source, schema, progress)
        with contents_of_file(path, key) as arrived:
            require_arrived(tallies, arrived)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, apsw.Error):
            raise explain(error, path) from error
        raise
    return tallies


@contextmanager
def contents_of_file(path: Path, key: Secret | None) -> Iterator[SqliteContents]:
    """What a file holds that nobody changes meanwhile, or holds at this moment."""
    connection = open_file(path, key)
    try:
        connection.execute("BEGIN")
        yield SqliteContents(connection)
    finally:
        connection.close()


def _write(
    path: Path, key: Secret | None, source: Contents, schema: Sequence[Migration], progress: Progress
) -> Tallies:
    connection = open_file(path, key)
    connection.create_scalar_function("kernel_moved", _nobody_remembers, 0)
    try:
        # A crash leaves a file that nobody asks for: it needs no journal, and one sync at its end.
        connection.pragma("journal_mode", "off")
        connection.pragma("synchronous", "off")
        connection.execute("BEGIN EXCLUSIVE")
        tallies = carry(source, SqliteReceiver(connection), schema, progress)
        connection.execute("COMMIT")
    finally:
        connection.close()
    _sync(path)
    return tallies


def _nobody_remembers(*nothing: Any) -> None:
    """In place of `kernel_moved`: the file is ours alone, and nobody remembers anything of it."""


def _sync(path: Path) -> None:
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
