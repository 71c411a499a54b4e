"""The embedded database: SQLite in WAL mode with full sync, one writer thread, group commit, encrypted as a whole.

Three promises, kept here so that no service can break them:

1. A change without its audit entry does not type-check: `write` takes work that returns `Recorded(value, entry)`.
2. The change and its entry commit in one transaction, and `write` returns only once that commit is durable.
3. Writers that arrive together share one commit (and one fsync); each has a savepoint of its own, so that one that
   fails leaves its neighbours alone.

With a key, the file is encrypted page by page (SQLCipher 4 format: AES-256-CBC and HMAC-SHA512), because logins and
object keys are personal data as much as the payloads are: docs/decisions/0004-encrypted-database.md.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

import apsw

from nexus.kernel.database_errors import explain
from nexus.kernel.database_folding import Folding
from nexus.kernel.database_jobs import Job, settle
from nexus.kernel.errors import Conflict, NexusError, Unavailable
from nexus.kernel.operation import Entry
from nexus.kernel.secret import Secret

MAX_BATCH = 256
"""Writers that share one commit at most."""
GATHER_S = 0.004
"""Longest wait for others to share a commit with."""
GATHER_STEP_S = 0.000_2
BUSY_TIMEOUT_MS = 10_000  # how long a process waits for another process's commit before it gives up
PAGE_CACHE_KIB = 16_384
"""Decrypted pages kept in memory for each connection."""
PAGES_PER_STEP = 1_024  # of a copy: 4 MiB between two reports of progress
KEY_BYTES = 32

Row = tuple[Any, ...]
T = TypeVar("T")


class Transaction:
    """What work sees of the database: rows in, rows out. Never kept after the work returns."""

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Every row of a statement."""
        return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        return self._connection.execute(sql, parameters).fetchone()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; returns the number of rows that it changed."""
        self._connection.execute(sql, parameters)
        return self._connection.changes()

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters."""
        self._connection.executemany(sql, rows)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[T]):
    """The value of a use case and the audit entry that commits with it."""

    value: T
    entry: Entry


class Bookkeeping(StrEnum):
    """The closed list of writes that carry no entry of their own, each because its cause is already recorded."""

    CHECKPOINT = "a signed checkpoint over entries already in the log"
    TOLD = "messages of the outbox that their receivers have taken; what they tell of is an entry"
    SHIPPED = "entries received from another service's outbox, recorded as they are"
    CHALLENGE = "challenges that were presented; what came of it is an entry"
    THROTTLE = "counters of failed sign-ins; the refusals are entries"
    SESSION_USE = "the last use of a session; each request is an entry"
    EXPIRY = "removal of what has ended by its own recorded date"
    PROGRESS = "the position of a resumable job whose start and end are entries"
    GRANT_USE = "the day on which a right was last used; each use is an entry"
    INDEX = "a search index derived from entries already in the log"
    MIGRATION = "schema changes of a recorded upgrade"


class Recorder(Protocol):
    """Appends entries to a log inside the caller's transaction.

    Called once for each commit, last, with all its entries in order; if it raises, nothing of the transaction stays.
    """

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None: ...


@dataclass(frozen=True, slots=True)
class Migration:
    """One forward step of one service's schema. Statements are never edited once released, only added to."""

    service: str
    version: int
    statements: tuple[str, ...]


