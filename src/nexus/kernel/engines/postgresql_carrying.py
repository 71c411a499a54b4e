"""A schema of a PostgreSQL server as what is carried, and as where it is carried to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg

from nexus.kernel.engines.carrying import STEP_ROWS, Contents, Tallies, carry, listed, quoted, require_arrived
from nexus.kernel.engines.connecting import Connection, Gate
from nexus.kernel.engines.definitions import define
from nexus.kernel.engines.port import InEach, Progress, Row, Statement, Transaction, TransactionLostError
from nexus.kernel.engines.postgresql_errors import explain
from nexus.kernel.engines.postgresql_writing import MOVING, PostgresWriter, discard
from nexus.kernel.engines.server import Server
from nexus.kernel.engines.statements import PostgresTransaction
from nexus.kernel.errors import Conflict
from nexus.kernel.migrating import Migration

_OWN: Final = ("kernel_owner", "kernel_writer", MOVING)
"""Tables of this engine: they say nothing of what a platform holds."""
_UNHURRIED: Final = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '10min'"
_TABLES: Final = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE n.nspname = current_schema() AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY c.relname, a.attnum
"""
_NUMBERED: Final = """
SELECT c.relname, a.attname, pg_get_serial_sequence(quote_ident(c.relname), a.attname)
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE n.nspname = current_schema() AND c.relkind = 'r' AND a.attidentity <> '' AND NOT a.attisdropped
"""


class PostgresContents:
    """The port's `Contents`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tables(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for table, column in self._all(_TABLES):
            if table not in _OWN:
                found.setdefault(table, []).append(column)
        return found

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        with self._connection.cursor("carried", binary=True) as cursor:
            cursor.itersize = STEP_ROWS
            cursor.execute(f"SELECT {listed(columns)} FROM {quoted(table)}")  # noqa: S608
            yield from cursor

    def numbers(self) -> dict[str, int]:
        given = {}
        for table, _, sequence in self._all(_NUMBERED):
            ((last, used),) = self._all(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608
            if used:
                given[table] = last
        return given

    def _all(self, sql: str) -> list[Row]:
        return self._connection.cursor(binary=True).execute(sql).fetchall()


class PostgresReceiver(PostgresContents):
    """The port's `Receiver`: a schema of our own, in which nothing is."""

    def __init__(self, tx: PostgresTransaction) -> None:
        super().__init__(tx.connection)
        self.tx: Transaction = tx

    def define(self, tx: Transaction, statement: Statement) -> None:
        for step in (statement.postgresql,) if isinstance(statement, InEach) else define(statement):
            self._connection.execute(step)

    def open_up(self) -> dict[str, list[str]]:
        tables = self.tables()
        for table in tables:
            self._connection.execute(f"ALTER TABLE {quoted(table)} DISABLE TRIGGER USER")
        self._connection.execute(f"TRUNCATE {listed(list(tables))}")
        self._connection.execute("SET CONSTRAINTS ALL DEFERRED")
        return tables

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        cursor = self._connection.cursor(binary=True)
        with cursor.copy(f"COPY {quoted(table)} ({listed(columns)}) FROM STDIN (FORMAT BINARY)") as copying:
            for row in rows:
                copying.write_row(row)

    def close_up(self, numbers: Mapping[str, int]) -> None:
        self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits is checked now
        for table, column, sequence in self._all(_NUMBERED):
            ((highest,),) = self._all(f"SELECT max({quoted(column)}) FROM {quoted(table)}")  # noqa: S608
            if last := max(numbers.get(table, 0), highest or 0):
                self._connection.execute("SELECT setval($1::text::regclass, $2)", (sequence, last))
        for table in self.tables():
            self._connection.execute(f"ALTER TABLE {quoted(table)} ENABLE TRIGGER USER")


@contextmanager
def contents_of_server(gate: Gate) -> Iterator[PostgresContents]:
    """What the schema holds at this moment, while everybody goes on writing."""
    connection = gate.connect()
    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute(_UNHURRIED)
        yield PostgresContents(connection)
    except psycopg.Error as error:
        raise explain(error) from None
    finally:
        connection.close()


def fill_server(
    server: Server,
    source: Contents,
    schema: Sequence[Migration],
    progress: Progress = lambda done, total: None,
    *,
    require: Callable[[Transaction], None] = lambda tx: None,
) -> Tallies:
    """Fill the schema of a server, which must not be there, or be what an earlier attempt left; read back on return.

    `require` looks at what arrived, and raises if nothing of it shall stay. Until the schema is opened as a platform's for
    the first time it bears a mark, and may be filled again. Raises Conflict if it holds a platform.
    """
    gate = Gate(server)
    _make_room(gate)
    writer = PostgresWriter(gate, new=True)
    try:
        tallies = _fill(writer, source, schema, progress, require)
    except TransactionLostError as lost:
        raise lost.cause from None
    except psycopg.Error as error:
        raise explain(error) from None
    finally:
        writer.close()
    with contents_of_server(gate) as arrived:
        require_arrived(tallies, arrived)
    return tallies


def _fill(
    writer: PostgresWriter,
    source: Contents,
    schema: Sequence[Migration],
    progress: Progress,
    require: Callable[[Transaction], None],
) -> Tallies:
    tx = writer.begin(1)
    assert isinstance(tx, PostgresTransaction)
    try:
        tx.connection.execute(_UNHURRIED)
        tallies = carry(source, PostgresReceiver(tx), schema, progress)
        require(tx)
        tx.connection.execute(f"CREATE TABLE {MOVING} (one bigint PRIMARY KEY)")
        writer.commit()
    except BaseException:
        writer.rollback()
        raise
    return tallies


def _make_room(gate: Gate) -> None:
    connection = gate.connect()
    try:
        marked = connection.execute("SELECT to_regclass($1)::text", (MOVING,)).fetchone()
        held = PostgresContents(connection).tables()
    finally:
        connection.close()
    if marked is not None and marked[0] is not None:
        discard(gate.server)
    elif held:
        raise Conflict(
            f"the schema {gate.server.schema} of the database server is not empty",
            code="database.not-empty",
            hint="name another one (database_schema), or have the old one dropped if nobody needs it",
        )
