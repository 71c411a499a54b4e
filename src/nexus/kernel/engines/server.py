"""Where a PostgreSQL server is and how it is spoken to. What would be unsafe is not expressible, or refused at the door."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.kernel.errors import Invalid, Unavailable
from nexus.kernel.secret import Secret

CONNECT_S: Final = 3
"""Longest wait for a connection."""
STATEMENT_MS: Final = 60_000
LOCK_MS: Final = 10_000
"""Longest wait for another process's commit, as with SQLite."""
IDLE_MS: Final = 20_000
"""A transaction whose client says nothing for so long is ended by the server: a machine that died holds nobody up."""
DEAD_PEER_MS: Final = 10_000
"""A connection whose packets nobody confirms for so long is given up."""
_NOWHERE: Final = "/dev/null/none"
"""A file that is not there."""
MAX_PASSWORD_BYTES: Final = 1_024


@dataclass(frozen=True, slots=True)
class Server:
    """One database on one server, and the schema in it that Nexus has to itself.

    `host`: a name, whose certificate the server must prove; or an absolute path, the directory of a unix socket.
    """

    host: str
    instance: str
    """Id of the platform that the schema belongs to. Another one's is refused."""
    port: int = 5432
    database: str = "nexus"
    user: str = "nexus"
    schema: str = "nexus"
    password_file: Path | None = None
    authorities: Path | None = None
    """Certificates (PEM) of who may have signed the server's. Needed for every host that is no socket."""
    certificate: Path | None = None
    """A client certificate (PEM), where the server asks for one."""
    certificate_key: Path | None = None
    name: str = "nexus"
    """How the server sees this process in its list of connections."""

    @property
    def is_local(self) -> bool:
        """Reached by a unix socket, so that nothing travels."""
        return self.host.startswith("/")

    def parameters(self) -> dict[str, str | int]:
        """What libpq needs. Whatever its environment variables would say is said here, so that they say nothing.

        Reads the password anew each time: it may be changed while Nexus runs.
        """
        found: dict[str, str | int] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": "",
            "passfile": _NOWHERE,
            "application_name": self.name,
            "connect_timeout": CONNECT_S,
            "client_encoding": "UTF8",
            "gssencmode": "disable",
            "target_session_attrs": "read-write",
            "tcp_user_timeout": DEAD_PEER_MS,
            "keepalives": 1,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": self._options(),
        }
        if self.password_file is not None:
            found["password"] = password(self.password_file).reveal().decode()
            found["require_auth"] = "scram-sha-256"  # a server that asks for the password itself gets nothing
        if self.is_local:
            return found | {"sslmode": "disable"}
        return found | self._tls()

    def _tls(self) -> dict[str, str | int]:
        if self.authorities is None:
            raise Invalid(
                "a PostgreSQL server over the network is trusted by its certificate",
                code="database.no-authorities",
                hint="name the file of the authority that signed it: database_authorities",
            )
        found: dict[str, str | int] = {
            "sslmode": "verify-full",
            "sslrootcert": str(self.authorities),
            "ssl_min_protocol_version": "TLSv1.3",
            "sslcert": str(self.certificate or _NOWHERE),
            "sslkey": str(self.certificate_key or _NOWHERE),
            "sslcertmode": "allow" if self.certificate else "disable",
        }
        if self.password_file is not None:
            found["channel_binding"] = "require"
        return found

    def _options(self) -> str:
        settings = {
            "search_path": f'"{self.schema}"',
            "synchronous_commit": "on",
            "default_transaction_isolation": r"read\ committed",
            "statement_timeout": STATEMENT_MS,
            "lock_timeout": LOCK_MS,
            "idle_in_transaction_session_timeout": IDLE_MS,
            "tcp_user_timeout": 0 if self.is_local else DEAD_PEER_MS,
            "tcp_keepalives_idle": 5,  # the server, too, notices when the other machine is gone
            "tcp_keepalives_interval": 2,
            "tcp_keepalives_count": 3,
            "timezone": "UTC",
            "jit": "off",
            "client_min_messages": "warning",
        }
        return " ".join(f"-c {name}={value}" for name, value in settings.items())


def password(file: Path) -> Secret:
    """The password in a file that nobody but its owner can read. Raises Invalid or Unavailable."""
    try:
        with file.open("rb") as opened:
            mode, content = stat.S_IMODE(file.stat().st_mode), opened.read(MAX_PASSWORD_BYTES + 1)
    except OSError as error:
        raise Unavailable(
            "the file with the password of the database cannot be read",
            code="database.password-file",
            hint="the account that runs Nexus must be able to read it: database_password_file",
        ) from error
    if mode & 0o077:
        raise Invalid(
            "others can read the file with the password of the database",
            code="database.password-readable",
            hint="chmod 600, and change the password: somebody may have read it",
        )
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not 0 < len(content) <= MAX_PASSWORD_BYTES or b"\0" in content:
        raise Invalid("the file with the password of the database holds none", code="database.password-file")
    return Secret(content)
