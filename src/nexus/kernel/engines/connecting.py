"""Connections to a PostgreSQL server, and what must be true of it before anything is entrusted to it.

A server that would acknowledge what it can still lose, or a role that could undo more than Nexus itself can, is refused
at every connection: a setting may be changed while Nexus runs, and another server may take the place of this one.
"""

import logging
import threading
import time
from typing import Any, Final

import psycopg
from psycopg import RawCursor
from psycopg.conninfo import make_conninfo

from nexus.kernel.engines import values
from nexus.kernel.engines.postgresql_errors import explain
from nexus.kernel.engines.server import Server
from nexus.kernel.errors import NexusError, Unavailable

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]

OLDEST: Final = 150_000
"""PostgreSQL 15."""
PREPARED: Final = 500
"""Statements that a connection keeps ready."""
PAUSE_S: Final = 0.5
"""After a connection that failed, nobody tries again for so long: callers hear at once that the server is away."""

_PROMISES: Final = """
SELECT current_setting('server_version_num')::bigint, current_setting('fsync'), current_setting('full_page_writes'),
 current_setting('synchronous_commit'), current_setting('server_encoding'), current_setting('standard_conforming_strings'),
 pg_is_in_recovery(), r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
 FROM pg_roles r WHERE r.rolname = current_user
"""


class Gate:
    """Makes connections to one server. Used from any thread."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def connect(self) -> Connection:
        """A connection that speaks our values and commits by itself. Raises Unavailable, or NexusError on a bad server."""
        if time.monotonic() < self._closed_until:
            raise _unreachable()
        try:
            connection = self._connect()
        except psycopg.Error as error:
            with self._lock:
                self._closed_until = time.monotonic() + PAUSE_S
            logger.warning("no connection to the database server: %s", str(error).partition("\n")[0])  # no row is in it
            told = explain(error)
            raise (told if isinstance(told, Unavailable) else _unreachable()) from None
        try:
            _check(connection)
        except psycopg.Error as error:
            connection.close()
            raise explain(error) from None
        except NexusError:
            connection.close()
            raise
        return connection

    def _connect(self) -> Connection:
        where = make_conninfo("", **self.server.parameters())
        connection: Connection = psycopg.connect(where, autocommit=True, cursor_factory=RawCursor, prepare_threshold=2)
        connection.prepared_max = PREPARED
        values.adapt(connection)
        return connection


def _check(connection: Connection) -> None:
    row = connection.cursor(binary=True).execute(_PROMISES).fetchone()
    if row is None:
        raise _refused("the role of this connection is not known to the server", "name it in database_user")
    version, fsync, pages, commit, encoding, strings, standby, mighty = row
    if version < OLDEST:
        raise _refused(f"PostgreSQL {version // 10_000} is too old", "use 15 or newer")
    if fsync != "on" or pages != "on":
        raise _refused(
            "this PostgreSQL server may lose what it has acknowledged (fsync or full_page_writes is off)",
            "set both on in postgresql.conf",
        )
    if commit not in {"on", "remote_apply"}:
        raise _refused("this PostgreSQL server acknowledges before it stores", "set synchronous_commit on")
    if encoding != "UTF8" or strings != "on":
        raise _refused(
            "this database cannot hold every text", "create it with ENCODING 'UTF8'; set standard_conforming_strings on"
        )
    if standby:
        raise _refused("this PostgreSQL server is a standby", "name the primary in database_host")
    if mighty:
        raise _refused(
            "this role may do more than Nexus needs",
            "use one with NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS that owns nothing but its database",
        )


def _refused(message: str, hint: str) -> NexusError:
    return NexusError(message, code="database.server", hint=hint)


def _unreachable() -> Unavailable:
    return Unavailable("the database server cannot be reached", code="database.unreachable", hint="retry")
