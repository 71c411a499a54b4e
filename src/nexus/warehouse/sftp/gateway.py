"""The door itself: who enters, one way of proving it, sessions of SFTP and of nothing else, and how they end."""

import asyncio
import hmac
import logging
import socket
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import asyncssh
from asyncssh.sftp import SFTPServerHandler
from asyncssh.stream import SSHReader, SSHServerStreamSession, SSHWriter
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nexus.crypto.ssh import closed
from nexus.kernel.errors import NexusError, Unauthenticated
from nexus.kernel.ids import new_id
from nexus.kernel.operation import ANONYMOUS, PLATFORM, Operation
from nexus.kernel.secret import Secret
from nexus.warehouse.sftp import keys
from nexus.warehouse.sftp.deposit import Deposit, Desk
from nexus.warehouse.sftp.model import (
    DOOR,
    ENTER,
    LOGIN_GRACE_S,
    MAX_CONNECTIONS,
    MAX_OF_ADDRESS,
    MAX_OFFERS,
    MAX_SESSIONS,
    STANDING_S,
)

BACKLOG: Final = 64
VERSION: Final = 3
"""Of SFTP: what every client speaks."""
_log: Final = logging.getLogger("nexus.sftp")


class Gateway:
    """Listens, and holds the connections."""

    def __init__(self, desk: Desk, host_key: Secret, *, idle_s: float) -> None:
        """`host_key`: 32 bytes, Ed25519. `idle_s`: after so long without a request a connection ends."""
        self.desk, self.idle_s = desk, idle_s
        self.connections: set[Guest] = set()
        self.of_address: Counter[str] = Counter()
        self._host_key = host_key
        self._recording: set[asyncio.Task[Any]] = set()

    async def serve(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Serve until `stop`; what was not closed by then is nothing."""
        listening.setblocking(False)
        server = await asyncssh.listen(
            sock=listening,
            backlog=BACKLOG,
            server_factory=lambda: Guest(self),
            allow_pty=False,
            **closed(self._host_key, login_grace_s=LOGIN_GRACE_S),
        )
        try:
            await stop.wait()
        finally:
            server.close()
            self.end_all()
            await asyncio.gather(*self._recording, return_exceptions=True)

    def end_all(self) -> None:
        """End every connection: the platform stops, or was sealed."""
        for guest in tuple(self.connections):
            guest.end()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something to its end, beside everything else."""
        task = asyncio.ensure_future(work)
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)


class Guest(asyncssh.SSHServer):
    """One connection. Whatever is not allowed here is refused by asyncssh."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._connection: asyncssh.SSHServerConnection | None = None
        self._address = ""
        self._key = ""
        self._entered = False
        self._offers = 0
        self._deposits: list[Deposit] = []
        self._last = time.monotonic()
        self._watching: asyncio.Task[None] | None = None

    # asyncssh's side

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._address = str((conn.get_extra_info("peername") or ("",))[0])
        gateway = self._gateway
        gateway.connections.add(self)
        gateway.of_address[self._address] += 1
        if len(gateway.connections) > MAX_CONNECTIONS or gateway.of_address[self._address] > MAX_OF_ADDRESS:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        gateway = self._gateway
        gateway.connections.discard(self)
        gateway.of_address[self._address] -= 1
        if not gateway.of_address[self._address]:
            del gateway.of_address[self._address]
        if self._watching is not None:
            self._watching.cancel()
        for deposit in self._deposits:
            deposit.abandon()
        if not self._entered and self._offers:
            gateway.do(self._record_refusal())

    def begin_auth(self, username: str) -> bool:
        self._key = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether this is the key that belongs to the access key that the client names; asyncssh has it proved."""
        self._offers += 1
        if self._offers > MAX_OFFERS:
            self.end()
            return False
        try:
            self._gateway.desk.lease.require()
            known = self._gateway.desk.access_keys.access_key(username)
        except NexusError:
            return False
        if known.token_hash is not None or username != self._key:
            return False  # a temporary key has a token besides, which SSH does not carry
        line = keys.public_line(keys.private_key(known.id, known.secret))
        expected = asyncssh.import_public_key(line)
        return hmac.compare_digest(expected.public_data, key.public_data)

    def auth_completed(self) -> None:
        self._entered = True
        self._touch()
        self._watching = asyncio.ensure_future(self._watch())

    def session_requested(self) -> "_Session | bool":
        if not self._entered or len(self._deposits) >= MAX_SESSIONS:
            return False
        return _Session(self._deposit)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return False

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        return False

    def unix_connection_requested(self, dest_path: str) -> bool:
        return False

    def unix_server_requested(self, listen_path: str) -> bool:
        return False

    # Ours

    def end(self) -> None:
        """Now, in the middle of whatever it is."""
        for deposit in self._deposits:
            deposit.abandon()
        if self._connection is not None:
            self._connection.abort()

    def _deposit(self, chan: "asyncssh.SSHServerChannel[bytes]") -> Deposit:
        made = Deposit(chan, self._gateway.desk, self._key, self._address, self._touch)
        self._deposits.append(made)
        return made

    def _touch(self) -> None:
        self._last = time.monotonic()

    async def _watch(self) -> None:
        """Until the key works no more, or nothing was asked for too long."""
        while True:
            await asyncio.sleep(STANDING_S)
            try:
                self._gateway.desk.operation(self._key, self._address)
            except (Unauthenticated, NexusError):
                break
            if time.monotonic() - self._last > self._gateway.idle_s:
                break
        self.end()

    async def _record_refusal(self) -> None:
        with suppress(NexusError):
            desk = self._gateway.desk
            op = Operation(new_id("op"), ANONYMOUS, "operation", desk.clock.now(), self._address, DOOR, client="sftp")
            await desk.audit.record(op.denied(ENTER, PLATFORM, code="sftp.key"))


class _Session(SSHServerStreamSession[bytes]):
    """A channel on which nothing but the subsystem `sftp` starts."""

    def __init__(self, deposit: Any) -> None:
        super().__init__(None, deposit, VERSION)

    def session_started(self) -> None:
        assert self._chan is not None and self._conn is not None
        chan: Any = self._chan
        server = self._init_sftp_server()
        reader, writer = SSHReader[bytes](self, chan), SSHWriter[bytes](self, chan)
        handler = _Handler(server, reader, writer, VERSION)  # type: ignore[arg-type]
        self._conn.create_task(handler.run())


class _Handler(SFTPServerHandler):
    """asyncssh closes what a client left open when it is gone; here that is abandoned first, so that it becomes nothing."""

    async def _cleanup(self, exc: Exception | None) -> None:
        if isinstance(self._server, Deposit):
            self._server.abandon()
        await super()._cleanup(exc)


def host_line(seed: Secret) -> str:
    """The public half of the door's key, as in a `.pub` file."""
    return keys.public_line(Ed25519PrivateKey.from_private_bytes(seed.reveal()))
