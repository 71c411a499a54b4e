"""The unix socket of the key service: one thread, one event loop, every limit named.

TLS 1.3 with certificates both ways: the certificate says which service calls, and the connection is served the methods of
that caller until the certificate ends. What does not parse is answered precisely and ends the connection; what fails is answered and does not.
"""

import asyncio
import logging
import os
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from nexus.kernel import mutual
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import Denied, Invalid, NexusError, Unauthenticated, Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.observing import OK, Calls, outcome_of
from nexus.kernel.operation import PLATFORM, Operation, system_actor
from nexus.kms import callers, frames
from nexus.kms.frames import Answer, Call, Confirm, FrameBuffer, Hello, Welcome
from nexus.kms.leases import Leases
from nexus.kms.methods import METHODS, Served, perform
from nexus.kms.service import KeyService

BACKLOG: Final = 128
SOCKET_MODE: Final = 0o600
_CREDENTIALS: Final = struct.Struct("3i")

_log: Final = logging.getLogger("nexus.kms")


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections may take."""

    connections: int = 256
    hello_s: float = 5.0
    """Until a client has said who it is."""
    calls_in_flight: int = 256
    """Of one connection: above it, the service reads no further."""
    unsent_bytes: int = 16 * 1024 * 1024
    """Answers and events that a client does not read: above it, the connection is cut."""


DEFAULT_LIMITS: Final = Limits()


class Server:
    """Owns the socket, the connections and the heartbeat."""

    def __init__(
        self,
        service: KeyService,
        db: Database,
        leases: Leases,
        *,
        path: Path,
        identity: ServiceIdentity,
        clock: Clock,
        limits: Limits = DEFAULT_LIMITS,
        observer: Calls | None = None,
    ) -> None:
        """`identity`: the key service's own certificate. Only processes of our own user are let in. `observer`: watches calls."""
        self.service = service
        self.db = db
        self.leases = leases
        self.identity = identity
        self.clock = clock
        self.limits = limits
        self._observer = observer
        self.connections: set[Connection] = set()
        self.calls: set[asyncio.Task[None]] = set()
        self._path = path
        self._server: asyncio.Server | None = None
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Replaces a socket file that a killed process left behind."""
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o777 & ~SOCKET_MODE)
        try:
            listening.bind(str(self._path))
        except OSError as error:
            listening.close()
            raise Unavailable(f"the socket {self._path} cannot be made", code="kms.socket") from error
        finally:
            os.umask(before)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: Connection(self),
            sock=listening,
            backlog=BACKLOG,
            ssl=self.identity.server,
            ssl_handshake_timeout=self.limits.hello_s,
        )
        self._beating = asyncio.create_task(self.leases.beat_forever(), name="kms heartbeat")

    async def close(self) -> None:
        """Stop listening, let running calls end, hang up."""
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
        if self.calls:
            await asyncio.wait(self.calls, timeout=frames.LEASE_S)
        for connection in list(self.connections):
            connection.cut()

    async def perform(self, connection: "Connection", call: Call) -> bytes:
        """One call, as the frame of its answer or of its refusal."""
        try:
            result = await self._watched(connection, call)
            return frames.frame(Answer(call.id, msgspec.Raw(frames.encode(result))))
        except NexusError as error:
            await self.service.heed(error)
            return frames.frame(frames.refusal(call.id, error))
        except Exception:
            _log.exception("the call %s failed unexpectedly", call.method[:32])
            failure = NexusError("the call failed", code="kms.internal", hint="the key service's messages say more")
            return frames.frame(frames.refusal(call.id, failure))

    async def _watched(self, connection: "Connection", call: Call) -> Any:
        if self._observer is None:
            return await self._perform(connection, call)
        mark = self._observer.began(call.method, connection.name, call.traceparent)
        try:
            result = await self._perform(connection, call)
        except BaseException as error:
            mark.ended(outcome_of(error))
            raise
        mark.ended(OK)
        return result

    async def _perform(self, connection: "Connection", call: Call) -> Any:
        method = METHODS.get(call.method)
        if method is None:
            raise Invalid("there is no such method", code="kms.no-method")
        operation = call.operation or connection.own_operation()
        try:
            callers.require(connection.methods, call.method, connection.name)
        except Denied:
            await self.db.record(operation.denied(f"kms.{call.method}", PLATFORM, caller=connection.name))
            raise
        if method.needs_operation and call.operation is None:
            raise Invalid("this method needs an operation", code="kms.no-operation")
        return await perform(method, Served(self.service, self.db, operation, connection.name), call.arguments)


class Connection(asyncio.Protocol):
    """One client, from its greeting to its end."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._limits = server.limits
        self._frames = FrameBuffer(frames.MAX_HELLO_BYTES)
        self._transport: asyncio.Transport | None = None
        self._greeting: asyncio.TimerHandle | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._greeted = False
        self._in_flight = 0
        self.name = ""
        self.methods: frozenset[str] = frozenset()

    def own_operation(self) -> Operation:
        """For calls that no operation of a person is behind."""
        server = self._server
        return Operation(
            new_id("op"), system_actor(self.name or "unknown"), "operation", server.clock.now(), "local", "kms"
        )

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of uvloop too, which is no subclass
        self._server.connections.add(self)
        loop = asyncio.get_running_loop()
        self._greeting = loop.call_later(
            self._limits.hello_s, self._refuse, Unauthenticated("no greeting", code="kms.hello")
        )
        if len(self._server.connections) > self._limits.connections:
            self._refuse(Unavailable(f"{self._limits.connections} connections are open", code="kms.connections"))
        elif _peer_uid(self._transport) != os.geteuid():
            self._refuse(Unauthenticated("only the platform's own user may connect", code="kms.peer"))
        else:
            self._recognise(self._transport, loop)

    def data_received(self, data: bytes) -> None:
        """Heed message after message; with too many calls in flight, the rest waits where it is."""
        messages = self._frames.feed(data)
        try:
            for body in messages:
                if self._transport is None or self._transport.is_closing():
                    return
                self._heed(frames.from_client(body))
                if self._in_flight >= self._limits.calls_in_flight:
                    self._transport.pause_reading()
                    return
        except NexusError as error:
            self._refuse(error)
        finally:
            messages.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._server.leases.remove(self)
        for timer in (self._greeting, self._ending):
            if timer is not None:
                timer.cancel()
        self._transport = None

    def _recognise(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Who calls, from the verified certificate; the connection ends with it (a living client has a newer one)."""
        try:
            peer = mutual.peer_service(transport, self._server.identity.trust_domain)
            self.methods = callers.methods_of(peer.name)
        except Unauthenticated as error:
            self._refuse(error)
            return
        self.name = peer.name
        ended = Unauthenticated("the certificate of this connection has ended", code="kms.certificate-ended")
        self._ending = loop.call_later(max(0.0, peer.ends_at - time.time()), self._refuse, ended)

    # Messages

    def _heed(self, message: frames.FromClient) -> None:
        if isinstance(message, Call):
            self._start(message)
        elif isinstance(message, Confirm):
            self._server.leases.confirm(self, message.number)
        else:
            self._greet(message)

    def _greet(self, hello: Hello) -> None:
        if self._greeted:
            raise Invalid("greeted twice", code="kms.hello")
        if hello.protocol != frames.PROTOCOL:
            raise Invalid(f"this service speaks protocol {frames.PROTOCOL}", code="kms.protocol")
        self._greeted = True
        self._frames.limit = frames.MAX_FRAME_BYTES
        if self._greeting is not None:
            self._greeting.cancel()
        self.send(frames.frame(Welcome(frames.PROTOCOL, self._server.service.vault.is_open)))
        self._server.leases.add(self)

    def _start(self, call: Call) -> None:
        if not self._greeted:
            raise Unauthenticated("say hello first", code="kms.hello")
        self._in_flight += 1
        task = asyncio.create_task(self._run(call))
        self._server.calls.add(task)
        task.add_done_callback(self._server.calls.discard)

    async def _run(self, call: Call) -> None:
        self.send(await self._server.perform(self, call))
        self._in_flight -= 1
        if self._transport is not None and not self._transport.is_reading():
            self._transport.resume_reading()
            self.data_received(b"")

    # Sending and hanging up

    def send(self, framed: bytes) -> None:
        """Queue a frame; a client that does not read is cut off. What it asked for is done nevertheless."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(framed)
        if self._transport.get_write_buffer_size() > self._limits.unsent_bytes:
            _log.warning("%s does not read its answers and was cut off", self.name)
            self.cut()

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, error: NexusError) -> None:
        _log.warning("a connection was refused: %s (%s)", error.message, error.code)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frames.frame(frames.refusal(0, error)))
            self._transport.close()


def _peer_uid(transport: asyncio.Transport) -> int:
    peer = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(peer)[1])
