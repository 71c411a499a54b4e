"""A standby of a PostgreSQL server, and the failover to it: another server, at the address that clients know."""

from simulators.postgresql import PostgresServer, free_port


class Standby(PostgresServer):
    """Copies its primary; from `begin_to_confirm` on, no commit is acknowledged there that is not on this one's disk too."""

    def __init__(self, primary: PostgresServer) -> None:
        self.primary = primary
        self.binaries, self.folder, self._run_as = primary.binaries, primary.folder, primary._run_as
        self.data, self.port, self._process = primary.folder / "standby", free_port(), None
        where = ("--host", str(primary.folder), "--port", str(primary.port), "--username", "owner")
        self._run("pg_basebackup", "--pgdata", str(self.data), "--write-recovery-conf", "--checkpoint=fast", *where)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"port = '{self.port}'\n")

    def begin_to_confirm(self) -> None:
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.sql("SELECT pg_reload_conf()")

    def take_the_address(self) -> None:
        """Whoever asks for the primary gets this one, promoted or not."""
        known = self.folder / f".s.PGSQL.{self.primary.port}"
        known.unlink(missing_ok=True)
        known.symlink_to(f".s.PGSQL.{self.port}")

    def promote(self) -> None:
        self.sql("ALTER SYSTEM RESET synchronous_standby_names")
        self.sql("SELECT pg_promote()")
