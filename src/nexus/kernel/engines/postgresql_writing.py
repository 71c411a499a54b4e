"""The writer of a PostgreSQL database.

From `begin` to `commit` it holds one lock that all writers of the schema take, on whatever machine: so work runs as if
it were alone, as on SQLite, and the log has one line of growth. The lock comes before anything is read, and the
transaction sees at each statement what is committed then, which is what the last holder of the lock committed.

Every commit also raises this writer's own number in `kernel_writer`. If the connection ends during a COMMIT, that number
says afterwards whether it happened: nobody is told that a change failed which in fact is stored.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from nexus.kernel.engines.connecting import Connection, Gate
from nexus.kernel.engines.port import Transaction, TransactionLostError
from nexus.kernel.engines.postgresql_errors import UNREACHABLE, explain, is_gone, is_passing, lost
from nexus.kernel.engines.server import Server
from nexus.kernel.engines.statements import PostgresTransaction
from nexus.kernel.errors import Conflict, Damaged, NexusError, Unavailable
from nexus.kernel.ids import new_id

DOUBT_S: Final = 10.0
"""How long the writer tries to learn what became of a commit."""
_DOUBT_PAUSE_S: Final = 0.2
MOVING: Final = "kernel_moving"
"""A table that marks a schema which was filled from elsewhere and never used: see `postgresql_carrying`."""
FORGET_DAYS: Final = 7
"""Numbers of writers that are gone are kept for so long."""

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS kernel_writer"
    ' (id text COLLATE "C" PRIMARY KEY, commits bigint NOT NULL, at timestamptz NOT NULL)',
    "CREATE TABLE IF NOT EXISTS kernel_owner (one bigint PRIMARY KEY CHECK (one = 1), instance text NOT NULL)",
)

T = TypeVar("T")


class PostgresWriter:
    """The port's `Writer`. Connects again by itself."""

    def __init__(self, gate: Gate, *, new: bool) -> None:
        self._gate = gate
        self._id = new_id("wrt")
        self._number = 0
        self._connection: Connection | None = None
        self._tx: PostgresTransaction
        self._alone = False
        """One job only: it needs no savepoint, for its failure ends the transaction."""
        self._saved = False
        """A savepoint is open: of the last job that ran a statement, for none is made before its first."""
        self._ended = False
        """The transaction ended before its commit, because nothing is left of it."""
        self._warned = False
        """The server said something during a commit: it is stored there, and perhaps not where it waits for."""
        self._lock = lock_number(gate.server.schema)
        self._new = new
        self._connect()
        self._new = False

    def begin(self, jobs: int) -> Transaction:
        self._number += 1
        try:
            try:
                if self._connection is None or self._connection.closed:
                    self._connect()
                self._lock_out()
            except psycopg.Error as error:
                if not is_gone(error):
                    raise
                self._connect()  # it ended while nobody used it
                self._lock_out()
        except (psycopg.Error, NexusError) as error:
            self.rollback()
            raise lost(error) from None
        self._alone, self._saved, self._ended = jobs == 1, False, False
        self._tx.moment = object()
        self._tx.untouched = True
        return self._tx

    def attempt(self, work: Callable[[Transaction], T]) -> T:
        self._tx.before = self._save
        try:
            value = work(self._tx)
            if self._status() is TransactionStatus.INERROR:
                raise NexusError("work went on after a statement of its own had failed", code="database.went-on")
        except BaseException as error:
            if self._alone or self._tx.before is None:  # else it has run no statement, and the savepoint is another's
                self._undo(error)
            if isinstance(error, psycopg.Error):
                raise explain(error) from None
            raise
        finally:
            self._tx.before = None
        return value

    def commit(self) -> None:
        if self._ended:
            return
        self._warned = False
        try:
            said = self._wire.execute("COMMIT").statusmessage
        except psycopg.Error as error:
            if is_gone(error):
                self._learn()
                return
            if is_passing(error):
                raise lost(error) from None
            raise TransactionLostError(explain(error), shared=False) from None
        if said != "COMMIT":  # a transaction that had failed: the server rolls it back, and calls that no error
            raise TransactionLostError(NexusError("the commit came to nothing", code="database.went-on"), shared=False)
        if self._warned:
            raise TransactionLostError(_unknown(), shared=True)

    def rollback(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop()

    def close(self) -> None:
        """End the connection."""
        self._drop()

    # Inside a transaction

    @property
    def _wire(self) -> Connection:
        assert self._connection is not None
        return self._connection

    def _status(self) -> TransactionStatus:
        return TransactionStatus(self._wire.pgconn.transaction_status)

    def _lock_out(self) -> None:
        """Everybody else. One round trip."""
        self._wire.execute(
            f"BEGIN; SELECT pg_advisory_xact_lock({self._lock});"  # noqa: S608 - a number and an id of our own
            f" INSERT INTO kernel_writer VALUES ('{self._id}', {self._number}, now())"
            " ON CONFLICT (id) DO UPDATE SET commits = excluded.commits, at = excluded.at"
        )

    def _save(self) -> None:
        if self._alone:
            return
        try:
            self._wire.execute("RELEASE SAVEPOINT job; SAVEPOINT job" if self._saved else "SAVEPOINT job")
        except psycopg.Error as error:
            raise lost(error) from None
        self._saved = True

    def _undo(self, error: BaseException) -> None:
        """What the job did. Raises TransactionLostError if nothing can be saved any more."""
        self._tx.moment = object()
        if isinstance(error, psycopg.Error) and is_gone(error):
            self._drop()
            raise lost(error) from None
        if isinstance(error, psycopg.Error) and is_passing(error):
            raise lost(error) from None  # what its neighbours did may be what it ran into
        try:
            if self._alone:
                self._ended = True
                self._wire.execute("ROLLBACK")
            else:
                self._wire.execute("ROLLBACK TO SAVEPOINT job")
        except psycopg.Error as gone:
            self._drop()
            raise lost(gone) from None

    # Connections

    def _connect(self) -> None:
        self._drop()
        connection = self._gate.connect()
        connection.add_notice_handler(self._heed)
        self._connection, self._tx = connection, PostgresTransaction(connection)
        try:
            _prepare(connection, self._gate.server, self._lock, new=self._new)
        except (psycopg.Error, NexusError) as error:
            self._drop()
            raise explain(error) from None

    def _heed(self, notice: psycopg.errors.Diagnostic) -> None:
        self._warned = True

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None

    def _learn(self) -> None:
        """Whether the commit that the connection ended in happened. Raises TransactionLostError if not, or if nobody knows.

        Under the lock: if the server is still at it, it is done, one way or the other, before the answer.
        """
        deadline = time.monotonic() + DOUBT_S
        while time.monotonic() < deadline:
            try:
                self._connect()
                self._wire.execute(f"BEGIN; SELECT pg_advisory_xact_lock({self._lock})")
                row = self._wire.execute("SELECT commits FROM kernel_writer WHERE id = $1", (self._id,)).fetchone()
                self._wire.execute("ROLLBACK")
            except (psycopg.Error, NexusError):
                time.sleep(_DOUBT_PAUSE_S)
                continue
            if row is not None and row[0] == self._number:
                return
            gone = Unavailable("the database server went away", code=UNREACHABLE, hint="retry")
            raise TransactionLostError(gone, shared=True, again=True)
        raise TransactionLostError(_unknown(), shared=True)


def _unknown() -> Unavailable:
    return Unavailable(
        "the database server went away during a commit, and nobody knows yet whether it is stored",
        code="database.outcome-unknown",
        hint="look whether the change is there before you repeat it",
    )


def lock_number(schema: str, *, of: str = "writer") -> int:
    """An advisory lock of a schema. Locks are those of one database: another one's do not matter."""
    return int.from_bytes(hashlib.sha256(f"nexus {of} v1\n{schema}".encode()).digest()[:8], "big", signed=True)


def _prepare(connection: Connection, server: Server, lock: int, *, new: bool) -> None:
    """Make sure of the schema, of whose it is, and of the table that commits are numbered in."""
    if not _found(connection, "SELECT to_regclass('kernel_owner')::text"):
        if not new:
            raise Damaged(
                f"the schema {server.schema} of the database server is empty",
                code="database.missing",
                hint="is it the right one (database_schema)? Otherwise restore the last backup",
            )
        connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock({lock})")
        if not _found(connection, "SELECT to_regnamespace($1)::text", f'"{server.schema}"'):
            connection.execute(f'CREATE SCHEMA "{server.schema}"')
        for table in _TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO kernel_owner VALUES (1, $1) ON CONFLICT (one) DO NOTHING", (server.instance,))
        connection.execute("COMMIT")
    if _found(connection, "SELECT instance FROM kernel_owner") != server.instance:
        raise Conflict(
            f"the schema {server.schema} holds another platform",
            code="database.another-platform",
            hint="name another schema: database_schema",
        )
    if not new:
        connection.execute(f"DROP TABLE IF EXISTS {MOVING}")  # from here on it is the platform's own
    connection.execute(f"DELETE FROM kernel_writer WHERE at < now() - interval '{FORGET_DAYS} days'")  # noqa: S608


def _found(connection: Connection, sql: str, *parameters: str) -> str | None:
    row = connection.execute(sql, parameters or None).fetchone()
    return None if row is None else row[0]


def discard(server: Server) -> None:
    """Remove the schema of a platform that was never founded to its end, with all that is in it."""
    connection = Gate(server).connect()
    try:
        if _found(connection, "SELECT to_regclass('kernel_owner')::text") and (
            _found(connection, "SELECT instance FROM kernel_owner") == server.instance
        ):
            connection.execute(f'DROP SCHEMA "{server.schema}" CASCADE')
    except psycopg.Error as error:
        raise explain(error) from None
    finally:
        connection.close()
