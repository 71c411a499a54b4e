"""The embedded engine: one SQLite file in WAL mode with full sync, one writer a process, encrypted as a whole.

With a key, the file is encrypted page by page (SQLCipher 4 format: AES-256-CBC and HMAC-SHA512), because logins and
object keys are personal data as much as the payloads are: docs/decisions/0004-encrypted-database.md.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import apsw

from nexus.kernel.engines.folding import FOLD_PAGES, Folding
from nexus.kernel.engines.generation import WATCHED, Generation, place_of
from nexus.kernel.engines.port import InEach, Progress, Row, Statement, Transaction, TransactionLostError, is_reading
from nexus.kernel.engines.remembered import Remembered
from nexus.kernel.engines.sqlite_errors import explain
from nexus.kernel.engines.turns import Turns
from nexus.kernel.errors import NexusError, Unavailable
from nexus.kernel.secret import Secret

BUSY_TIMEOUT_MS = 10_000
"""How long everything else than the beginning of a write waits for another process (that: turns.py)."""
PAGE_CACHE_KIB = 16_384
"""Decrypted pages kept in memory for each connection."""
PAGES_PER_STEP = 1_024  # of a copy: 4 MiB between two reports of progress

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a database is given, where its keys are random: each new row then changes pages anywhere in it."""

    cache_kib: int = PAGE_CACHE_KIB
    """Decrypted pages that the writer keeps; readers keep `PAGE_CACHE_KIB`."""
    fold_pages: int = FOLD_PAGES
    """Pages in the write-ahead log before it is folded."""


class SqliteTransaction:
    """What work sees (the port's `Transaction`)."""

    __slots__ = ("_connection", "announced", "moment", "saved", "untouched")

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.moment = object()
        self.untouched = True
        self.saved = True
        """Whether what the job at work does can be undone: a job has no savepoint before it first changes something."""
        self.announced: set[int] = set()
        """The places (`generation.py`) of what others remember and this transaction changes."""

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        if not is_reading(sql):
            self._change()
        return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        if not is_reading(sql):
            self._change()
        return self._connection.execute(sql, parameters).fetchone()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self._change()
        self._connection.execute(sql, parameters)
        return self._connection.changes()

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        self._change()
        before = self._connection.total_changes()
        self._connection.executemany(sql, rows)
        return self._connection.total_changes() - before

    def announce(self, name: bytes) -> None:
        self.announced.add(place_of(name))

    def _change(self) -> None:
        if not self.saved:
            self._connection.execute("SAVEPOINT job")
            self.saved = True
        self.moment = object()
        self.untouched = False


class SqliteWriter:
    """The connection that writes. Each job that changes something has a savepoint, unless it is alone in its transaction.

    Within a savepoint SQLite keeps what each page was, in a list that it walks after every statement: a job of many
    statements would pay for the square of them.
    A transaction that changes what others remember (`kernel_moved`, `announce`) says so around its commit: see generation.py.
    """

    def __init__(
        self, connection: apsw.Connection, path: Path, turns: Turns, generation: Callable[[], Generation]
    ) -> None:
        self.connection = connection
        self.turns = turns
        self._path = path
        self._tx = SqliteTransaction(connection)
        self._generation = generation
        self._opened = False
        self._alone = False
        """One job only: its failure ends the transaction."""
        self._ended = False
        """The transaction ended before its commit, because nothing is left of it."""
        connection.create_scalar_function("kernel_moved", self._move, 0)

    def begin(self, jobs: int) -> Transaction:
        try:
            if not self.turns.until(self._begin):
                raise apsw.BusyError("the others do not end")
        except apsw.Error as error:
            raise self._lost(error) from error
        self._tx.announced.clear()
        self._alone, self._ended = jobs == 1, False
        self._tx.moment = object()
        self._tx.untouched = True
        return self._tx

    def attempt(self, work: Callable[[Transaction], T]) -> T:
        connection, tx = self.connection, self._tx
        tx.saved = self._alone
        try:
            value = work(tx)
            if tx.saved and not self._alone:
                connection.execute("RELEASE job")
        except (apsw.IOError, apsw.FullError, apsw.CorruptError, apsw.BusyError) as error:
            raise self._lost(error) from error
        except BaseException as error:
            if not connection.in_transaction:  # SQLite itself ended it: nothing may go on as if it had not
                raise self._lost(error) from error
            if tx.saved:
                self._undo()
            if isinstance(error, apsw.Error):
                raise explain(error, self._path) from error
            raise
        finally:
            tx.saved = True
        return value

    def _undo(self) -> None:
        if self._alone:
            self.connection.execute("ROLLBACK")
            self._ended = True
        else:
            self.connection.execute("ROLLBACK TO job")
            self.connection.execute("RELEASE job")
        self._tx.moment = object()

    def _begin(self) -> bool:
        self.connection.set_busy_handler(None)
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            return False
        finally:
            self.connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        return True

    def commit(self) -> None:
        if self._ended:
            return
        try:
            if self._tx.announced:
                self._generation().opens(self._tx.announced)
                self._opened = True
            self.connection.execute("COMMIT")
        except apsw.Error as error:
            raise self._lost(error) from error
        except OSError as error:
            raise TransactionLostError(_untold(error), shared=True) from error
        self._close()

    def rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self._close()

    def _move(self, *nothing: Any) -> None:
        self._tx.announced.add(WATCHED)

    def _close(self) -> None:
        if self._opened:
            self._generation().closes()
            self._opened = False

    def _lost(self, error: BaseException) -> TransactionLostError:
        # A lock is nobody's fault: one wait for all. A disk that is full may still have room for some.
        return TransactionLostError(explain(error, self._path), shared=isinstance(error, apsw.BusyError))


