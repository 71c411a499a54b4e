"""A door's socket: granian (HTTP in Rust, TLS by rustls) inside our event loop, TLS 1.3 only.

The private key never has a file: granian wants paths, so it gets the path of a `memfd`, memory with a descriptor, which
is closed as soon as the door listens.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing, suppress
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.embed import Server

from nexus.app.connections import LIMITS, ConnectionLimits, Cutting, bound_unread
from nexus.app.pki import Leaf
from nexus.kernel.errors import Unavailable
from nexus.web.proxies import NO_PROXIES, BehindProxies, Proxies

Scope = MutableMapping[str, Any]
Asgi = Callable[
    [Scope, Callable[[], Awaitable[MutableMapping[str, Any]]], Callable[[MutableMapping[str, Any]], Awaitable[None]]],
    Awaitable[None],
]

LISTEN_WAIT_S = 10.0


async def serve(
    app: Asgi,
    *,
    host: str,
    port: int,
    leaf: Leaf | None,
    stop: asyncio.Event,
    grace_s: float,
    ready: Callable[[], None],
    trusted: Proxies = NO_PROXIES,
    limits: ConnectionLimits = LIMITS,
) -> None:
    """Serve `app` until `stop`; call `ready` once connections are accepted; let running requests finish for `grace_s`.

    `limits`: what connections may cost. `trusted`: the reverse proxies whose word about a client is believed; without them, nobody's is.
    Without `leaf` it speaks plain HTTP (a witness behind a tunnel; never a door of the platform). Several processes
    may serve one port: each binds it with SO_REUSEPORT and the kernel deals out connections.
    Raises Unavailable if the port cannot be had.
    """
    with closing(_reserve(host, port)):  # granian reports a failed bind by aborting the process: find out first
        pass
    server = _Server(Cutting(BehindProxies(app, trusted), port), host, port, leaf, limits)
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await _listening(host, port, serving, tls=leaf is not None)
        server.forget_key()
        ready()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        await _end(server, serving, grace_s)


def reserve_port(host: str, port: int) -> socket.socket:
    """Hold a port (0: a free one) without listening on it, so that it stays ours while doors come and go."""
    return _reserve(host, port)


def _reserve(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError as error:
        holder.close()
        raise Unavailable(
            f"cannot listen on {host} port {port}: {error.strerror}",
            code="door.port",
            hint="stop what listens there, or choose another: NEXUS_S3_PORT, NEXUS_API_PORT, NEXUS_CONSOLE_PORT, NEXUS_PORTAL_PORT,"
            " NEXUS_BASTION_PORT, NEXUS_WATCH_PORT",
        ) from error
    return holder


class _Server(Server):
    """granian, with a key from memory instead of a key file, and a socket that bounds its connections."""

    def __init__(self, app: Asgi, host: str, port: int, leaf: Leaf | None, limits: ConnectionLimits) -> None:
        self._leaf = leaf
        self._limits = limits
        self._descriptors: list[int] = []
        super().__init__(
            app,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=limits.head_ms, max_buffer_size=limits.buffer_bytes),
            websockets=False,
            backlog=limits.backlog,
            backpressure=limits.most,
            log_enabled=False,
        )

    def build_ssl_context(self, *_: Any) -> None:
        """What granian hands to rustls: (on, chain, key, password, oldest protocol, client CA, CRLs, verify clients)."""
        if self._leaf is None:
            self.ssl_ctx = (False, None, None, None, str(SSLProtocols.tls13), None, [], False)
            return
        chain, key = self._memory(self._leaf.chain), self._memory(self._leaf.key.reveal())
        self.ssl_ctx = (True, chain, key, None, str(SSLProtocols.tls13), None, [], False)  # type: ignore[assignment]

    def _init_shared_socket(self) -> None:
        """Make the listening socket here, so that it can be given what granian has no setting for."""
        holder = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        bound_unread(holder.get_fd(), self._limits)
        self._shd = holder  # type: ignore[assignment]

    def forget_key(self) -> None:
        """Close the memory that carried the key; rustls has its copy by now."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        if self._leaf is not None:
            self._leaf.key.wipe()

    def _memory(self, content: bytes) -> str:
        descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
        self._descriptors.append(descriptor)
        os.write(descriptor, content)
        return f"/proc/self/fd/{descriptor}"


async def _listening(host: str, port: int, serving: "asyncio.Future[None]", *, tls: bool) -> None:
    """Return once a connection (and a TLS handshake) succeeds; the certificate is not judged here, clients do that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    deadline = asyncio.get_running_loop().time() + LISTEN_WAIT_S
    while not serving.done():
        try:
            async with asyncio.timeout(1):
                _, writer = await asyncio.open_connection(target, port, ssl=context if tls else None)
        except (OSError, TimeoutError):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.01)
            continue
        writer.transport.abort()
        return
    raise Unavailable(f"nothing listens on {host} port {port}", code="door.port")


async def _end(server: Server, serving: "asyncio.Future[None]", grace_s: float) -> None:
    if not serving.done():
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({serving}, timeout=grace_s)
    if not serving.done():
        serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
