"""One platform at a time works on a schema, whatever the machine: a lock that the server frees when its holder is gone.

Writers of several machines would take turns all the same, and the log would not fork. What must not be twice is the rest of
a platform: its key service, which counts on being the only one, and its worker.
"""

import psycopg

from nexus.kernel.engines.connecting import Connection, Gate
from nexus.kernel.engines.postgresql_errors import explain
from nexus.kernel.engines.postgresql_writing import lock_number
from nexus.kernel.engines.server import Server
from nexus.kernel.errors import Conflict


class Hold:
    """The lock of a schema, on a connection of its own. Used by one thread at a time."""

    def __init__(self, server: Server) -> None:
        self._gate = Gate(server)
        self._lock = lock_number(server.schema, of="platform")
        self._connection: Connection | None = None

    def keep(self) -> None:
        """Take it, or make sure that it is still ours; after a restart of the server it is taken anew.

        Raises Conflict if another machine has it, Unavailable if the server is away.
        """
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return
        except psycopg.Error:
            self.close()
        connection = self._gate.connect()
        try:
            row = connection.execute(f"SELECT pg_try_advisory_lock({self._lock})").fetchone()
        except psycopg.Error as error:
            connection.close()
            raise explain(error) from None
        if row is None or row[0] != 1:
            connection.close()
            raise Conflict(
                f"a platform on another machine, or in another directory, works on the schema {self._gate.server.schema}",
                code="database.in-use",
                hint="stop it there first; a machine that is gone is let go of within half a minute",
            )
        self._connection = connection

    def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
