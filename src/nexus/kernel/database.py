"""The database: one writer thread, group commit, on SQLite (the default) or PostgreSQL.

Three promises, kept here so that no service can break them:

1. A change without its audit entry does not type-check: `write` takes work that returns `Recorded(value, entry)`.
2. The change and its entry commit in one transaction, and `write` returns only once that commit is durable.
3. Writers that arrive together share one commit (and one fsync); each has a savepoint of its own, so that one that
   fails leaves its neighbours alone.

What the data lie on is behind a port: `engines/`.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from nexus.kernel.database_jobs import Job, Patience, Queue, settle
from nexus.kernel.engines.port import Engine, Progress, Row, Transaction, TransactionLostError
from nexus.kernel.engines.sqlite import SqliteEngine
from nexus.kernel.errors import NexusError, Unavailable
from nexus.kernel.migrating import Migration, migrate
from nexus.kernel.observing import Commits
from nexus.kernel.operation import Entry
from nexus.kernel.secret import Secret

__all__ = [
    "Bookkeeping",
    "Database",
    "Migration",
    "Recorded",
    "Recorder",
    "Row",  # what work sees, for those who write it
    "Transaction",
]

MAX_BATCH = 256
"""Writers that share one commit at most."""
GATHER_S = 0.004
"""Longest wait for others to share a commit with."""
MAX_ARRIVING = 32
"""Writers of one event loop that are handed to the writer thread together at most: so many are a commit worth its sync."""
PATIENCE_S = 10.0
"""From the moment that transactions come to nothing (the server restarts, another takes its place) until callers are told."""
PATIENCE_STEP_S = 0.1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorded(Generic[T]):
    """The value of a use case and the audit entry that commits with it."""

    value: T
    entry: Entry


class Bookkeeping(StrEnum):
    """The closed list of writes that carry no entry of their own, each because its cause is already recorded."""

    CHECKPOINT = "a signed checkpoint over entries already in the log"
    ACCESS_LINE = "lines of a bucket's access log; each request is an entry, and so is each log object"
    TOLD = "messages of the outbox that their receivers have taken; what they tell of is an entry"
    SHIPPED = "entries received from another service's outbox, recorded as they are"
    CHALLENGE = "challenges that were presented; what came of it is an entry"
    THROTTLE = "counters of failed sign-ins; the refusals are entries"
    SESSION_USE = "the last use of a session; each request is an entry"
    EXPIRY = "removal of what has ended by its own recorded date"
    PROGRESS = "the position of a resumable job whose start and end are entries"
    GRANT_USE = "the day on which a right was last used; each use is an entry"
    INDEX = "a search index derived from entries already in the log"
    MEASURE = "what each bucket held on a day; what it held is changed with entries"
    MIGRATION = "schema changes of a recorded upgrade"


class Recorder(Protocol):
    """Appends entries to a log inside the caller's transaction.

    Called once for each commit, last, with all its entries in order; if it raises, nothing of the transaction stays.
    """

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None: ...


class Database:
    """One database. Reads run on the calling thread; writes queue for the writer thread."""

    def __init__(
        self,
        place: Path | Engine,
        *,
        key: Secret | None = None,
        recorder: Recorder,
        patience_s: float = PATIENCE_S,
        observer: Commits | None = None,
    ) -> None:
        """`place`: a file, which SQLite opens or creates under `key` (32 bytes; None: nothing in it is confidential),
        or an engine that is open. `patience_s`: how long work is run again, where a passing cause keeps it from being stored.
        `observer`: watches commits.
        """
        self.engine: Engine = SqliteEngine(place, key) if isinstance(place, Path) else place
        self._recorder = recorder
        self._queue = Queue()
        self._arriving: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        self._closed = False
        self._patience = Patience(patience_s)
        self._observer = observer
        self._writing = self.engine.writer()
        self._writer = threading.Thread(target=self._write_forever, name="database writer", daemon=True)
        self._writer.start()

    # Reading

    def read(self) -> AbstractContextManager[Transaction]:
        """A consistent snapshot for as long as the block runs. Never waits for writers; must not contain `await`."""
        return self.engine.read()

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of one statement, as of now: for checks too frequent for a snapshot of their own."""
        return self.engine.peek(sql, parameters)

    def watched(self, sql: str, parameters: Sequence[Any] = (), *, name: bytes = b"") -> Row | None:
        """`peek` for a row that is asked for more often than it changes; `name`: what announces its changes. See `Engine.watched`."""
        return self.engine.watched(sql, parameters, name=name)

    def copy_to(self, path: Path, progress: Progress = lambda done, total: None) -> None:
        """Write this moment's state as an encrypted file, while reading and writing go on. Blocks. Durable on return."""
        self.engine.copy_to(path, progress)

    # Writing

    async def write(self, work: Callable[[Transaction], Recorded[T]]) -> T:
        """Run `work` in a durable transaction with its audit entry; return its value once both are on disk.

        `work` runs on the writer thread and may run again, if its batch has to be split or its transaction came to
        nothing: it must depend on nothing but its arguments. Raises what `work` raises (nothing is then stored), or Unavailable if the disk refuses.
        """
        return await self._enqueue(_recorded(work))

    def submit(self, work: Callable[[Transaction], Recorded[T]]) -> "Future[T]":
        """`write` for callers without an event loop."""
        return self._enqueue_from_thread(_recorded(work))

    async def record(self, entry: Entry) -> None:
        """Make an entry durable on its own: reads before their first byte leaves, refusals, failures."""
        await self._enqueue(lambda tx: (None, entry))

    async def record_if(self, ask: Callable[[Transaction], Entry]) -> None:
        """`record` for an entry that depends on what the transaction finds: `ask` makes it, or raises, and changes nothing."""
        await self._enqueue(lambda tx: (None, ask(tx)))

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
        return self._enqueue_from_thread(lambda tx: (migrate(tx, self.engine.define, migrations), None)).result()

    @property
    def waiting(self) -> int:
        """Writers in the queue, about."""
        return len(self._queue)

    def close(self) -> None:
        """Finish the queued writes and close every connection."""
        if self._closed:
            return
        self._closed = True
        for loop in list(self._arriving):
            self._hand_over(loop)
        self._queue.close()
        self._writer.join()
        self.engine.close()

    # The writer thread

    def _enqueue(self, work: Callable[[Transaction], tuple[T, Entry | None]]) -> "asyncio.Future[T]":
        """Writers that a loop comes to in one turn are handed over together at its end, so that they share a commit, and the
        writer thread does not take the interpreter from the loop that is about to bring it more.
        """
        self._require_open()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        arriving = self._arriving.get(loop)
        if arriving is None:
            arriving = self._arriving[loop] = []
            loop.call_soon(self._hand_over, loop)
        arriving.append(Job(work, future, loop, self._observer.queued() if self._observer else None))
        if len(arriving) >= MAX_ARRIVING:
            self._hand_over(loop)
        return future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        if arriving := self._arriving.pop(loop, None):
            self._queue.put(arriving)

    def _enqueue_from_thread(self, work: Callable[[Transaction], tuple[T, Entry | None]]) -> "Future[T]":
        future: Future[T] = Future()
        self._require_open()
        self._queue.put([Job(work, future, None, self._observer.queued() if self._observer else None)])
        return future

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable("the database is closed", code="database.closed")

    def _write_forever(self) -> None:
        """Wait for as many writers as shared the last commit, at most as long as that took; a lone one never waits.

        Each commit makes every reader fetch and decrypt its pages again: fewer, fuller commits save more processor time
        than their own.
        """
        crowd, took = 1, 0.0
        while batch := self._queue.take(MAX_BATCH, crowd=crowd, patience_s=min(took, GATHER_S)):
            start = time.perf_counter()
            self._commit(batch)
            crowd, took = len(batch), time.perf_counter() - start

    def _commit(self, batch: list[Job]) -> None:
        """One transaction for the whole batch; if it fails as a whole, one transaction for each of its jobs.

        A caller who gave up before its job began is left out; from here on, giving up no longer stops the job.
        """
        if not (batch := [job for job in batch if not job.future.cancelled()]):
            return
        try:
            done = self._attempt_patiently(batch)
        except Exception as error:  # whatever it was, every waiting caller must hear of it
            lost = self.engine.lost(error)
            if len(batch) > 1 and not (lost is not None and lost.shared):
                for job in batch:
                    self._commit([job])
                return
            told = lost.cause if lost is not None else error
            if not isinstance(told, NexusError):
                told = self.engine.explain(error)
            done = [(job, told) for job in batch]
        settle(done)

    def _attempt_patiently(self, batch: list[Job]) -> list[tuple[Job, Any]]:
        """Again, while nothing of it is stored and what is in its way may pass. An outage is waited for once, not by every
        batch anew: who comes later hears of it at once.
        """
        while True:
            try:
                done = self._attempt(batch) if self._observer is None else self._watched_attempt(batch, self._observer)
            except Exception as error:
                lost = self.engine.lost(error)
                if lost is None or not lost.again or self._closed or self._patience.is_over():
                    raise
                time.sleep(PATIENCE_STEP_S)
            else:
                self._patience.renew()
                return done

    def _watched_attempt(self, batch: list[Job], observer: Commits) -> list[tuple[Job, Any]]:
        start, entries, told = time.perf_counter(), list[Entry](), None
        try:
            return self._attempt(batch, entries)
        except BaseException as error:
            lost = self.engine.lost(error) if isinstance(error, Exception) else None
            told = lost.cause if lost is not None else error
            raise
        finally:
            observer.committed([job.mark for job in batch], len(entries), time.perf_counter() - start, told)

    def _attempt(self, batch: list[Job], entries: list[Entry] | None = None) -> list[tuple[Job, Any]]:
        """`entries` is filled with what is recorded."""
        writer = self._writing
        done: list[tuple[Job, Any]] = []
        entries = [] if entries is None else entries
        tx = writer.begin(len(batch))
        try:
            for job in batch:
                try:
                    value, entry = writer.attempt(job.work)
                except TransactionLostError:
                    raise
                except Exception as error:
                    done.append((job, error))
                else:
                    if entry is not None:
                        entries.append(entry)
                    done.append((job, (value,)))
            if entries:
                self._recorder.record(tx, entries)
            writer.commit()
        except BaseException:
            writer.rollback()
            raise
        return done


def _recorded(work: Callable[[Transaction], Recorded[T]]) -> Callable[[Transaction], tuple[T, Entry | None]]:
    def run(tx: Transaction) -> tuple[T, Entry]:
        outcome = work(tx)
        return outcome.value, outcome.entry

    return run
