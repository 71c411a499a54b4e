"""Deliveries where they lie: versions of objects in ingress buckets, read as streams. Nothing of them is written anywhere else.

A file of a delivery is one version of one object. Versions do not change and providers cannot remove them, so that what was
checked is what is read later, whatever is delivered under the same name meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from nexus.kernel.anywhere import BLOCK_BYTES, Anywhere
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.model import Bucket, BucketKind, ByteRange, Versioning
from nexus.objects.paging import Scope
from nexus.objects.service import ObjectService
from nexus.objects.store import versions
from nexus.warehouse.intake import manifest
from nexus.warehouse.intake.report import Fault, faulty

PIECE_BYTES: Final = 1 << 20
"""Handed over from the store to a check at a time."""
MAX_NOTICED: Final = 100_000
"""Objects of a bucket that are looked through for manifests."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivered:
    """A version of an object."""

    key: str
    version: str
    bytes: int


class Ingress:
    """Buckets that sites deliver into."""

    def __init__(self, objects: ObjectService) -> None:
        self._objects = objects

    def bucket(self, name: str) -> Bucket:
        """An ingress bucket with versions. Raises NotFound, Invalid if it is another kind of bucket."""
        found = self._objects.buckets.find(name)
        if found.kind is not BucketKind.INGRESS or found.versioning is not Versioning.ENABLED:
            raise Invalid(
                "deliveries go into an ingress bucket with versions",
                code="intake.bucket",
                hint="create it with `--kind ingress`, then `nexus objects bucket set-versioning NAME --versioning enabled`",
            )
        return found

    async def manifest(self, op: Operation, bucket: Bucket, key: str) -> tuple[Delivered, bytes]:
        """The newest manifest of this name; of one that is too long, its beginning. Raises NotFound."""
        read = await self._objects.reading.get(op, bucket, key)
        content = bytearray()
        try:
            async for chunk in read.body:
                content += chunk
                if len(content) > manifest.MAX_MANIFEST_BYTES:
                    break
        finally:
            await read.body.aclose()
        version = read.info.version
        return Delivered(key, version.version_id, version.size), bytes(content)

    async def beside(self, op: Operation, bucket: Bucket, prefix: str) -> Mapping[str, Delivered]:
        """The newest versions of all objects under a prefix, by what follows it."""
        found: dict[str, Delivered] = {}
        token: str | None = None
        while True:
            page = await self._objects.listing.objects(op, bucket, prefix=prefix, token=token)
            for each in page.versions:
                found[each.key.removeprefix(prefix)] = Delivered(each.key, each.version_id, each.size)
            token = page.next
            if token is None or len(found) > manifest.MAX_FILES:
                return found

    def noticed(self, tx: Transaction, bucket: Bucket) -> list[tuple[str, str]]:
        """(name, version) of every manifest in a bucket. The platform's own look: neither read nor listed for anybody."""
        found, after = [], ""
        for _ in range(MAX_NOTICED // 1_000):
            rows = versions.current(tx, bucket, after, Scope("", "", 1).upper, 1_000)
            found += [(row.key, row.version_id) for row in rows if row.key.rpartition("/")[2] == manifest.NAME]
            if len(rows) < 1_000:
                break
            after = rows[-1].key + "\0"
        return found

    def holds(self, tx: Transaction, bucket: Bucket, keys: Mapping[str, str]) -> bool:
        """Whether every version (name -> id) is there, in the caller's transaction."""
        return all(versions.version(tx, bucket, key, version) is not None for key, version in keys.items())

    def source(self, op: Operation, bucket: Bucket, file: Delivered) -> "StoredFile":
        """A file for a check that runs on a thread beside this loop."""
        return StoredFile(self._objects, op, bucket, file, asyncio.get_running_loop())


class StoredFile:
    """The port `checking.Source`: for a thread, over the store's loop. Raises FaultyError if the version is gone."""

    def __init__(
        self, objects: ObjectService, op: Operation, bucket: Bucket, file: Delivered, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._objects = objects
        self._op = op
        self._bucket = bucket
        self._file = file
        self._loop = loop

    def stream(self) -> Generator[bytes, None, None]:
        """All of it, in order. Closed by the thread that reads it: the loop would wait for itself."""
        body = self._wait(self._open(None))
        try:
            while piece := self._wait(_piece(body)):
                yield piece
        finally:
            self._wait(_closed(body))

    @contextmanager
    def file(self) -> Iterator[Anywhere]:
        """It, to be read from anywhere."""
        yield self.anywhere()

    def anywhere(self) -> Anywhere:
        """It, for as long as the loop runs: nothing of it is open."""
        return Anywhere(self._file.bytes, self.block)

    def block(self, number: int) -> bytes:
        """One of its blocks, by number from 0."""
        first = number * BLOCK_BYTES
        return self._wait(self._whole(ByteRange(first, min(first + BLOCK_BYTES, self._file.bytes) - 1)))

    async def _open(self, wanted: ByteRange | None) -> AsyncIterator[bytes]:
        try:
            read = await self._objects.reading.get(
                self._op, self._bucket, self._file.key, version_id=self._file.version, wanted=wanted
            )
        except NotFound:
            raise faulty(Fault.FILE_CHANGED, "the file was removed while it was checked: deliver it again") from None
        return read.body

    async def _whole(self, wanted: ByteRange) -> bytes:
        body = await self._open(wanted)
        try:
            return b"".join([chunk async for chunk in body])
        finally:
            await _closed(body)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _piece(body: AsyncIterator[bytes]) -> bytes:
    """The next bytes of a body; none at its end."""
    held = bytearray()
    async for chunk in body:
        held += chunk
        if len(held) >= PIECE_BYTES:
            break
    return bytes(held)


async def _closed(body: Any) -> None:
    await body.aclose()
