"""The database of a test: a file, or with `pytest --database postgresql` a schema of the test run's PostgreSQL server.

A program that a test starts opens the same database by the same call: it inherits where the server is.
"""

import hashlib
import json
import os
from pathlib import Path

from nexus.kernel.database import Database, Recorder
from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.engines.server import Server
from nexus.kernel.secret import Secret
from simulators.postgresql import INSTANCE, PostgresServer

VARIABLE = "TEST_POSTGRESQL"


def variable(server: PostgresServer) -> str:
    """What `VARIABLE` holds while tests run on this server."""
    return json.dumps({"host": str(server.folder), "port": server.port})


def database(path: Path, *, key: Secret | None = None, recorder: Recorder) -> Database:
    """Open the database of this path; the path also names the schema."""
    if VARIABLE not in os.environ:
        return Database(path, key=key, recorder=recorder)
    server = Server(**json.loads(os.environ[VARIABLE]), instance=INSTANCE, schema=_schema(path))
    return Database(PostgresEngine(server), recorder=recorder)


def whereabouts(root: Path) -> dict[str, str | int]:
    """The settings that put the database of a whole platform there; none with SQLite."""
    if VARIABLE not in os.environ:
        return {}
    where = json.loads(os.environ[VARIABLE])
    return {
        "database_host": where["host"],
        "database_port": where["port"],
        "database_schema": _schema(root),
        "database_volume_encrypted": 1,
    }


def _schema(path: Path) -> str:
    return "p" + hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
