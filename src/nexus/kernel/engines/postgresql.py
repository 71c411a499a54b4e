"""The shared engine: one schema of a PostgreSQL server, for several processes and machines.

The server's disk holds what the tables hold: unlike the file of SQLite, it is not encrypted by us
(docs/decisions/0019-postgresql-beside-sqlite.md).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from nexus.kernel.engines.connecting import Gate
from nexus.kernel.engines.definitions import define
from nexus.kernel.engines.port import InEach, Progress, Row, Statement, Transaction
from nexus.kernel.engines.postgresql_errors import explain
from nexus.kernel.engines.postgresql_reading import Readers
from nexus.kernel.engines.postgresql_writing import PostgresWriter
from nexus.kernel.engines.server import Server
from nexus.kernel.engines.statements import PostgresTransaction
from nexus.kernel.errors import Conflict, NexusError


class PostgresEngine:
    """One schema, opened. Raises Unavailable if the server is away, NexusError if it is not to be trusted."""

    def __init__(self, server: Server, *, new: bool = True) -> None:
        """`new`: make the schema if there is none; Damaged otherwise."""
        gate = Gate(server)
        self._writer = PostgresWriter(gate, new=new)
        self._readers = Readers(gate)

    def read(self) -> AbstractContextManager[Transaction]:
        return self._readers.read()

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        return self._readers.peek(sql, parameters)

    def writer(self) -> PostgresWriter:
        return self._writer

    def explain(self, error: Exception) -> NexusError:
        return explain(error)

    def define(self, tx: Transaction, statement: Statement) -> None:
        """Takes as long as it takes."""
        assert isinstance(tx, PostgresTransaction)
        tx.connection.execute("SET LOCAL statement_timeout = 0")
        for step in (statement.postgresql,) if isinstance(statement, InEach) else define(statement):
            tx.connection.execute(step)

    def copy_to(self, path: Path, progress: Progress) -> None:
        """Refused: the server's own tools copy it, with the roles and the disks that its keepers chose."""
        raise Conflict(
            "a database on a server is not copied to a file",
            code="database.on-a-server",
            hint="pg_dump copies it",
        )

    def close(self) -> None:
        self._readers.close()
        self._writer.close()
