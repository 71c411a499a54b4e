"""Takes a body in, whatever its size: small ones in memory, larger ones sealed into a blob as they arrive."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial

from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.objects.batches import Batches
from nexus.objects.blobs.port import BlobStore
from nexus.objects.errors import INCOMPLETE_BODY, TOO_LARGE
from nexus.objects.model import MAX_PUT_BYTES, BodyFacts
from nexus.objects.sealed_stream import SealedStream
from nexus.objects.sealing import BucketKey


class Intake:
    """One body on its way in, as a context. After `take`, `inline` holds it in clear, or a blob holds it sealed, not yet durable."""

    def __init__(
        self,
        blobs: BlobStore,
        blob_id: str,
        bucket_key: BucketKey,
        key: bytes,
        aad: bytes,
        *,
        batches: Batches,
        inline_bytes: int,
        length: int | None,
        want_md5: bool,
        want_crc64: bool = False,
    ) -> None:
        """`key` and `aad`: of the FLOE message in the blob. `length`: declared plaintext bytes, or None.

        Bodies of at most `inline_bytes` stay in memory; with 0, all go to a blob. Raises Invalid.
        """
        if length is not None and length > MAX_PUT_BYTES:
            raise _too_large()
        self.inline: bytes | None = None
        self.stream: SealedStream | None = None
        self.committing = False
        """Set before the commit: if that fails in a way that leaves its fate open, the blob must stay."""
        wanted = {"want_md5": want_md5, "want_crc64": want_crc64}
        self._made = partial(
            SealedStream, blobs, blob_id, bucket_key, key, aad, batches=batches, expected=length, **wanted
        )
        self._batches = batches
        self._under_way = ExitStack()
        self._inline_bytes = inline_bytes
        self._length = length
        self._size = 0

    async def take(self, body: AsyncIterator[bytes]) -> BodyFacts:
        """Read the body to its end and seal it. Raises Invalid, Unavailable, Sealed, and what `body` raises."""
        small: list[bytes] = []
        async for chunk in body:
            self._size += len(chunk)
            self._check_size()
            if self.stream is not None:
                await self.stream.feed(chunk)
                continue
            small.append(chunk)
            if self._size > self._inline_bytes:
                self.stream = self._open()
                await self.stream.feed(b"".join(small))
                small.clear()
        if self._length is not None and self._size != self._length:
            raise _incomplete()
        if self.stream is None and self._inline_bytes > 0:
            self.inline = small[0] if len(small) == 1 else b"".join(small)
            return BodyFacts(size=self._size, md5=hashlib.md5(self.inline, usedforsecurity=False).digest())
        if self.stream is None:
            self.stream = self._open()
        return await self.stream.finish()

    async def make_durable(self) -> None:
        """Sync the blob, if there is one, and give it its name. Raises Unavailable."""
        if self.stream is not None:
            await self.stream.make_durable()

    @property
    def checksum(self) -> bytes:
        """Of the sealed bytes of the blob, once it is durable."""
        return b"" if self.stream is None else self.stream.checksum

    def _open(self) -> SealedStream:
        """A stream, which counts among those under way until the end of this context."""
        self._under_way.enter_context(self._batches.stream())
        return self._made()

    def __enter__(self) -> "Intake":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Keep what a row knows; remove what no row can know; leave what is uncertain to the sweep."""
        self._under_way.close()
        if self.stream is None:
            return
        refused = not self.committing or isinstance(error, Conflict | Invalid | NotFound)
        if error is not None and refused:
            self.stream.abort()
        else:
            self.stream.release()

    def _check_size(self) -> None:
        if self._length is not None and self._size > self._length:
            raise _incomplete()
        if self._size > MAX_PUT_BYTES:
            raise _too_large()


def _too_large() -> Invalid:
    return Invalid(f"one write has at most {MAX_PUT_BYTES} bytes", code=TOO_LARGE, hint="upload it in parts")


def _incomplete() -> Invalid:
    return Invalid("the body has not the length that was declared", code=INCOMPLETE_BODY)
