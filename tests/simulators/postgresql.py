"""A PostgreSQL server of our own for a test run: private, durable, gone afterwards.

By its unix socket it lets in whoever can reach that; over TLS, on this machine's loop, it asks for a password.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.engines.server import Server

ACCOUNT = "postgres"
"""Debian's account for PostgreSQL: the server refuses to run as root."""
INSTANCE = "nx_test"
PASSWORD = "only for tests"
_START_S = 120
MEMORY = Path("/dev/shm")
"""A disk in memory: what is tested is what PostgreSQL does, not what a power cut does to its disk."""
ROOM_BYTES = 2 << 30
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "ssl": "on",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "128MB",
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

    def __init__(self, *, memory: bool = True) -> None:
        """`memory`: its files may lie in memory; False where it is measured."""
        self.binaries = binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="nx-pg-", dir=room() if memory else None))
        self.data = self.folder / "data"
        self._run_as = _account()
        self._process: subprocess.Popen[bytes] | None = None
        if self._run_as is not None:
            os.chown(self.folder, self._run_as.pw_uid, self._run_as.pw_gid)
        self.folder.chmod(0o711)
        self._run(
            "initdb", "--pgdata", str(self.data), "--encoding=UTF8", "--locale=C", "--auth=trust", "--username=owner"
        )
        self.port = free_port()
        self._certificate()
        settings = _SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        (self.data / "pg_hba.conf").write_text(
            "local all,replication all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        )

    def start(self) -> "PostgresServer":
        """Start it, and wait until it answers. It ends with this process, whatever ends that."""
        command = ["setpriv", "--pdeathsig", "QUIT", str(self.binaries / "postgres"), "-D", str(self.data)]
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
        where = f"host={self.folder} port={self.port} dbname={database} user=owner"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def end(self, pid: int) -> None:
        """One connection, whatever it does; it is gone on return."""
        self.sql(f"SELECT pg_terminate_backend({pid})")
        while self.sql(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
            time.sleep(0.01)

    def found(self) -> "PostgresServer":
        """The role and the database that Nexus uses."""
        self.sql(f"CREATE ROLE nexus LOGIN PASSWORD '{PASSWORD}'")
        self.sql("CREATE DATABASE nexus OWNER nexus")
        return self

    def place(self, schema: str = "", **more: Any) -> Server:
        """A schema that nobody has used, by the unix socket if nothing else is said."""
        named = schema or f"t{secrets.token_hex(6)}"
        return Server(**{"host": str(self.folder), "instance": INSTANCE, "port": self.port, "schema": named} | more)

    @contextmanager
    def altered(self, **settings: str) -> Iterator[None]:
        """Other settings for new connections, and then the old ones."""
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} TO {value}")
        self.sql("SELECT pg_reload_conf()")
        time.sleep(0.2)
        try:
            yield
        finally:
            self.sql("ALTER SYSTEM RESET ALL")
            self.sql("SELECT pg_reload_conf()")
            time.sleep(0.2)

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
            self.kill()  # its files go with it: nothing is worth a checkpoint

    def destroy(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _certificate(self) -> None:
        """The server's certificate, for `localhost`, is its own authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.authority = self.folder / "authority.pem"
        self.authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        for file, content in (("server.crt", self.authority.read_bytes()), ("server.key", secret)):
            (self.data / file).write_bytes(content)
            (self.data / file).chmod(0o600)
            if self._run_as is not None:
                os.chown(self.data / file, self._run_as.pw_uid, self._run_as.pw_gid)

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


def room() -> Path | None:
    """Where its files lie; None: where temporary files do."""
    try:
        return MEMORY if shutil.disk_usage(MEMORY).free > ROOM_BYTES else None
    except OSError:
        return None


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as, where we are root."""
    if os.geteuid() != 0:
        return None
    for name in (ACCOUNT, "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.skip("there is no account that a PostgreSQL server could run as")


@contextmanager
def running(*, memory: bool = True) -> Iterator[PostgresServer]:
    """A server with the role and the database of Nexus."""
    server = PostgresServer(memory=memory)
    try:
        yield server.start().found()
    finally:
        server.destroy()
