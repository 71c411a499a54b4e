"""The socket of a service of pseudonyms: TLS 1.3 with certificates both ways over a unix socket, one call at a time each.

A message is its length in four bytes (big endian), then MessagePack: `[method, operation, arguments]` one way, `[error, result]`
the other. Whoever has no certificate of a caller on the list, or asks for what is not on its line, is refused.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from nexus.kernel import errors
from nexus.kernel.clock import SECOND, Clock
from nexus.kernel.errors import Denied, Invalid, NexusError, Unauthenticated, Unavailable
from nexus.kernel.mutual import HANDSHAKE_S, ServiceIdentity, peer_service, require_service
from nexus.kernel.operation import Operation
from nexus.pseudonyms import messages
from nexus.pseudonyms.callers import CALLERS, WITHOUT_SECRETS

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one message: a full batch fits twice."""
SOCKET_MODE: Final = 0o600
_LENGTH: Final = 4
_log: Final = logging.getLogger("nexus.pseudonyms")


class _Asked(Struct, frozen=True, array_like=True):
    method: str
    operation: Operation
    arguments: Raw


class _Error(Struct, frozen=True, array_like=True):
    kind: str
    code: str
    message: str
    hint: str


class _Answered(Struct, frozen=True, array_like=True):
    error: _Error | None
    result: Raw = Raw(msgspec.msgpack.encode(None))


@dataclass(frozen=True, slots=True)
class Method:
    """Types of a method's request and result."""

    request: type
    result: type


METHODS: Final[Mapping[str, Method]] = {
    "pseudonymise": Method(messages.Pseudonymise, messages.Pseudonyms),
    "identify": Method(messages.Identify, messages.Identified),
    "enter": Method(messages.Enter, messages.Pseudonyms),
    "given": Method(messages.Enter, messages.Pseudonyms),
    "link_of": Method(messages.One, messages.Link),
    "links_of": Method(messages.Several, messages.Links),
    "names": Method(messages.Several, messages.Names),
    "known_as": Method(messages.KnownAs, messages.Pseudonyms),
    "transfer": Method(messages.Transfer, messages.Pseudonyms),
    "open_domain": Method(messages.OpenDomain, messages.Opened),
    "renew": Method(messages.OpenDomain, messages.Opened),
    "renewed": Method(messages.Renewed, messages.Pairs),
    "statistics": Method(messages.Nothing, messages.Statistics),
    "entries": Method(messages.Entries, messages.Waiting),
    "entries_done": Method(messages.Forget, messages.Collected),
    "copy": Method(messages.CopyTo, messages.Copied),
    "ping": Method(messages.Nothing, messages.Copied),
}
_KINDS: Final = {
    kind.kind: kind
    for kind in (
        errors.Invalid,
        errors.Denied,
        errors.NotFound,
        errors.Conflict,
        errors.Unauthenticated,
        errors.Unavailable,
        errors.Sealed,
        errors.Damaged,
    )
}
Call = Callable[[Operation, Any], Awaitable[Any]]


async def serve(
    path: Path,
    identity: ServiceIdentity,
    service: object,
    clock: Clock,
    *,
    require: Callable[[], None] = lambda: None,
) -> asyncio.Server:
    """Serve the methods of a service to those on its list. The socket is its owner's alone.

    `require` is asked before every method that needs secrets: it raises Sealed while they may not be used.
    """
    _clear(path)
    served = _Served(identity, service, clock, require)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(
            lambda reader, writer: _connection(served, reader, writer),
            path=path,
            ssl=identity.server,
            ssl_handshake_timeout=HANDSHAKE_S,
            limit=MAX_BYTES,
        )
    finally:
        os.umask(before)
    return server


@dataclass(frozen=True, slots=True)
class _Served:
    identity: ServiceIdentity
    service: object
    clock: Clock
    require: Callable[[], None]


def _clear(path: Path) -> None:
    """Take away the socket that a process left which was killed."""
    path.unlink(missing_ok=True)


