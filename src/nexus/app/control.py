"""The control socket: how commands on this machine reach the supervisor, sealed or not.

Two unix sockets in `run/`, one JSON object a line, one answer for each. On `control.sock`, for people on this machine, the
kernel says who calls (SO_PEERCRED): only the user who runs the platform, and root, are heard. What it offers is what that user
could do to the processes anyway. On `supervisor.sock`, for the platform's own services, TLS says who calls, and `SERVICES`
what each may ask.
"""

import asyncio
import logging
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from nexus.app.building_task import BuildTask
from nexus.app.handoff import Answer, as_error, failure
from nexus.kernel import mutual
from nexus.kernel.errors import Denied, Invalid, NexusError, Unauthenticated, Unavailable
from nexus.kernel.mutual import ServiceIdentity

MAX_LINE_BYTES = 64 * 1024
ANSWER_WAIT_S = 90.0
"""Longest time a command waits: unsealing with a passphrase is slow on purpose, stopping drains requests."""
_log = logging.getLogger("nexus.supervisor")
_PEER = struct.Struct("3i")


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`do` says what; `secret` carries a passphrase or a custodian's share for `unseal`; `read` and `mend` are `fsck`'s,
    `build` that of the warehouse."""

    do: Literal[
        "status",
        "unseal",
        "seal",
        "stop",
        "backup",
        "backup-progress",
        "fsck",
        "fsck-progress",
        "build",
        "build-progress",
    ]
    secret: str = ""
    path: str = ""
    read: bool = False
    mend: bool = False
    build: BuildTask | None = None


class Reply(Struct, frozen=True, kw_only=True):
    """Either `value` or `error`."""

    value: Any = None
    error: Answer | None = None


SERVICES: Mapping[str, frozenset[str]] = {"api": frozenset({"status"}), "console": frozenset({"status"})}
"""What services may ask of the supervisor. What changes the platform is asked by people, on the machine."""
SUPERVISOR = "supervisor"

Handler = Callable[[Request, str], Awaitable[Any]]
"""Is given the request and the login name (or number) of the user who sent it."""


Ask = Callable[[Request], Awaitable[Any]]
"""Sends a request to the supervisor, by whichever socket."""


class ControlServer:
    """Listens for as long as the context lasts."""

    def __init__(self, path: Path, handler: Handler, identity: ServiceIdentity | None = None) -> None:
        """With an `identity`, it is the socket of the services: TLS with certificates both ways."""
        self._path = path
        self._handler = handler
        self._identity = identity
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "ControlServer":
        self._path.unlink(missing_ok=True)  # left behind by a platform that was killed; the lock says that it is gone
        tls = self._identity.server if self._identity else None
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE_BYTES, ssl=tls)
        self._path.chmod(0o600)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            caller = self._caller(writer)
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line, caller)) + b"\n")
                await writer.drain()
        except (OSError, ValueError, Denied, Unauthenticated):
            pass  # gone, a line beyond the limit, or somebody else: none of them gets an answer
        finally:
            writer.close()

    def _caller(self, writer: asyncio.StreamWriter) -> str:
        user = _peer(writer.get_extra_info("socket"))
        if self._identity is None:
            return user
        return mutual.peer_service(writer.transport, self._identity.trust_domain).name

    async def _answer(self, line: bytes, caller: str) -> Reply:
        try:
            request = msgspec.json.decode(line, type=Request)
            if self._identity is not None and request.do not in SERVICES.get(caller, frozenset()):
                _log.warning("the service %s may not ask for %s", caller, request.do)
                raise Denied(f"the service {caller} may not ask for this", code="control.service")
            return Reply(value=await self._handler(request, caller))
        except (msgspec.DecodeError, UnicodeDecodeError):
            error: NexusError = Invalid("this is no request of the control socket", code="control.request")
        except NexusError as raised:
            error = raised
        return Reply(error=failure(error))


async def ask(path: Path, request: Request, identity: ServiceIdentity | None = None) -> Any:
    """Send one request to the supervisor; returns its value. Raises what it raised, or Unavailable if nobody listens.

    Services give their `identity`, and speak TLS.
    """
    tls = {"ssl": identity.client, "server_hostname": SUPERVISOR} if identity else {}
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES, **tls)
        if identity is not None:
            mutual.require_service(writer.transport, identity.trust_domain, SUPERVISOR)
    except OSError as error:
        raise Unavailable("the platform is not running", code="platform.down", hint="`nexus up` starts it") from error
    try:
        writer.write(msgspec.json.encode(request) + b"\n")
        async with asyncio.timeout(ANSWER_WAIT_S):
            line = await reader.readline()
    except (OSError, TimeoutError) as error:
        raise Unavailable("the supervisor did not answer", code="platform.silent") from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    if not line:
        raise Unavailable("the supervisor did not answer", code="platform.silent")
    reply = msgspec.json.decode(line, type=Reply)
    if reply.error is not None:
        raise as_error(reply.error)
    return reply.value


def _peer(connection: socket.socket) -> str:
    """Who called, as the kernel says. Raises Denied for anybody but the platform's user and root."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, uid, _ = _PEER.unpack(peer)
    if uid not in (0, os.geteuid()):
        raise Denied("only the platform's own user is heard here", code="control.peer")
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
