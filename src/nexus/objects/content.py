"""Opens the bytes of a version: segment by segment, a range of them if asked, one batch ahead of whoever reads.

Nothing leaves here that did not verify, and nothing once the bucket key was taken back.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from nexus.crypto import floe
from nexus.kernel.errors import Damaged, NexusError
from nexus.objects.blobs.port import BlobReader, BlobStore
from nexus.objects.errors import damaged
from nexus.objects.reading_ahead import ASKED_SEGMENTS, FIRST_SEGMENTS, Ahead
from nexus.objects.sealing import SEGMENTS, BucketKey


class Message(msgspec.Struct, frozen=True):
    """A FLOE message in a blob: all that is needed to open it. `size`: plaintext bytes."""

    blob: str
    key: bytes
    aad: bytes
    size: int


class Source(NamedTuple):
    """Where messages are opened from, under which key, and how far ahead of their reader."""

    blobs: BlobStore
    bucket_key: BucketKey
    ahead: Ahead
    asked: bool
    """Whether a patient's decision can end the stream."""

    def segments(self) -> int:
        """How many may be opened at once now."""
        return min(ASKED_SEGMENTS, self.ahead.segments()) if self.asked else self.ahead.segments()


class Body:
    """The plaintext of a read. `first` is opened before anybody hears of success; errors after it are recorded.

    `still` is asked before each chunk leaves, and raises once the patient allows it no more.
    """

    __slots__ = ("_failed", "_first", "_rest", "_still")

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes, None] | None,
        failed: Callable[[NexusError], Awaitable[None]],
        still: Callable[[], None] | None = None,
    ) -> None:
        self._first: bytes | None = first
        self._rest = rest
        self._failed = failed
        self._still = still

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        if first:
            return first
        if self._rest is None:
            raise StopAsyncIteration
        try:
            chunk = await anext(self._rest)
            if self._still is not None:
                self._still()
            return chunk
        except NexusError as error:
            await self._failed(error)
            raise

    def whole(self) -> bytes | None:
        """All of it, where nothing is left to be opened: then there is no need to iterate."""
        return self._first if self._rest is None else None

    async def aclose(self) -> None:
        """Give files back early; harmless at the end."""
        if self._rest is not None:
            await self._rest.aclose()


def open_inline(sealed: bytes, key: bytes, aad: bytes, size: int) -> bytes:
    """The plaintext of an inline body. Raises Damaged."""
    try:
        plaintext = floe.open_all(key, aad, sealed, SEGMENTS)
    except Damaged:
        raise damaged("the content of an object") from None
    if len(plaintext) != size:
        raise damaged("the length of an object")
    return plaintext


async def chunks(source: Source, messages: Sequence[Message], first: int, length: int) -> AsyncGenerator[bytes, None]:
    """A range of several messages, one after the other. Raises Damaged, Sealed or Unavailable."""
    with source.ahead.stream():
        for message in messages:
            if length == 0:
                return
            if first >= message.size:
                first -= message.size
                continue
            taken = min(length, message.size - first)
            async for chunk in _range(source, message, first, taken):
                yield chunk
            first, length = 0, length - taken


async def _range(source: Source, message: Message, first: int, length: int) -> AsyncGenerator[bytes, None]:
    """A range of one message, of one byte at least."""
    loop = asyncio.get_running_loop()
    file = _MessageFile(source.blobs, message)
    position, skip = divmod(first, SEGMENTS.plain_bytes)
    last = (first + length - 1) // SEGMENTS.plain_bytes
    count = min(FIRST_SEGMENTS, source.segments())
    reading: asyncio.Future[bytes] | None = None
    try:
        while length:
            source.bucket_key.require()
            if reading is None:
                count = min(count, last - position + 1)
                reading = loop.run_in_executor(source.blobs.threads, file.segments, position, count)
            # Shielded: a reader that gives up must not make the thread that is still reading look done.
            batch = await asyncio.shield(reading)
            reading, position = None, position + count
            if position <= last:
                source.bucket_key.require()
                count = min(source.segments(), last - position + 1)
                reading = loop.run_in_executor(source.blobs.threads, file.segments, position, count)
            chunk = batch if not skip and len(batch) <= length else batch[skip : skip + length]
            skip, length = 0, length - len(chunk)
            yield chunk
    finally:
        if reading is None or reading.done():
            file.close()
        else:
            reading.add_done_callback(file.close_after)


class _MessageFile:
    """A message and its open blob. Used by one thread at a time."""

    def __init__(self, blobs: BlobStore, message: Message) -> None:
        self._blobs = blobs
        self._message = message
        self._reader: BlobReader | None = None
        self._header_read = False
        self._opener: floe.Opener

    def segments(self, position: int, count: int) -> bytes:
        """The plaintext of some segments, from whichever copy opens. Raises Damaged if none does."""
        while True:
            try:
                return self._segments(position, count)
            except Damaged as error:
                self._header_read = False
                if self._reader is not None and self._reader.elsewhere():
                    continue
                if error.code == floe.DAMAGED:
                    raise damaged("the content of an object") from None
                raise

    def _segments(self, position: int, count: int) -> bytes:
        """Opens the blob at the first call, and the header of each copy."""
        if self._reader is None:
            self._reader = self._blobs.reader(self._message.blob)
        if not self._header_read:
            self._opener = self._open(self._reader)
            self._header_read = True
        length = SEGMENTS.segment_bytes
        data = memoryview(self._reader.read(floe.HEADER_BYTES + position * length, count * length))
        opened = [
            self._opener.open(position + number, data[number * length : (number + 1) * length])
            for number in range(count)
        ]
        return opened[0] if count == 1 else b"".join(opened)

    def _open(self, reader: BlobReader) -> floe.Opener:
        header = reader.read(0, floe.HEADER_BYTES)
        opener = floe.Opener(self._message.key, self._message.aad, header, reader.size, SEGMENTS)
        if opener.plain_length != self._message.size:
            raise damaged("the length of an object")
        return opener

    def close_after(self, reading: "asyncio.Future[bytes]") -> None:
        """Close once the thread has finished; what it read, or why it could not, interests nobody any more."""
        reading.exception()
        self.close()

    def close(self) -> None:
        """Give the file back."""
        if self._reader is not None:
            self._reader.close()
