"""What one connection may cost a door, and how it is ended from our side.

The HTTP engine bounds what it reads: a TLS handshake ends after ten seconds, and a head, or the silence between two
requests, after `head_ms`. What it writes has no bound of its own: to a client that takes nothing it would wait for ever,
with one of the door's connections. Two things end that:

1. The kernel gives up a connection whose client acknowledges nothing, or keeps its window shut, for `unread_ms`.
2. A door that gives up an answer (because it is taken too slowly, or fails to verify) has its connection cut here: what
   waits in the engine's buffers is not sent.
"""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from nexus.web.broken import BrokenAnswerError


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a door bounds of its connections. Every field is in force: see tests/security/test_connection_limits.py."""

    most: int = 1_024
    """Connections served at the same time by one process; more wait in the backlog."""
    backlog: int = 1_024
    """Connections that the kernel holds while the door is busy."""
    head_ms: int = 15_000
    """Time in which a client must have sent its next request's head; then the connection ends."""
    unread_ms: int = 60_000
    """Time in which a client must take something of what was sent to it; then the kernel ends the connection."""
    buffer_bytes: int = 256 * 1024
    """What is held of a connection at most: heads must fit, and bodies arrive in pieces of at most this size.
    Pieces of 64 KiB would double the CPU time of a large upload."""


LIMITS: Final = ConnectionLimits()
_DESCRIPTORS: Final = Path("/proc/self/fd")


def bound_unread(descriptor: int, limits: ConnectionLimits) -> None:
    """Let every connection that a listening socket accepts end once its client takes nothing for `unread_ms`."""
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limits.unread_ms)


class Cutting:
    """A door whose broken answers end their connection, whatever the engine still holds for it."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except BrokenAnswerError:
            if scope.get("client"):
                host, port = scope["client"]
                await asyncio.to_thread(cut, self._port, (host, int(port)))
            raise


def cut(port: int, peer: tuple[str, int]) -> bool:
    """End this process's connection from `peer` (host, port) to its own `port`; whether there was one."""
    for descriptor in _DESCRIPTORS.iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(descriptor.name))) as connection:
            # The copy keeps what it is, even where the descriptor is closed and used anew meanwhile.
            if connection.getpeername()[:2] == peer and connection.getsockname()[1] == port:
                connection.shutdown(socket.SHUT_RDWR)
                return True
    return False
