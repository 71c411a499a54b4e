"""The aws-chunked framing, as a pure state machine: bytes in, payload out, whatever way the bytes were cut.

    size-in-hex [;chunk-signature=<64 hex>] CRLF  payload CRLF   ... repeated, the last one of size 0
    [trailer-name:value CRLF]*  CRLF

This framing is inside the HTTP body. It is input from strangers: every line and every size has a limit, and whatever
does not fit the grammar is refused, so that no two readers of a body can ever disagree about where it ends.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from hashlib import sha256
from typing import Protocol

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal

MAX_CHUNK_HEADER = 256
"""Bytes of a chunk's header line, without its CRLF."""
MAX_TRAILER = 1_024
"""Bytes of all trailer lines together."""
MAX_SIZE_DIGITS = 16
"""Hexadecimal digits of a chunk's size."""

_HEADER = re.compile(rb"([0-9a-fA-F]{1,%d})(?:;chunk-signature=([0-9a-f]{64}))?" % MAX_SIZE_DIGITS)
_TRAILER = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([\x21-\x7e]+)[ \t]*\n?")
TRAILER_SIGNATURE = "x-amz-trailer-signature"


class ChunkVerifier(Protocol):
    """Holds the chain of signatures of a signed stream."""

    def chunk(self, signature: str, payload_sha256: str) -> None:
        """Raise Refusal if this is not the signature of the next chunk."""

    def trailer(self, signature: str, trailer: bytes) -> None:
        """Raise Refusal if this is not the signature of the trailer's `name:value\\n` lines."""


class _State(Enum):
    HEADER = auto()
    PAYLOAD = auto()
    PAYLOAD_END = auto()
    TRAILER = auto()
    DONE = auto()


class AwsChunkedDecoder:
    """Feed it the body as it arrives, then `close()`. `trailers` (lower-case names) are valid once closed.

    `length` is the payload's declared size in bytes (x-amz-decoded-content-length). `verifier` is None for unsigned
    streams, and then a chunk that claims a signature is refused, as is an unsigned chunk of a signed stream.
    """

    def __init__(self, length: int, *, trailers: bool, verifier: ChunkVerifier | None) -> None:
        self.trailers: dict[str, str] = {}
        self._remaining = length
        self._expect_trailers = trailers
        self._verifier = verifier
        self._state = _State.HEADER
        self._line = bytearray()
        self._left_in_chunk = 0
        self._signature = ""
        self._digest = sha256()
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payload in `data`, in pieces. Raises Refusal as soon as the framing is wrong."""
        view = memoryview(data)
        while view:
            if self._state is _State.PAYLOAD:
                piece, view = view[: self._left_in_chunk], view[self._left_in_chunk :]
                yield self._take(bytes(piece))
            elif self._state is _State.DONE:
                raise _broken("bytes follow the last chunk")
            else:
                view = self._read_line(view)

    def close(self) -> None:
        """The body has ended. Raises Refusal unless it ended where its framing says, at its declared length."""
        if self._state is not _State.DONE or self._remaining:
            raise Refusal(errors.INCOMPLETE_BODY)

    def _take(self, piece: bytes) -> bytes:
        if self._verifier is not None:
            self._digest.update(piece)
        self._left_in_chunk -= len(piece)
        if not self._left_in_chunk:
            self._state = _State.PAYLOAD_END
        return piece

    def _read_line(self, view: memoryview) -> memoryview:
        """Take bytes up to the next CRLF; act on the line once it is whole."""
        limit = MAX_TRAILER if self._state is _State.TRAILER else MAX_CHUNK_HEADER
        window = bytes(view[: limit + 2])
        # A CR may have come with the last piece: look for the LF that ends a CRLF in what both make together.
        start = len(self._line)
        self._line += window
        end = self._line.find(b"\r\n", max(0, start - 1))
        if end < 0:
            if len(self._line) > limit + 1:
                raise _broken("a line is too long")
            return view[len(window) :]
        if end > limit:
            raise _broken("a line is too long")
        line = bytes(self._line[:end])
        self._line.clear()
        self._on_line(line)
        return view[end + 2 - start :]

    def _on_line(self, line: bytes) -> None:
        if self._state is _State.HEADER:
            self._on_header(line)
        elif self._state is _State.PAYLOAD_END:
            if line:
                raise _broken("a chunk is longer than its size")
            self._end_chunk()
            self._state = _State.HEADER
        elif line:
            self._on_trailer(line)
        else:
            self._end_trailers()

    def _on_header(self, line: bytes) -> None:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise _broken("a chunk header is malformed")
        if (match[2] is None) != (self._verifier is None):
            raise _broken("a chunk's signature is missing, or was not announced")
        size = int(match[1], 16)
        if size > self._remaining:
            raise _broken("the chunks hold more than x-amz-decoded-content-length")
        self._signature = (match[2] or b"").decode()
        self._remaining -= size
        self._left_in_chunk = size
        if size:
            self._state = _State.PAYLOAD
            return
        self._end_chunk()
        self._state = _State.TRAILER

    def _end_chunk(self) -> None:
        if self._verifier is not None:
            self._verifier.chunk(self._signature, self._digest.hexdigest())
            self._digest = sha256()

    def _on_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line) + 2
        match = _TRAILER.fullmatch(line)
        if match is None or not self._expect_trailers or self._trailer_bytes > MAX_TRAILER:
            raise _broken("a trailer is malformed, too long or was not announced")
        name = match[1].decode().lower()
        if name in self.trailers:
            raise _broken("a trailer is given twice")
        self.trailers[name] = match[2].decode()

    def _end_trailers(self) -> None:
        signature = self.trailers.pop(TRAILER_SIGNATURE, None)
        if self._verifier is not None and self._expect_trailers:
            lines = "".join(f"{name}:{value}\n" for name, value in self.trailers.items())
            self._verifier.trailer(signature or "", lines.encode())
        elif signature is not None:
            raise _broken("the trailer's signature was not announced")
        self._state = _State.DONE


def _broken(what: str) -> Refusal:
    return Refusal(errors.INCOMPLETE_BODY, f"the aws-chunked body is not well formed: {what}")
