"""A PostgreSQL server of our own for a test run: private, on a unix socket, durable, and gone afterwards."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.engines.server import Server

ACCOUNT = "postgres"
"""Debian's account for PostgreSQL: the server refuses to run as root."""
_START_S = 30
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "autovacuum_naptime": "10s",
    "restart_after_crash": "on",
    "ssl_min_protocol_version": "TLSv1.3",
}


def binaries() -> Path:
    """Where PostgreSQL's programs are; skips the test where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    return found[-1].parent


class PostgresServer:
    """One cluster. Its superuser is used to make it and to break it; Nexus gets a role that may nothing but its database."""

    def __init__(self) -> None:
        self.binaries = binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="nx-pg-"))
        self.data = self.folder / "data"
        self.port = 5432
        self.settings = dict(_SETTINGS)
        self._run_as = _account()
        self._process: subprocess.Popen[bytes] | None = None
        if self._run_as is not None:
            os.chown(self.folder, self._run_as.pw_uid, self._run_as.pw_gid)
        self.folder.chmod(0o711)
        self._run(
            "initdb", "--pgdata", str(self.data), "--encoding=UTF8", "--locale=C", "--auth=trust", "--username=owner"
        )

    @property
    def socket(self) -> Path:
        return self.folder

    def start(self) -> "PostgresServer":
        """Start it, and wait until it answers."""
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self.binaries / "postgres"), "-D", str(self.data), "-k", str(self.socket), *options]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._identity())
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self.sql("SELECT 1")
                return self
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise AssertionError((self.folder / "server.log").read_text()[-2_000:]) from None
                time.sleep(0.05)

    def sql(self, statement: str, *parameters: object, database: str = "postgres") -> list[tuple]:
        """A statement as the superuser."""
        where = f"host={self.socket} port={self.port} dbname={database} user=owner"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def found(self) -> "PostgresServer":
        """The role and the database that Nexus uses."""
        self.sql("CREATE ROLE nexus LOGIN")
        self.sql("CREATE DATABASE nexus OWNER nexus")
        return self

    def place(self, schema: str = "") -> Server:
        """A schema that nobody has used."""
        return Server(host=str(self.socket), port=self.port, schema=schema or f"t{secrets.token_hex(6)}")

    def engine(self, schema: str = "") -> PostgresEngine:
        """An engine on a schema, a fresh one if it is not named."""
        return PostgresEngine(self.place(schema))

    def kill(self, *, whole: bool = True) -> None:
        """End it as a power cut would, less the loss of what the operating system still holds."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if whole else signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it, whatever is connected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def destroy(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binaries / program), *arguments], capture_output=True, text=True, check=False, **self._identity()
        )
        assert done.returncode == 0, done.stderr

    def _identity(self) -> dict:
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        if self._run_as is None:
            return {"env": environment, "cwd": self.folder}
        return {
            "env": environment,
            "cwd": self.folder,
            "user": self._run_as.pw_uid,
            "group": self._run_as.pw_gid,
            "extra_groups": [],
        }


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as, where we are root."""
    if os.geteuid() != 0:
        return None
    for name in (ACCOUNT, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.skip("there is no account that a PostgreSQL server could run as")


@contextmanager
def running() -> Iterator[PostgresServer]:
    """A server with the role and the database of Nexus."""
    server = PostgresServer()
    try:
        yield server.start().found()
    finally:
        server.destroy()
