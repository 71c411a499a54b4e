"""Readers of a PostgreSQL database: a few connections that the threads of a process take turns with."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg.errors import FeatureNotSupported

from nexus.kernel.engines.connecting import Gate
from nexus.kernel.engines.port import Row, Transaction
from nexus.kernel.engines.postgresql_errors import explain, is_gone
from nexus.kernel.engines.statements import PostgresTransaction
from nexus.kernel.errors import Unavailable

MAX_READERS: Final = 8
"""Connections for reading that one process opens at most."""
WAIT_S: Final = 10.0
"""Longest wait for one of them."""
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Readers:
    """Connections are opened when they are needed and kept. One that was lost is replaced without anybody noticing, as
    long as nothing had been read on it.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._free: deque[PostgresTransaction] = deque()
        self._turns = threading.BoundedSemaphore(MAX_READERS)
        self._local = threading.local()
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One snapshot."""
        if getattr(self._local, "reading", None) is not None:
            raise RuntimeError("a read block is open on this thread: finish it before the next, and never await in it")
        with self._turn():
            reader = self._begin()
            self._local.reading = reader
            try:
                yield reader
            except psycopg.Error as error:
                raise explain(error) from None
            finally:
                self._local.reading = None
                self._end(reader)

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """One statement. Inside a read block of this thread it sees what the block sees."""
        reader: PostgresTransaction | None = getattr(self._local, "reading", None)
        if reader is not None:
            return reader.one(sql, parameters)
        with self._turn():
            reader, fresh = self._take()
            try:
                try:
                    row = reader.one(sql, parameters)
                except psycopg.Error as error:
                    if fresh or not _is_stale(error):
                        raise
                    reader.connection.close()
                    reader = self._connect()
                    row = reader.one(sql, parameters)
            except psycopg.Error as error:
                self._put(reader)
                raise explain(error) from None
            self._free.append(reader)
            return row

    def close(self) -> None:
        """Close those that are free; a thread that still reads closes its own when it is done."""
        self._closed = True
        while self._free:
            self._free.pop().connection.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._closed:
            raise Unavailable("the database is closed", code="database.closed")
        if not self._turns.acquire(timeout=WAIT_S):
            raise Unavailable("too many read the database at once", code="database.readers", hint="retry")
        try:
            yield
        finally:
            self._turns.release()

    def _begin(self) -> PostgresTransaction:
        reader, fresh = self._take()
        try:
            reader.connection.execute(_SNAPSHOT)
        except psycopg.Error as error:
            reader.connection.close()
            if fresh or not _is_stale(error):
                raise explain(error) from None
            reader = self._connect()
            reader.connection.execute(_SNAPSHOT)
        reader.moment = object()
        return reader

    def _end(self, reader: PostgresTransaction) -> None:
        with suppress(psycopg.Error):
            reader.connection.execute("ROLLBACK")
        self._put(reader)

    def _take(self) -> tuple[PostgresTransaction, bool]:
        """The one that was used last, whose statements and pages are warm; (connection, whether it is new)"""
        try:
            return self._free.pop(), False
        except IndexError:
            return self._connect(), True

    def _put(self, reader: PostgresTransaction) -> None:
        if self._closed or reader.connection.closed or reader.connection.broken:
            reader.connection.close()
        else:
            self._free.append(reader)

    def _connect(self) -> PostgresTransaction:
        return PostgresTransaction(self._gate.connect())


def _is_stale(error: psycopg.Error) -> bool:
    """Lost while nobody used it, or prepared for tables that have changed since."""
    return is_gone(error) or isinstance(error, FeatureNotSupported)
