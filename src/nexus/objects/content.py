"""Opens the bytes of a version: segment by segment, a range of them if asked, one batch ahead of whoever reads.

Nothing leaves here that did not verify, and nothing once the bucket key was taken back.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

import msgspec

from nexus.crypto import floe
from nexus.kernel.errors import Damaged, NexusError
from nexus.objects.blobs.port import BlobReader, BlobStore
from nexus.objects.errors import damaged
from nexus.objects.sealing import SEGMENTS, BucketKey

BATCH_SEGMENTS: Final = 4
"""Segments read and opened at once: 512 KiB of plaintext."""
ASK_EVERY: Final = 4
"""Chunks of a stream (of 128 KiB at most) between two questions whether it is still allowed."""
ASK_EVERY_S: Final = 0.25
"""Seconds between two such questions, if whoever reads is slow: asked before the next chunk leaves."""


class Message(msgspec.Struct, frozen=True):
    """A FLOE message in a blob: all that is needed to open it. `size`: plaintext bytes."""

    blob: str
    key: bytes
    aad: bytes
    size: int


class Body:
    """The plaintext of a read. `first` is opened before anybody hears of success; errors after it are recorded.

    `still` is asked while the stream runs, and raises once the patient allows it no more.
    """

    __slots__ = ("_asked_at", "_failed", "_first", "_rest", "_since", "_still")

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
        self._since = 0
        self._asked_at = time.monotonic()

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
                self._ask(self._still)
            return chunk
        except NexusError as error:
            await self._failed(error)
            raise

    def _ask(self, still: Callable[[], None]) -> None:
        self._since += 1
        now = time.monotonic()
        if self._since >= ASK_EVERY or now >= self._asked_at + ASK_EVERY_S:
            still()
            self._since, self._asked_at = 0, now

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


async def chunks(
    blobs: BlobStore, bucket_key: BucketKey, messages: Sequence[Message], first: int, length: int
) -> AsyncGenerator[bytes, None]:
    """A range of several messages, one after the other. Raises Damaged, Sealed or Unavailable."""
    for message in messages:
        if length == 0:
            return
        if first >= message.size:
            first -= message.size
            continue
        taken = min(length, message.size - first)
        async for chunk in _range(blobs, bucket_key, message, first, taken):
            yield chunk
        first, length = 0, length - taken


async def _range(
    blobs: BlobStore, bucket_key: BucketKey, message: Message, first: int, length: int
) -> AsyncGenerator[bytes, None]:
    """A range of one message, of one byte at least."""
    loop = asyncio.get_running_loop()
    file = _MessageFile(blobs, message)
    position, skip = divmod(first, SEGMENTS.plain_bytes)
    last = (first + length - 1) // SEGMENTS.plain_bytes
    reading: asyncio.Future[list[bytes]] | None = None
    try:
        while length:
            bucket_key.require()
            if reading is None:
                count = min(BATCH_SEGMENTS, last - position + 1)
                reading = loop.run_in_executor(blobs.threads, file.segments, position, count)
            # Shielded: a reader that gives up must not make the thread that is still reading look done.
            segments = await asyncio.shield(reading)
            reading, position = None, position + len(segments)
            if position <= last:
                bucket_key.require()
                count = min(BATCH_SEGMENTS, last - position + 1)
                reading = loop.run_in_executor(blobs.threads, file.segments, position, count)
            for segment in segments:
                chunk = segment if not skip and len(segment) <= length else segment[skip : skip + length]
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

    def segments(self, position: int, count: int) -> list[bytes]:
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

    def _segments(self, position: int, count: int) -> list[bytes]:
        """Opens the blob at the first call, and the header of each copy."""
        if self._reader is None:
            self._reader = self._blobs.reader(self._message.blob)
        if not self._header_read:
            self._opener = self._open(self._reader)
            self._header_read = True
        length = SEGMENTS.segment_bytes
        data = memoryview(self._reader.read(floe.HEADER_BYTES + position * length, count * length))
        return [
            self._opener.open(position + number, data[number * length : (number + 1) * length])
            for number in range(count)
        ]

    def _open(self, reader: BlobReader) -> floe.Opener:
        header = reader.read(0, floe.HEADER_BYTES)
        opener = floe.Opener(self._message.key, self._message.aad, header, reader.size, SEGMENTS)
        if opener.plain_length != self._message.size:
            raise damaged("the length of an object")
        return opener

    def close_after(self, reading: "asyncio.Future[list[bytes]]") -> None:
        """Close once the thread has finished; what it read, or why it could not, interests nobody any more."""
        reading.exception()
        self.close()

    def close(self) -> None:
        """Give the file back."""
        if self._reader is not None:
            self._reader.close()
