"""The client's end of the socket: one connection at a time, made again whenever it is lost.

When the certificate of this process is renewed, a second connection is made with the new one, takes over, and the first
ends once its calls are answered: nobody notices.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

import msgspec

from nexus.kernel import mutual
from nexus.kernel.errors import NexusError, Unauthenticated, Unavailable
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.observing import OK, Calls, outcome_of
from nexus.kernel.operation import Operation
from nexus.kms import frames
from nexus.kms.frames import Answer, Beat, Call, Confirm, Event, FrameBuffer, Hello, Refusal, Welcome
from nexus.kms.model import KeyEvent, KeyEventKind

FIRST_PAUSE_S: Final = 0.05
LAST_PAUSE_S: Final = 1.0
"""Between attempts to connect."""
CONNECT_WAIT_S: Final = 2.0
"""How long a call waits for a connection before it fails."""
FINISH_S: Final = 60.0
"""How long a connection that was replaced may take to answer: as long as the slowest call."""
SERVICE: Final = "kms"
"""Who must be at the other end."""
SILENCE_S: Final = 3 * frames.LEASE_S
"""A connection that says nothing for so long is given up."""

_log: Final = logging.getLogger("nexus.kms.client")


class Link(asyncio.Protocol):
    """One connection, from its greeting to its loss."""

    def __init__(self, trust_domain: str, heard: Callable[[KeyEvent], None]) -> None:
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.unsealed = False
        self.heard_at = 0.0
        self._trust_domain = trust_domain
        self._heard = heard
        self._frames = FrameBuffer(frames.MAX_FRAME_BYTES)
        self._transport: asyncio.Transport | None = None
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._ids = count(1)

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of uvloop too, which is no subclass
        try:
            mutual.require_service(transport, self._trust_domain, SERVICE)
        except NexusError as error:
            self.welcomed.set_exception(error)
            self.cut()
        else:
            self._transport.write(frames.frame(Hello(frames.PROTOCOL)))

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                self._heed(frames.from_server(body))
        except Exception as error:  # whatever a holder of keys could not do: without a connection it holds none
            _log.error("the connection to the key service is given up: %s", type(error).__name__)
            self.cut()
        self.heard_at = monotonic()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.unsealed = False
        error: NexusError = Unavailable("the connection to the key service was lost", code="kms.lost", hint="retry")
        if isinstance(exc, ssl.SSLError):  # it told us by an alert that it does not take our certificate
            error = Unauthenticated("the key service refused the certificate of this process", code="kms.certificate")
        for future in [self.welcomed, *self._pending.values()]:
            if not future.done():
                future.set_exception(error)
        self._pending.clear()
        if self.welcomed.done() and not self.welcomed.cancelled():
            self.welcomed.exception()  # seen: nobody may be waiting for it
        if not self.lost.done():
            self.lost.set_result(None)

    # Messages

    def _heed(self, message: frames.FromServer) -> None:
        match message:
            case Answer():
                self._settle(message.id, message.result)
            case Refusal(id=0):
                if not self.welcomed.done():
                    self.welcomed.set_exception(frames.restored(message))
                self.cut()
            case Refusal():
                self._settle(message.id, frames.restored(message))
            case Event():
                kind = KeyEventKind(message.kind)
                if kind in (KeyEventKind.SEALED, KeyEventKind.UNSEALED):
                    self.unsealed = kind is KeyEventKind.UNSEALED
                self._heard(KeyEvent(kind, message.key_id))
                self._send(Confirm(message.number))
            case Beat():
                self.unsealed = message.unsealed
            case Welcome():
                self.unsealed = message.unsealed
                if not self.welcomed.done():
                    self.welcomed.set_result(None)

    def _settle(self, call_id: int, outcome: Any) -> None:
        future = self._pending.pop(call_id, None)
        if future is None or future.done():
            return  # nobody waits any more
        if isinstance(outcome, NexusError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    # Calls

    async def call(
        self, method: str, operation: Operation | None, arguments: Any, timeout_s: float, traceparent: str = ""
    ) -> msgspec.Raw:
        """The encoded result. Raises what the service raised, or Unavailable."""
        call_id = next(self._ids)
        encoded = msgspec.Raw(frames.encode(arguments))
        framed = frames.frame(Call(call_id, method, operation, encoded, traceparent))
        if self._transport is None:
            raise Unavailable("the connection to the key service was lost", code="kms.lost", hint="retry")
        future = self._pending[call_id] = asyncio.get_running_loop().create_future()
        self._transport.write(framed)
        try:
            async with asyncio.timeout(timeout_s):
                return await future  # type: ignore[no-any-return]
        except TimeoutError as error:
            raise Unavailable(
                f"the key service did not answer within {timeout_s:g} s",
                code="kms.timeout",
                hint="it may still have done what it was asked to: look before you repeat it",
            ) from error
        finally:
            self._pending.pop(call_id, None)

    def _send(self, message: frames.FromClient) -> None:
        if self._transport is not None:
            self._transport.write(frames.frame(message))

    async def finish(self) -> None:
        """Wait for the answers that are due, then hang up."""
        try:
            if self._pending:
                await asyncio.wait(self._pending.values(), timeout=FINISH_S)
        finally:
            self.cut()

    def cut(self) -> None:
        """Hang up; from this moment there is no lease."""
        self.unsealed = False
        if self._transport is not None:
            self._transport.abort()


class KeptConnection:
    """Keeps one `Link` alive, and tells what happens to it."""

    def __init__(
        self,
        path: Path,
        identity: ServiceIdentity,
        wait_s: float = CONNECT_WAIT_S,
        observer: Calls | None = None,
    ) -> None:
        """`wait_s`: how long a call waits for a connection before it fails. `observer`: watches calls."""
        self._path = path
        self._wait_s = wait_s
        self._observer = observer
        self._identity = identity
        self._renewed = asyncio.Event()
        self._draining: set[asyncio.Task[None]] = set()
        identity.on_renewal(self._renewed.set)
        self._callbacks: list[Callable[[KeyEvent], None]] = []
        self._link: Link | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()
        self._connected = asyncio.Event()
        self._refused: NexusError | None = None

    def subscribe(self, callback: Callable[[KeyEvent], None]) -> None:
        self._callbacks.append(callback)

    @property
    def leased(self) -> bool:
        """Connected, unsealed, and heard of within the lease."""
        link = self._link
        return link is not None and link.unsealed and monotonic() - link.heard_at < frames.LEASE_S

    async def start(self) -> None:
        """Begin to keep; returns once connected or after an attempt that failed. Again is harmless."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep(), name="key service connection")
        if not self._connected.is_set():
            self._attempted.clear()
            await self._attempted.wait()

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        if self._link is not None:
            self._link.cut()

    async def call(self, method: str, operation: Operation | None, arguments: Any, timeout_s: float) -> msgspec.Raw:
        """Raises what the service raised, Unauthenticated if it refused the certificate, or Unavailable."""
        if self._observer is None:
            return await self._call(method, operation, arguments, timeout_s)
        mark = self._observer.began(method)
        try:
            result = await self._call(method, operation, arguments, timeout_s, mark.traceparent)
        except BaseException as error:
            mark.ended(outcome_of(error))
            raise
        mark.ended(OK)
        return result

    async def _call(
        self, method: str, operation: Operation | None, arguments: Any, timeout_s: float, traceparent: str = ""
    ) -> msgspec.Raw:
        link = self._link if self._connected.is_set() else await self._wait_for_link()
        assert link is not None
        return await link.call(method, operation, arguments, timeout_s, traceparent)

    async def _wait_for_link(self) -> Link | None:
        if self._keeping is None:
            raise Unavailable("the client of the key service is not started", code="kms.not-started")
        if isinstance(self._refused, Unauthenticated):
            raise self._refused
        try:
            async with asyncio.timeout(self._wait_s):
                await self._connected.wait()
        except TimeoutError:
            raise self._refused or Unavailable(
                "the key service cannot be reached", code="kms.unreachable", hint="`nexus status` says whether it runs"
            ) from None
        return self._link

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._connect()
                pause = FIRST_PAUSE_S
                await self._watch()
            except (OSError, TimeoutError, NexusError) as error:
                self._refused = error if isinstance(error, NexusError) else None
            self._attempted.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE_S)

    async def _open(self) -> Link:
        """A connection that has been welcomed, with the certificate of now."""
        loop, domain = asyncio.get_running_loop(), self._identity.trust_domain
        _, link = await loop.create_unix_connection(
            lambda: Link(domain, self._tell),
            str(self._path),
            ssl=self._identity.client,
            server_hostname=SERVICE,
            ssl_handshake_timeout=mutual.HANDSHAKE_S,
        )
        try:
            async with asyncio.timeout(CONNECT_WAIT_S):
                await link.welcomed
        except BaseException:
            link.cut()
            raise
        return link

    async def _connect(self) -> None:
        self._renewed.clear()
        link = await self._open()
        self._link, self._refused = link, None
        self._connected.set()
        self._attempted.set()
        if link.unsealed:
            with suppress(Exception):  # logged; whoever could not take up its keys has none
                self._tell(KeyEvent(KeyEventKind.UNSEALED))

    async def _watch(self) -> None:
        """Until the connection is lost, or has been silent for too long."""
        link = self._link
        assert link is not None
        try:
            while not link.lost.done():
                renewal = asyncio.ensure_future(self._renewed.wait())
                either: list[asyncio.Future[Any]] = [link.lost, renewal]
                await asyncio.wait(either, timeout=frames.LEASE_S, return_when=asyncio.FIRST_COMPLETED)
                renewal.cancel()
                if monotonic() - link.heard_at > SILENCE_S:
                    link.cut()
                elif self._renewed.is_set():
                    link = await self._take_over(link)
        finally:
            self._connected.clear()
            link.cut()
            with suppress(Exception):  # told already, and there is nothing left to refuse
                self._tell(KeyEvent(KeyEventKind.LOST))

    async def _take_over(self, former: Link) -> Link:
        """A connection with the new certificate in the place of the former, which answers what it was asked first."""
        self._renewed.clear()
        try:
            fresh = await self._open()
        except (OSError, TimeoutError, NexusError):
            self._renewed.set()  # again at the next look; the former certificate lasts a while yet
            await asyncio.sleep(FIRST_PAUSE_S)
            return former
        self._link = fresh
        task = asyncio.create_task(former.finish(), name="key service connection, former")
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
        return fresh

    def _tell(self, event: KeyEvent) -> None:
        """Every callback runs, whatever another does; then the first error is raised, and the event not confirmed."""
        errors = []
        for callback in self._callbacks:
            try:
                callback(event)
            except Exception as error:
                _log.exception("a holder of keys failed to heed %s", event.kind.value)
                errors.append(error)
        if errors:
            raise errors[0]