async def _connection(served: _Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    identity = served.identity
    try:
        caller = peer_service(writer.transport, identity.trust_domain)
        allowed = CALLERS[identity.name].get(caller.name, frozenset())
        if not allowed:
            raise Unauthenticated(f"the service {caller.name} does not call {identity.name}", code="pseudonyms.caller")
        while (body := await _read(reader)) is not None:
            if served.clock.now() >= caller.ends_at * SECOND:
                raise Unauthenticated(f"the certificate of {caller.name} has ended", code="pseudonyms.caller")
            answer = await _answer(served, allowed, body)
            _send(writer, answer)
            await writer.drain()
    except (NexusError, ConnectionError, TimeoutError) as error:
        _log.warning("a connection ended: %s", error)
    finally:
        writer.close()
        with suppress(ConnectionError, TimeoutError):
            await writer.wait_closed()


async def _answer(served: _Served, allowed: frozenset[str], body: bytes) -> _Answered:
    try:
        asked = msgspec.msgpack.decode(body, type=_Asked)
        if asked.method not in allowed:
            raise Denied("this caller may not call this method", code="pseudonyms.method")
        request: Any = msgspec.msgpack.decode(asked.arguments, type=METHODS[asked.method].request)
        if asked.method not in WITHOUT_SECRETS:
            served.require()
        call: Call = getattr(served.service, asked.method)
        return _Answered(None, Raw(msgspec.msgpack.encode(await call(asked.operation, request))))
    except (msgspec.DecodeError, RecursionError):
        return _Answered(_Error("invalid", "pseudonyms.frame", "this is no message of the protocol", ""))
    except NexusError as error:
        return _Answered(_Error(error.kind, error.code, error.message, error.hint))


class Remote:
    """A service of pseudonyms in another process. Raises Unavailable where there is none."""

    def __init__(self, path: Path, identity: ServiceIdentity, name: str) -> None:
        """`identity`: who calls; `name`: who must answer."""
        self._path = path
        self._identity = identity
        self._name = name
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._shown: object = None
        self._one = asyncio.Lock()

    async def call(self, method: str, op: Operation, request: Any) -> Any:
        """Ask, and wait for the answer. Raises what the service raises."""
        asked = _Asked(method, op, Raw(msgspec.msgpack.encode(request)))
        async with self._one:
            if self._shown is not self._identity.credentials:
                await self.close()  # a connection does not outlive the certificate that it was opened with
            kept = self._streams is not None
            body = await self._asked(asked)
            if body is None and kept:
                body = await self._asked(asked)  # the service was started anew since the last call
        if body is None:
            raise Unavailable(f"{self._name} hung up", code="pseudonyms.unavailable")
        answer = msgspec.msgpack.decode(body, type=_Answered)
        if answer.error is not None:
            told = answer.error
            raise _KINDS.get(told.kind, NexusError)(told.message, code=told.code, hint=told.hint)
        return msgspec.msgpack.decode(answer.result, type=METHODS[method].result)

    async def _asked(self, asked: _Asked) -> bytes | None:
        """The answer; None if the service hung up. Raises Unavailable where there is none."""
        try:
            reader, writer = await self._connected()
        except (OSError, TimeoutError) as error:
            await self.close()
            raise Unavailable(f"{self._name} does not answer", code="pseudonyms.unavailable") from error
        body = None
        with suppress(OSError, TimeoutError):
            _send(writer, asked)
            await writer.drain()
            body = await _read(reader)
        if body is None:
            await self.close()
        return body

    async def pseudonymise(self, op: Operation, request: messages.Pseudonymise) -> messages.Pseudonyms:
        """As the first level does it."""
        result: messages.Pseudonyms = await self.call("pseudonymise", op, request)
        return result

    async def enter(self, op: Operation, request: messages.Enter) -> messages.Pseudonyms:
        """As the second level does it."""
        result: messages.Pseudonyms = await self.call("enter", op, request)
        return result

    async def given(self, op: Operation, request: messages.Enter) -> messages.Pseudonyms:
        """As the second level does it."""
        result: messages.Pseudonyms = await self.call("given", op, request)
        return result

    async def link_of(self, op: Operation, request: messages.One) -> messages.Link:
        """As the second level does it."""
        result: messages.Link = await self.call("link_of", op, request)
        return result

    async def links_of(self, op: Operation, request: messages.Several) -> messages.Links:
        """As the second level does it."""
        result: messages.Links = await self.call("links_of", op, request)
        return result

    async def transfer(self, op: Operation, request: messages.Transfer) -> messages.Pseudonyms:
        """As the second level does it."""
        result: messages.Pseudonyms = await self.call("transfer", op, request)
        return result

    async def close(self) -> None:
        """Hang up; the next call connects again."""
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            with suppress(OSError, TimeoutError):
                await writer.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._shown = self._identity.credentials
            reader, writer = await asyncio.open_unix_connection(
                self._path,
                ssl=self._identity.client,
                server_hostname="",
                ssl_handshake_timeout=HANDSHAKE_S,
                limit=MAX_BYTES,
            )
            require_service(writer.transport, self._identity.trust_domain, self._name)
            self._streams = reader, writer
        return self._streams


def _send(writer: asyncio.StreamWriter, message: Struct) -> None:
    body = msgspec.msgpack.encode(message)
    if len(body) > MAX_BYTES:
        raise Invalid(
            f"a message has {MAX_BYTES} bytes at most", code="pseudonyms.frame-length", hint="smaller batches"
        )
    writer.write(len(body).to_bytes(_LENGTH, "big") + body)


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """One message; None at the end of the connection. Raises Invalid on one that is too long."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        if not 0 < length <= MAX_BYTES:
            raise Invalid(f"a message has 1 to {MAX_BYTES} bytes", code="pseudonyms.frame-length")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