class SqliteEngine:
    """One SQLite file. Reads run on the calling thread, each thread with a connection of its own."""

    def __init__(self, path: Path, key: Secret | None, sizes: Sizes = Sizes()) -> None:
        """Open or create `path`. `key`: 32 bytes, or None for a file that holds nothing confidential."""
        self.path = path
        self._key = key
        self._closed = False
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._generation: Generation | None = None
        self._generation_lock = threading.Lock()
        self._remembered = Remembered()
        self.writing = self.connect()
        self.writing.pragma("cache_size", -sizes.cache_kib)
        self._turns = Turns(path)
        self._folding = Folding(self.connect(), path.name, sizes.fold_pages)
        self.writing.set_wal_hook(self._folding.after_commit)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        connection = self._reader()
        if connection.in_transaction:
            raise RuntimeError("a read block is open on this thread: finish it before the next, and never await in it")
        try:
            connection.execute("BEGIN")
        except apsw.Error as error:
            raise explain(error, self.path) from error
        try:
            yield SqliteTransaction(connection)
        except apsw.Error as error:
            raise explain(error, self.path) from error
        finally:
            connection.execute("ROLLBACK")

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        try:
            return self._reader().execute(sql, parameters).fetchone()
        except apsw.Error as error:
            raise explain(error, self.path) from error

    def watched(self, sql: str, parameters: Sequence[Any] = (), *, name: bytes = b"") -> Row | None:
        place = place_of(name) if name else WATCHED
        try:
            number = self._shared().now(place)
        except OSError:
            return self.peek(sql, parameters)
        asked = (sql, *parameters)
        known = self._remembered.find(asked, number)
        if known is not None:
            return known
        row = self.peek(sql, parameters)
        # In a snapshot, what was read may be older than the number; while that is odd, somebody commits.
        # What is not there is asked for each time, so that nobody fills the memory with names.
        if row and number % 2 == 0 and not self._reader().in_transaction and self._shared().now(place) == number:
            self._remembered.keep(asked, number, row)
        return row

    def writer(self) -> SqliteWriter:
        return SqliteWriter(self.writing, self.path, self._turns, self._shared)

    def explain(self, error: Exception) -> NexusError:
        return explain(error, self.path)

    def lost(self, error: Exception) -> TransactionLostError | None:
        return error if isinstance(error, TransactionLostError) else None

    def define(self, tx: Transaction, statement: Statement) -> None:
        tx.execute(statement.sqlite if isinstance(statement, InEach) else statement)

    def copy_to(self, path: Path, progress: Progress) -> None:
        """A new file under the same key, while reading and writing go on. Counts pages."""
        source, target = self.connect(), open_file(path, self._key)
        try:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # one snapshot from here on
            with target.backup("main", source, "main") as copying:
                while not copying.done:
                    copying.step(PAGES_PER_STEP)
                    progress(copying.page_count - copying.remaining, copying.page_count)
            target.pragma("journal_mode", "delete")  # folds everything into the one file
        except apsw.Error as error:
            raise explain(error, path) from error
        finally:
            source.close()
            target.close()

    def close(self) -> None:
        """Fold the write-ahead log back and close every connection."""
        self._closed = True
        self._folding.close()
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        self.writing.close()
        self._turns.close()
        if self._generation is not None:
            self._generation.close()

    # What is shared with other processes

    def _shared(self) -> Generation:
        """Made when it is first needed: most databases hold nothing that is remembered. Raises OSError."""
        if self._generation is None:
            with self._generation_lock:
                self._generation = self._generation or Generation(self.path.with_name(self.path.name + "-generation"))
        return self._generation

    # Connections

    def _reader(self) -> apsw.Connection:
        if self._closed:  # a check of health, in its thread, may come after the end
            raise Unavailable("the database is closed", code="database.closed")
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect()
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    def connect(self) -> apsw.Connection:
        """A new connection; whoever asks for it closes it."""
        connection = open_file(self.path, self._key)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        try:
            for pragma, value in (
                ("journal_mode", "wal"),
                ("synchronous", "full"),
                ("foreign_keys", 1),
                ("cache_size", -PAGE_CACHE_KIB),
                ("temp_store", "memory"),
                ("secure_delete", "on"),
                ("wal_autocheckpoint", 0),  # see folding.py
            ):
                connection.pragma(pragma, value)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except apsw.Error as error:
            connection.close()
            raise explain(error, self.path) from error
        return connection


def open_file(path: Path, key: Secret | None) -> apsw.Connection:
    """A bare connection to a file, which is made if there is none; whoever asks for it closes it."""
    connection = apsw.Connection(str(path))
    # A plan depends on the statement alone. Otherwise SQLite prepares some anew at each call, for each value that it is given,
    # which costs several times what running them does: those that sort by a part of a key, such as the newest version.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.create_scalar_function("kernel_moved", _by_the_writer_only, 0)
    if key is not None:
        connection.pragma("cipher", "sqlcipher")
        connection.pragma("legacy", 4)
        connection.execute(f"PRAGMA key=\"x'{key.reveal().hex()}'\"").fetchall()
    return connection


def _by_the_writer_only(*nothing: Any) -> None:
    raise RuntimeError("what others remember is changed by the writer only, who says so")


def _untold(error: OSError) -> Unavailable:
    return Unavailable(
        f"what others remember cannot be said to have changed ({error.strerror})",
        code="database.generation",
        hint="the file beside the database that ends in -generation must be readable and writable",
    )
