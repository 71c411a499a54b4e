"""Compressed files, opened as they arrive: never more than a chunk in memory, and never more than a file may become."""

import zlib
from collections.abc import Iterator
from typing import Final

import pyarrow

from nexus.warehouse.intake.manifest import Compression
from nexus.warehouse.intake.report import Fault, faulty

CHUNK_BYTES: Final = 1 << 18
MAX_RATIO: Final = 200
"""How many times its size a file may become. Tables of health data become 5 to 40 times; a bomb, 1,000 times and more."""
FREE_BYTES: Final = 64 << 20
"""What a file may become whatever its ratio: a few thousand equal rows compress well."""
MAX_UNPACKED_BYTES: Final = 4 << 40

_BROKEN: Final = "the compressed file is broken: make it again, and compare its checksum after the transfer"
_SHORT: Final = "the compressed file ends in the middle: deliver it again, whole"
_BOMB: Final = f"it becomes more than {MAX_RATIO} times its size: deliver it less compressed"


def unpacked(chunks: Iterator[bytes], compression: Compression) -> Iterator[bytes]:
    """The content of a file. Raises FaultyError if it is broken, ends in the middle, or becomes too much."""
    if compression is Compression.NONE:
        return chunks
    counted = _Counted(chunks)
    return _limited(_gunzip(counted) if compression is Compression.GZIP else _unzstd(counted), counted)


class _Counted:
    """Chunks, and how many bytes went by."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.bytes += len(chunk)
            yield chunk


def _limited(content: Iterator[bytes], packed: _Counted) -> Iterator[bytes]:
    made = 0
    for chunk in content:
        made += len(chunk)
        if made > min(MAX_UNPACKED_BYTES, max(FREE_BYTES, MAX_RATIO * packed.bytes)):
            raise faulty(Fault.TOO_LARGE, _BOMB)
        yield chunk


def _gunzip(chunks: _Counted) -> Iterator[bytes]:
    """Members one behind the other, as `cat a.gz b.gz` makes them."""
    member = zlib.decompressobj(wbits=31)
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if member.eof:
                    member, begun = zlib.decompressobj(wbits=31), False
                begun = True
                content = member.decompress(rest, CHUNK_BYTES)
                rest = member.unconsumed_tail or member.unused_data
                if content:
                    yield content
        if not (begun and member.eof):
            raise faulty(Fault.TRUNCATED, _SHORT)
    except zlib.error:
        raise faulty(Fault.COMPRESSION, _BROKEN) from None


def _unzstd(chunks: _Counted) -> Iterator[bytes]:
    try:
        with pyarrow.CompressedInputStream(pyarrow.PythonFile(_Fed(chunks), mode="r"), "zstd") as stream:
            while content := stream.read(CHUNK_BYTES):
                yield content
    except OSError as error:
        if "runcated" in str(error):
            raise faulty(Fault.TRUNCATED, _SHORT) from None
        raise faulty(Fault.COMPRESSION, _BROKEN) from None


class _Fed:
    """Chunks as a file that is read forwards."""

    closed = False

    def __init__(self, chunks: _Counted) -> None:
        self._chunks = iter(chunks)
        self._held = b""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._held = chunk
        given, self._held = self._held[:size], self._held[size:]
        return given

    def close(self) -> None:
        """Nothing is held that must be given back."""
