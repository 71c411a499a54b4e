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
from nexus.objects.sealing import SEGMENTS, BucketKey, ObjectKey


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

    def near(self) -> int:
        """How many of what is at hand may be opened at once now."""
        return min(ASKED_SEGMENTS, self.ahead.near()) if self.asked else self.ahead.near()

    def segments(self) -> int:
        """How many may be waited for at once now."""
        return min(ASKED_SEGMENTS, self.ahead.segments()) if self.asked else self.ahead.segments()


class Body:
    """The plaintext of a read. `first` is opened before anybody hears of success; errors after it are recorded.

    `still` is asked before each chunk leaves, and raises once the patient allows it no more.
    """

    __slots__ = ("_failed", "_first", "_rest", "_still")

    def __init__(
        self,
        first: bytes | bytearray,
        rest: AsyncGenerator[bytearray, None] | None,
        failed: Callable[[NexusError], Awaitable[None]],
        still: Callable[[], None] | None = None,
    ) -> None:
        self._first: bytes | bytearray | None = first
        self._rest = rest
        self._failed = failed
        self._still = still

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        return bytes(await self.take())

    async def take(self) -> bytes | bytearray:
        """The next piece, lent until the one after it is asked for: a copy less than by iteration. Raises StopAsyncIteration."""
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
        return None if self._rest is not None or self._first is None else bytes(self._first)

    def pieces(self) -> "Pieces":
        """The same bytes, each piece lent until the next is asked for."""
        return Pieces(self)

    async def aclose(self) -> None:
        """Give files back early; harmless at the end."""
        if self._rest is not None:
            await self._rest.aclose()


class Pieces:
    """A body as `Body.take` gives it."""

    __slots__ = ("_body",)

    def __init__(self, body: Body) -> None:
        self._body = body

    def __aiter__(self) -> "Pieces":
        return self

    def __anext__(self) -> Awaitable[bytes | bytearray]:
        return self._body.take()

    async def aclose(self) -> None:
        """As `Body.aclose`."""
        await self._body.aclose()


def open_inline(sealed: bytes, key: ObjectKey, aad: bytes, size: int) -> bytes:
    """The plaintext of an inline body. Raises Damaged."""
    try:
        plaintext = key.open_content(sealed, aad)
    except Damaged:
        raise damaged("the content of an object") from None
    if len(plaintext) != size:
        raise damaged("the length of an object")
    return plaintext


async def chunks(
    source: Source, messages: Sequence[Message], first: int, length: int
) -> AsyncGenerator[bytearray, None]:
    """A range of several messages, one after the other; each piece is lent until the next is asked for.

    Raises Damaged, Sealed or Unavailable.
    """
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


async def _range(source: Source, message: Message, first: int, length: int) -> AsyncGenerator[bytearray, None]:
    """A range of one message, of one byte at least.

    What the kernel has in its memory is opened here at once. What has to be waited for is read and opened by a thread, one batch
    ahead of the reader, until it has caught up.
    """
    file = _MessageFile(source.blobs, message)
    position, skip = divmod(first, SEGMENTS.plain_bytes)
    last = (first + length - 1) // SEGMENTS.plain_bytes
    reading: _Reading | None = None
    try:
        while length:
            source.bucket_key.require()
            batch = None
            if reading is None:
                await asyncio.sleep(0)  # nothing else here waits: others get their turn between two batches
                count = min(source.near(), last - position + 1)
                batch = file.at_hand(position, count, source.ahead.sealed)
            if batch is None:
                reading = reading or _begin(
                    source, file, position, min(FIRST_SEGMENTS, source.segments(), last - position + 1)
                )
                # Shielded: a reader that gives up must not make the thread that is still reading look done.
                batch, count = await asyncio.shield(reading.opened), reading.segments
                reading = None
            position += count
            if file.waited and position <= last:
                source.bucket_key.require()
                reading = _begin(source, file, position, min(source.segments(), last - position + 1))
            chunk = batch if not skip and len(batch) <= length else batch[skip : skip + length]
            skip, length = 0, length - len(chunk)
            yield chunk
    finally:
        if reading is None or reading.opened.done():
            file.close()
        else:
            reading.opened.add_done_callback(file.close_after)


class _Reading(NamedTuple):
    """A batch that a thread is at."""

    opened: asyncio.Future[bytearray]
    segments: int


def _begin(source: Source, file: "_MessageFile", position: int, count: int) -> _Reading:
    reading = asyncio.get_running_loop().run_in_executor(source.blobs.threads, file.segments, position, count)
    return _Reading(reading, count)


class _MessageFile:
    """A message and its open blob. Used by one thread at a time."""

    def __init__(self, blobs: BlobStore, message: Message) -> None:
        self.waited = False
        """Whether the last segments had to be waited for: then the next ones are asked for ahead of their reader."""
        self._blobs = blobs
        self._message = message
        self._reader: BlobReader | None = None
        self._header_read = False
        self._lent: bytearray | None = None
        self._opener: floe.Opener

    def at_hand(self, position: int, count: int, sealed: memoryview) -> bytearray | None:
        """The plaintext of some segments, by way of `sealed`, if nothing has to be waited for: good until the next call. For the event loop."""
        if self._reader is None or not self._header_read:
            return None
        offset, length = self._opener.extent(position, count)
        if not self._reader.at_hand(offset, sealed[:length]):
            return None
        try:
            self._lent = self._opener.open_run(position, count, sealed[:length], self._lent)
            return self._lent
        except Damaged:  # a thread reads it again, looks for another copy, and says what is wrong
            return None

    def segments(self, position: int, count: int) -> bytearray:
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

    def _segments(self, position: int, count: int) -> bytearray:
        """Opens the blob at the first call, and the header of each copy."""
        if self._reader is None:
            self._reader = self._blobs.reader(self._message.blob)
        if not self._header_read:
            self._opener = self._open(self._reader)
            self._header_read = True
        offset, length = self._opener.extent(position, count)
        sealed = memoryview(bytearray(length))
        self.waited = not self._reader.at_hand(offset, sealed)
        if self.waited:
            sealed = memoryview(self._reader.read(offset, length))
        return self._opener.open_run(position, count, sealed)

    def _open(self, reader: BlobReader) -> floe.Opener:
        header = reader.read(0, floe.HEADER_BYTES)
        opener = floe.Opener(self._message.key, self._message.aad, header, reader.size, SEGMENTS)
        if opener.plain_length != self._message.size:
            raise damaged("the length of an object")
        return opener

    def close_after(self, reading: "asyncio.Future[bytearray]") -> None:
        """Close once the thread has finished; what it read, or why it could not, interests nobody any more."""
        reading.exception()
        self.close()

    def close(self) -> None:
        """Give the file back."""
        if self._reader is not None:
            self._reader.close()
