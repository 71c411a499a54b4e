"""A client of the S3 door that writes bytes into a TLS socket, as no library would let it."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from simulators.s3_door import S3Door
from simulators.tls_door import Listening

WAIT_S = 5
SILENCE = b"<silence>"
"""What `read_all` ends with where the server neither says more nor closes."""


class RawClient:
    """Opens connections to one door; those that are still open are closed by `close`."""

    def __init__(self, door: S3Door, server: Listening) -> None:
        self.host = server.url.removeprefix("https://")
        self._door = door
        self._ca = server.ca
        self._opened: list[socket.socket] = []

    def plain(self, *, receive_buffer: int = 0) -> socket.socket:
        """A connection before TLS. `receive_buffer`: bytes that the kernel takes for it, if not as many as usual."""
        host, _, port = self.host.partition(":")
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(WAIT_S)
        connection.connect((host, int(port)))
        self._opened.append(connection)
        return connection

    def tls(self, *protocols: str, receive_buffer: int = 0) -> ssl.SSLSocket:
        """A connection ready for HTTP. `protocols` are offered by ALPN."""
        context = ssl.create_default_context(cafile=str(self._ca))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        connection = context.wrap_socket(
            self.plain(receive_buffer=receive_buffer), server_hostname=self.host.partition(":")[0]
        )
        self._opened.append(connection)
        return connection

    def head(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        *,
        more: bytes = b"",
        written: str = "",
        payload: str = "UNSIGNED-PAYLOAD",
    ) -> bytes:
        """The bytes of a request that the owner signed, up to its body. `more` lines are added after signing.

        `written`: the request line's target, if it is not the one that was signed.
        """
        signed = self._door.client().sign(method, target, dict(headers or {}), payload, host=self.host)
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items()).encode()
        return f"{method} {written or target} HTTP/1.1\r\n".encode() + lines + more + b"\r\n"

    def ask(self, method: str, target: str, body: bytes = b"") -> bytes:
        """The whole answer to one signed request on a connection of its own."""
        headers = {"connection": "close"} | ({"content-length": str(len(body))} if body else {})
        connection = self.tls()
        connection.sendall(self.head(method, target, headers) + body)
        return read_all(connection)

    def close(self) -> None:
        for connection in self._opened:
            connection.close()
        self._opened.clear()


@contextmanager
def raw_client(door: S3Door, server: Listening) -> Iterator[RawClient]:
    """A client whose connections end with the block."""
    client = RawClient(door, server)
    try:
        yield client
    finally:
        client.close()


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes; if it falls silent instead, what came and SILENCE."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except TimeoutError:
        return received + SILENCE
    except OSError:
        return received
    return received


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head of an answer in lower case, and what came of its body with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65_536)
        assert chunk, received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return head.lower(), body


def files(folder: Path) -> list[Path]:
    """Every file below a folder, the newest first."""
    return sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_mtime_ns, reverse=True)
