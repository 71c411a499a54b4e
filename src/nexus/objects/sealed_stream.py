"""Plaintext in, a sealed blob out: one batch is sealed and written on a disk thread while the next one is collected.

A stream holds at most two batches of plaintext and one of sealed bytes, whatever the size of the body.
"""

import asyncio
import hashlib
from typing import Final

from nexus.crypto import floe
from nexus.objects.blobs.port import BlobStore, BlobWriter, Checksum
from nexus.objects.model import MD5_BYTES, BodyFacts
from nexus.objects.sealing import SEGMENTS, BucketKey

BATCH_BYTES: Final = 4 * SEGMENTS.plain_bytes
"""Plaintext that is sealed and written at once: 512 KiB."""


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
        self._batch_bytes = BATCH_BYTES if expected is None else max(1, min(BATCH_BYTES, expected))
        self._filling = bytearray(self._batch_bytes)
        self._spare: bytearray | None = None
        self._held = 0
        self._size = 0
        self._writing: asyncio.Future[None] | asyncio.Future[bytes] | None = None

    async def feed(self, chunk: bytes) -> None:
        """Add plaintext. A full batch leaves only when more follows it: the last segment must be known as the last.

        Raises Unavailable (disk) or Sealed (key taken back); the stream is then good for `abort` only.
        """
        view = memoryview(chunk)
        while view:
            if self._held == self._batch_bytes:
                await self._send(is_last=False)
            taken = min(self._batch_bytes - self._held, len(view))
            self._filling[self._held : self._held + taken] = view[:taken]
            self._held += taken
            view = view[taken:]

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
        full, self._filling = self._filling, self._spare or bytearray(0 if is_last else self._batch_bytes)
        batch, self._spare, self._held = memoryview(full)[: self._held], full, 0
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._blobs.threads, self._write, batch, is_last)

    async def _settled(self) -> None:
        if self._writing is not None:
            # Shielded: a caller that gives up must not make the thread that is still writing look done.
            await asyncio.shield(self._writing)

    def _write(self, batch: memoryview, is_last: bool) -> None:
        """Seal and write one batch. Runs on a disk thread, one at a time for each stream."""
        header = b""
        if self.blob is None:
            header = self._sealer.header
            self.blob = self._blobs.create(self._blob_id, room=SEGMENTS.sealed_length(self._batch_bytes))
        self._size += len(batch)
        if self._crc64 is not None:
            self._crc64.update(batch)
        if self._md5 is not None:
            if self._md5_limit is not None and self._size > self._md5_limit:
                self._md5 = None
            else:
                self._md5.update(batch)
        self._seal(self.blob, header, batch, is_last)

    def _seal(self, blob: BlobWriter, header: bytes, batch: memoryview, is_last: bool) -> None:
        plain, sealed = SEGMENTS.plain_bytes, SEGMENTS.segment_bytes
        segments = max(1, -(-len(batch) // plain))
        length = len(header) + len(batch) + segments * floe.SEGMENT_OVERHEAD_BYTES
        out = blob.room(length)
        out[: len(header)] = header
        body = out[len(header) :]
        for number in range(segments):
            segment = batch[number * plain : (number + 1) * plain]
            place = body[number * sealed : (number + 1) * sealed]
            if is_last and number == segments - 1:
                self._sealer.seal_last_into(segment, place)
            else:
                self._sealer.seal_into(segment, place)
        blob.filled(length)

    def _remove_after(self, writing: asyncio.Future[None] | asyncio.Future[bytes]) -> None:
        writing.exception()  # seen: whoever gave up has an error of its own
        self._remove()

    def _remove(self) -> None:
        if self.blob is not None:
            self._blobs.threads.submit(self.blob.abort)
