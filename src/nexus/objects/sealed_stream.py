"""Plaintext in, a sealed blob out: a batch is sealed by the loop from the pieces as they came, where a disk thread then writes it from
while the next one is collected. Copied is only what a segment has of several pieces.

A stream holds at most two batches of plaintext and one of sealed bytes, whatever the size of the body; `batches` says how large they are.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from nexus.crypto import floe
from nexus.objects.batches import Batches
from nexus.objects.blobs.port import BlobStore, BlobWriter, Checksum
from nexus.objects.model import KIB, MD5_BYTES, BodyFacts
from nexus.objects.sealing import SEGMENTS, BucketKey

LOOSE_BYTES: Final = 16 * KIB
"""Pieces of a body that are smaller are copied together."""


class SealedStream:
    """One FLOE message on its way into one blob."""

    def __init__(
        self,
        blobs: BlobStore,
        blob_id: str,
        bucket_key: BucketKey,
        key: bytes,
        aad: bytes,
        *,
        batches: Batches,
        expected: int | None,
        want_md5: bool,
        want_crc64: bool,
    ) -> None:
        """`key` and `aad` of the message; `expected` plaintext bytes, if known."""
        self.blob: BlobWriter | None = None
        self.checksum = b""
        """Of the sealed bytes, once they are durable."""
        self._blobs = blobs
        self._blob_id = blob_id
        self._bucket_key = bucket_key
        self._sealer = floe.Sealer(key, aad, SEGMENTS)
        small = expected is None or expected <= MD5_BYTES
        self._md5 = hashlib.md5(usedforsecurity=False) if want_md5 or small else None
        self._crc64 = Checksum() if want_crc64 else None
        self._md5_limit = None if want_md5 else MD5_BYTES
        self._batches = batches
        self._room = batches.plain_bytes() if expected is None else max(1, min(batches.plain_bytes(), expected))
        self._batch_bytes = self._room
        self._pieces: list[memoryview | bytearray] = []
        self._held = 0
        self._size = 0
        self._length = 0
        self._sealed_any = False
        self._writing: asyncio.Future[None] | asyncio.Future[bytes] | None = None

    async def feed(self, chunk: bytes) -> None:
        """Add plaintext, which is kept until it is written. A full batch leaves only when more follows it: the last segment must be known
        as the last.

        Raises Unavailable (disk) or Sealed (key taken back); the stream is then good for `abort` only.
        """
        view = memoryview(chunk)
        self._size += len(view)
        while view:
            if self._held == self._batch_bytes:
                await self._send(is_last=False)
                self._batch_bytes = min(self._room, self._batches.plain_bytes())
            piece = view[: self._batch_bytes - self._held]
            self._hold(piece)
            self._held += len(piece)
            view = view[len(piece) :]

    def _hold(self, piece: memoryview) -> None:
        """Keep a piece as it came; small ones are put together, for each costs more than its bytes."""
        if len(piece) >= LOOSE_BYTES:
            self._pieces.append(piece)
        elif self._pieces and isinstance(self._pieces[-1], bytearray):
            self._pieces[-1] += piece
        else:
            self._pieces.append(bytearray(piece))

    async def finish(self) -> BodyFacts:
        """Seal what is held as the end of the message; returns what is known of everything."""
        await self._send(is_last=True)
        await self._settled()
        md5 = self._md5.digest() if self._md5 is not None else None
        return BodyFacts(size=self._size, md5=md5, crc64=self._crc64.digest() if self._crc64 is not None else None)

    async def make_durable(self) -> None:
        """Sync the finished blob and give it its name. Raises Unavailable."""
        assert self.blob is not None
        finishing = asyncio.get_running_loop().run_in_executor(self._blobs.threads, self.blob.finish)
        self._writing = finishing
        self.checksum = await asyncio.shield(finishing)

    def release(self) -> None:
        """A row knows the blob now, or a sweep will find that none does."""
        if self.blob is not None:
            self.blob.release()

    def abort(self) -> None:
        """Nothing was and nothing will be committed: remove what was written, once no thread is at it any more."""
        if self._writing is None or self._writing.done():
            self._remove()
        else:
            self._writing.add_done_callback(self._remove_after)

    async def _send(self, *, is_last: bool) -> None:
        """Hand the batch to a thread, once the one before it is written."""
        await self._settled()
        self._bucket_key.require()
        pieces, self._pieces, self._held = [memoryview(piece) for piece in self._pieces], [], 0
        if self.blob is not None:
            self._seal(self.blob, pieces, is_last)
            if self._md5 is None and self._crc64 is None:
                pieces = []  # nobody needs them any more, however long the disk takes
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._blobs.threads, self._write, pieces, is_last)

    async def _settled(self) -> None:
        if self._writing is not None:
            # Shielded: a caller that gives up must not make the thread that is still writing look done.
            await asyncio.shield(self._writing)

    def _seal(self, blob: BlobWriter, pieces: Sequence[memoryview], is_last: bool) -> None:
        """Seal one batch to where it is written from."""
        header = b"" if self._sealed_any else self._sealer.header
        self._sealed_any = True
        size = sum(map(len, pieces))
        plain, sealed = SEGMENTS.plain_bytes, SEGMENTS.segment_bytes
        segments = max(1, -(-size // plain))
        self._length = len(header) + size + segments * floe.SEGMENT_OVERHEAD_BYTES
        out = blob.room(self._length)
        out[: len(header)] = header
        body = out[len(header) :]
        for number, segment in enumerate(_segments(pieces, plain)):
            place = body[number * sealed : (number + 1) * sealed]
            if is_last and number == segments - 1:
                self._sealer.seal_last_into(segment, place)
            else:
                self._sealer.seal_into(segment, place)

    def _write(self, pieces: Sequence[memoryview], is_last: bool) -> None:
        """Write one batch, and seal the first one. Runs on a disk thread, one at a time for each stream."""
        if self.blob is None:
            self.blob = self._blobs.create(self._blob_id, room=SEGMENTS.sealed_length(self._room))
            self._seal(self.blob, pieces, is_last)
        for piece in pieces:
            self._note(piece)
        self.blob.filled(self._length)

    def _note(self, piece: memoryview) -> None:
        """Keep what is known of the body up to date."""
        if self._crc64 is not None:
            self._crc64.update(piece)
        if self._md5 is not None:
            if self._md5_limit is not None and self._size > self._md5_limit:
                self._md5 = None
            else:
                self._md5.update(piece)

    def _remove_after(self, writing: asyncio.Future[None] | asyncio.Future[bytes]) -> None:
        writing.exception()  # seen: whoever gave up has an error of its own
        self._remove()

    def _remove(self) -> None:
        if self.blob is None:
            return
        try:
            self._blobs.threads.submit(self.blob.abort)
        except RuntimeError:  # the store is closed and has no threads any more: the next sweep removes it
            self.blob.release()


def _segments(pieces: Sequence[memoryview], plain: int) -> Iterator[memoryview]:
    """The bytes of some pieces in segments of `plain` bytes, the last one shorter, or one that is empty. Copied is only what lies across pieces."""
    part: list[memoryview] = []
    missing = plain
    for piece in pieces:
        at = 0
        while at < len(piece):
            part.append(piece[at : at + missing])
            at, missing = at + len(part[-1]), missing - len(part[-1])
            if not missing:
                yield _joined(part)
                part, missing = [], plain
    if part or not pieces:
        yield _joined(part)


def _joined(part: Sequence[memoryview]) -> memoryview:
    return part[0] if len(part) == 1 else memoryview(b"".join(part))
