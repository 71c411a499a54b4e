"""The SSH door: certificates and nothing else, one session for each connection, no forwarding of any kind."""

import asyncio
import logging
import socket
import time
from collections.abc import Coroutine
from typing import Any, Final

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nexus.bastion import rules
from nexus.bastion.admission import Admission
from nexus.bastion.connection import Connection
from nexus.bastion.live import Keepers, LiveSession
from nexus.bastion.model import LOGIN_GRACE_S, End
from nexus.bastion.opening import Opening
from nexus.bastion.ports import Authority
from nexus.crypto.ssh import closed
from nexus.kernel.errors import NexusError
from nexus.kernel.secret import Secret

BACKLOG: Final = 64

_log = logging.getLogger("nexus.bastion")


class Gateway:
    """Listens, and holds the open sessions."""

    def __init__(
        self,
        opening: Opening,
        keepers: Keepers,
        authority: Authority,
        host_key: Secret,
        *,
        admission: Admission | None = None,
        login_grace_s: float = LOGIN_GRACE_S,
    ) -> None:
        """`host_key`: the door's own, 32 bytes, Ed25519."""
        self.opening = opening
        self.keepers = keepers
        self.authority = authority
        self.sessions: set[LiveSession] = set()
        self._host_key = host_key
        self.login_grace_s = login_grace_s
        self._admission = admission or Admission()
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connections: set[Connection] = set()

    async def serve(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Serve until `stop`; then end every session and wait for the end of each to be in the log."""
        listening.setblocking(False)
        listening.listen(BACKLOG)
        accepting = asyncio.create_task(self._accept(listening))
        try:
            await stop.wait()
        finally:
            accepting.cancel()
            await asyncio.wait({accepting})
            self.end_all(End.STOPPED)
            if self._tasks:
                await asyncio.wait(self._tasks)

    def end_all(self, why: End) -> None:
        """End every session and forget the host key; it is read again when it is needed. Neither waits nor raises."""
        self._options = None
        for session in self.sessions:
            session.end(why)
        for connection in [each for each in self._connections if not each.entered]:
            connection.abort()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something to its end, beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def connected(self, connection: "Connection") -> None:
        self._connections.add(connection)

    def disconnected(self, connection: "Connection", address: str) -> None:
        self._connections.discard(connection)
        self._admission.leave(address)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, peer = await loop.sock_accept(listening)
            except OSError as error:  # no descriptor left, most likely: others end soon
                _log.error("a connection could not be accepted (%s)", error.strerror)
                await asyncio.sleep(1)
                continue
            await self._welcome(client, rules.plain_address(peer[0]))

    async def _welcome(self, client: socket.socket, address: str) -> None:
        """Admit a connection to the handshake, or close it before a byte is exchanged."""
        try:
            self.keepers.lease.require()
            options = self._options = self._options or self._make_options()
        except NexusError:
            client.close()
            return
        if not self._admission.admit(address, time.monotonic()):
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        connection = Connection(loop, options, self, address)
        try:
            await loop.connect_accepted_socket(lambda: connection, client)
        except OSError:
            self._admission.leave(address)
            client.close()

    def _make_options(self) -> asyncssh.SSHServerConnectionOptions:
        return asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: None,
            allow_pty=True,
            line_editor=False,
            **closed(self._host_key, login_grace_s=self.login_grace_s),
        )


def host_public_key(seed: Secret) -> bytes:
    """The raw public half of the door's key."""
    return Ed25519PrivateKey.from_private_bytes(seed.reveal()).public_key().public_bytes_raw()
