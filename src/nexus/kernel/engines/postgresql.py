"""The shared engine: one schema of a PostgreSQL server, for several processes and machines.

The server's disk holds what the tables hold: unlike the file of SQLite, it is not encrypted by us
(docs/decisions/0019-postgresql-beside-sqlite.md).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nexus.kernel.engines.connecting import Gate
from nexus.kernel.engines.definitions import define
from nexus.kernel.engines.port import InEach, Progress, Row, Statement, Transaction, TransactionLostError
from nexus.kernel.engines.postgresql_carrying import contents_of_server
from nexus.kernel.engines.postgresql_errors import explain, is_gone, is_passing, lost
from nexus.kernel.engines.postgresql_reading import Readers
from nexus.kernel.engines.postgresql_writing import PostgresWriter
from nexus.kernel.engines.server import Server
from nexus.kernel.engines.sqlite_carrying import write_file
from nexus.kernel.engines.statements import PostgresTransaction
from nexus.kernel.errors import Conflict, NexusError
from nexus.kernel.migrating import Migration
from nexus.kernel.secret import Secret


@dataclass(frozen=True, slots=True)
class Copies:
    """How copies of a database are laid out (as files of SQLite) and encrypted."""

    key: Secret
    """32 bytes."""
    schema: Sequence[Migration]


class PostgresEngine:
    """One schema, opened. Raises Unavailable if the server is away, NexusError if it is not to be trusted."""

    def __init__(self, server: Server, *, new: bool = True, copies: Copies | None = None) -> None:
        """`new`: make the schema if there is none; Damaged otherwise. `copies`: needed by `copy_to` alone."""
        self._gate = Gate(server)
        self._copies = copies
        self._writer = PostgresWriter(self._gate, new=new)
        self._readers = Readers(self._gate)

    def read(self) -> AbstractContextManager[Transaction]:
        return self._readers.read()

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        return self._readers.peek(sql, parameters)

    def watched(self, sql: str, parameters: Sequence[Any] = (), *, name: bytes = b"") -> Row | None:
        """Asked each time: its processes may be on several machines, which share nothing but the server."""
        return self._readers.peek(sql, parameters)

    def writer(self) -> PostgresWriter:
        return self._writer

    def explain(self, error: Exception) -> NexusError:
        return explain(error)

    def lost(self, error: Exception) -> TransactionLostError | None:
        if isinstance(error, TransactionLostError):
            return error
        return lost(error) if is_gone(error) or is_passing(error) else None

    def define(self, tx: Transaction, statement: Statement) -> None:
        """Takes as long as it takes."""
        assert isinstance(tx, PostgresTransaction)
        tx.connection.execute("SET LOCAL statement_timeout = 0")
        for step in (statement.postgresql,) if isinstance(statement, InEach) else define(statement):
            tx.connection.execute(step)

    def copy_to(self, path: Path, progress: Progress) -> None:
        """A file that SQLite opens, under the key of the copies, while reading and writing go on. Counts tables."""
        if self._copies is None:
            raise Conflict("this database was opened without saying how it is copied", code="database.no-copies")
        with contents_of_server(self._gate) as contents:
            write_file(path, self._copies.key, contents, self._copies.schema, progress)

    def close(self) -> None:
        self._readers.close()
        self._writer.close()