class Database:
    """One SQLite file. Reads run on the calling thread; writes queue for the writer thread."""

    def __init__(self, path: Path, *, key: Secret | None, recorder: Recorder) -> None:
        """Open or create `path`. `key`: 32 bytes, or None for a file that holds nothing confidential."""
        self.path = path
        self._key = key
        self._recorder = recorder
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = False
        self._writing = self._connect()
        self._folding = Folding(self._connect(), path.name)
        self._writing.set_wal_hook(self._folding.after_commit)
        self._writer = threading.Thread(target=self._write_forever, name=f"writer:{path.name}", daemon=True)
        self._writer.start()

    # Reading

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent snapshot for as long as the block runs. Never waits for writers; must not contain `await`."""
        connection = self._reader()
        if connection.in_transaction:
            raise RuntimeError("a read block is open on this thread: finish it before the next, and never await in it")
        try:
            connection.execute("BEGIN")
        except apsw.Error as error:
            raise explain(error, self.path) from error
        try:
            yield Transaction(connection)
        except apsw.Error as error:
            raise explain(error, self.path) from error
        finally:
            connection.execute("ROLLBACK")

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of one statement, as of now: for checks too frequent for a snapshot of their own."""
        try:
            return self._reader().execute(sql, parameters).fetchone()
        except apsw.Error as error:
            raise explain(error, self.path) from error

    def copy_to(self, path: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Write this moment's state as a new file under the same key, while reading and writing go on.

        Blocks. `progress` hears pages done and pages in all. Durable on return.
        """
        source, target = self._connect(), self._open(path)
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

    # Writing

    async def write(self, work: Callable[[Transaction], Recorded[T]]) -> T:
        """Run `work` in a durable transaction with its audit entry; return its value once both are on disk.

        `work` runs on the writer thread and may run again if its batch has to be split: it must depend on nothing
        but its arguments. Raises what `work` raises (nothing is then stored), or Unavailable if the disk refuses.
        """
        return await self._enqueue(_recorded(work))

    def submit(self, work: Callable[[Transaction], Recorded[T]]) -> "Future[T]":
        """`write` for callers without an event loop."""
        return self._enqueue_from_thread(_recorded(work))

    async def record(self, entry: Entry) -> None:
        """Make an entry durable on its own: reads before their first byte leaves, refusals, failures."""
        await self._enqueue(lambda tx: (None, entry))

    async def bookkeep(self, reason: Bookkeeping, work: Callable[[Transaction], T]) -> T:
        """A durable write without an entry, for one of the listed reasons only."""
        assert isinstance(reason, Bookkeeping)
        return await self._enqueue(lambda tx: (work(tx), None))

    def bookkeep_later(self, reason: Bookkeeping, work: Callable[[Transaction], T]) -> "Future[T]":
        """`bookkeep` for callers that wait for nothing: the write joins the next commit."""
        assert isinstance(reason, Bookkeeping)
        return self._enqueue_from_thread(lambda tx: (work(tx), None))

    def migrate(self, migrations: Sequence[Migration]) -> list[Migration]:
        """Bring every schema forward; returns the steps taken. Raises Conflict on a file of a newer version."""
        return self._enqueue_from_thread(lambda tx: (_migrate(tx, migrations), None)).result()

    def close(self) -> None:
        """Finish the queued writes, fold the write-ahead log back and close every connection."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        self._folding.close()
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        self._writing.close()

    # The writer thread

    def _enqueue(self, work: Callable[[Transaction], tuple[T, Entry | None]]) -> "asyncio.Future[T]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._put(Job(work, future, loop))
        return future

    def _enqueue_from_thread(self, work: Callable[[Transaction], tuple[T, Entry | None]]) -> "Future[T]":
        future: Future[T] = Future()
        self._put(Job(work, future, None))
        return future

    def _put(self, job: Job) -> None:
        if self._closed:
            raise Unavailable("the database is closed", code="database.closed")
        self._queue.put(job)

    def _write_forever(self) -> None:
        crowd, took = 1, 0.0
        while (first := self._queue.get()) is not None:
            self._gather(crowd, min(took, GATHER_S))
            batch = [first]
            while len(batch) < MAX_BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
            start = time.perf_counter()
            self._commit(batch)
            crowd, took = len(batch), time.perf_counter() - start

    def _gather(self, crowd: int, patience: float) -> None:
        """Wait for as many writers as shared the last commit, at most as long as that took; a lone one never waits.

        Each commit makes every reader fetch and decrypt its pages again: fewer, fuller commits save more processor time
        than their own.
        """
        while self._queue.qsize() + 1 < crowd and patience > 0:
            time.sleep(GATHER_STEP_S)
            patience -= GATHER_STEP_S

    def _commit(self, batch: list[Job]) -> None:
        """One transaction for the whole batch; if it fails as a whole, one transaction for each of its jobs.

        A caller who gave up before its job began is left out; from here on, giving up no longer stops the job.
        """
        if not (batch := [job for job in batch if not job.future.cancelled()]):
            return
        try:
            done = self._attempt(batch)
        except Exception as error:  # whatever it was, every waiting caller must hear of it
            if len(batch) > 1 and not isinstance(error, apsw.BusyError):  # a lock is nobody's fault: one wait for all
                for job in batch:
                    self._commit([job])
                return
            done = [(job, error if isinstance(error, NexusError) else explain(error, self.path)) for job in batch]
        settle(done)

    def _attempt(self, batch: list[Job]) -> list[tuple[Job, Any]]:
        connection = self._writing
        tx = Transaction(connection)
        done: list[tuple[Job, Any]] = []
        entries: list[Entry] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in batch:
                connection.execute("SAVEPOINT job")
                try:
                    value, entry = job.work(tx)
                except (apsw.IOError, apsw.FullError, apsw.CorruptError, apsw.BusyError):
                    raise
                except Exception as error:
                    connection.execute("ROLLBACK TO job")
                    done.append((job, error))
                else:
                    if entry is not None:
                        entries.append(entry)
                    done.append((job, (value,)))
                connection.execute("RELEASE job")
            if entries:
                self._recorder.record(tx, entries)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return done

    # Connections

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._closed:
                raise Unavailable("the database is closed", code="database.closed")
            connection = self._local.connection = self._connect()
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    def _open(self, path: Path) -> apsw.Connection:
        connection = apsw.Connection(str(path))
        if self._key is not None:
            connection.pragma("cipher", "sqlcipher")
            connection.pragma("legacy", 4)
            connection.execute(f"PRAGMA key=\"x'{self._key.reveal().hex()}'\"").fetchall()
        return connection

    def _connect(self) -> apsw.Connection:
        connection = self._open(self.path)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        try:
            for pragma, value in (
                ("journal_mode", "wal"),
                ("synchronous", "full"),
                ("foreign_keys", 1),
                ("cache_size", -PAGE_CACHE_KIB),
                ("temp_store", "memory"),
                ("secure_delete", "on"),
                ("wal_autocheckpoint", 0),  # see database_folding.py
            ):
                connection.pragma(pragma, value)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except apsw.Error as error:
            connection.close()
            raise explain(error, self.path) from error
        return connection


def _recorded(work: Callable[[Transaction], Recorded[T]]) -> Callable[[Transaction], tuple[T, Entry | None]]:
    def run(tx: Transaction) -> tuple[T, Entry]:
        outcome = work(tx)
        return outcome.value, outcome.entry

    return run


_VERSIONS = """
CREATE TABLE IF NOT EXISTS kernel_schema_version (service TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT
"""


def _migrate(tx: Transaction, migrations: Sequence[Migration]) -> list[Migration]:
    tx.execute(_VERSIONS)
    at: dict[str, int] = dict(tx.all("SELECT service, version FROM kernel_schema_version"))
    newest: dict[str, int] = {}
    for step in migrations:
        newest[step.service] = max(step.version, newest.get(step.service, 0))
    for service, version in at.items():
        if version > newest.get(service, version):
            raise Conflict(
                f"the data of {service} is of version {version}, this program knows {newest[service]}",
                code="database.newer-version",
                hint="start the newer Nexus that wrote it; data are never migrated backwards",
            )
    taken = []
    for step in sorted(migrations, key=lambda step: (step.service, step.version)):
        if step.version <= at.get(step.service, 0):
            continue
        for statement in step.statements:
            tx.execute(statement)
        tx.execute(
            "INSERT INTO kernel_schema_version VALUES (?, ?)"
            " ON CONFLICT (service) DO UPDATE SET version = excluded.version",
            (step.service, step.version),
        )
        taken.append(step)
    return taken
