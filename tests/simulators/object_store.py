"""A whole object store in a temporary directory, over a real database and simulated data keys."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from nexus.kernel.clock import Clock
from nexus.kernel.database import Migration, Recorder
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.port import BlobStore
from nexus.objects.migrations import MIGRATIONS
from nexus.objects.model import Bucket, BucketKind, ObjectRead
from nexus.objects.ports import Subjects
from nexus.objects.service import ObjectService
from simulators.clock import ManualClock
from simulators.data_keys import SimulatedDataKeys
from simulators.databases import database as open_database
from simulators.operations import operation
from simulators.recorder import MemoryRecorder


class Store:
    """What a test of the object store needs, in one hand. `close` it, or use it as a context."""

    def __init__(
        self,
        root: Path,
        *,
        recorder: Recorder | None = None,
        keys: SimulatedDataKeys | None = None,
        migrations: Sequence[Migration] = (),
        blobs: Path | None = None,
        subjects: Subjects | None = None,
        clock: Clock | None = None,
        engine: BlobStore | None = None,
    ) -> None:
        """`migrations`: of the recorder, if it keeps tables. `blobs`: elsewhere than in `root`. `engine`: another than one disk. `subjects`: patients.

        `clock`: one that stands still, if none is given.
        """
        self.root = root
        self.blobs = blobs or root / "blobs"
        self.recorder = recorder or MemoryRecorder()
        self.keys = keys or SimulatedDataKeys()
        if "key_site" not in self.keys.versions:
            self.keys.add_key()
        self.clock = clock or ManualClock()
        self.database = open_database(root / "nexus.db", key=Secret(b"d" * 32), recorder=self.recorder)
        self.database.migrate([*MIGRATIONS, *migrations])
        self.engine = engine or DiskBlobs(self.blobs)
        self.objects = ObjectService(self.database, self.engine, self.keys, self.clock, subjects=subjects)
        self.op = operation()

    @property
    def entries(self) -> Sequence:
        """What the audit log holds."""
        return self.recorder.entries

    async def bucket(self, name: str = "ward", **attributes: str) -> Bucket:
        """A new bucket."""
        kind = BucketKind(attributes.pop("kind", "standard"))
        return await self.objects.buckets.create(
            self.op, name, site="chu", key_id=attributes.pop("key_id", "key_site"), kind=kind, **attributes
        )

    async def put(self, bucket: Bucket, key: str, body: bytes, *, op: Operation | None = None, **options):
        """PUT bytes, in chunks of uneven sizes."""
        options.setdefault("length", len(body))
        return await self.objects.writing.put(op or self.op, bucket, key, chunked(body), **options)

    async def get(self, bucket: Bucket, key: str, *, op: Operation | None = None, **options) -> bytes:
        """GET all bytes."""
        return await everything(await self.objects.reading.get(op or self.op, bucket, key, **options))

    def files(self) -> list[Path]:
        """Every file under blobs/."""
        return sorted(path for path in self.blobs.rglob("*") if path.is_file())

    def settle(self) -> None:
        """Wait for removals in the background."""
        threads = self.engine.threads
        for done in [threads.submit(lambda: None) for _ in range(64)]:
            done.result()

    def close(self) -> None:
        self.objects.close()
        self.database.close()


async def chunked(body: bytes, sizes: Sequence[int] = (1, 70_000, 3, 65_536)) -> AsyncIterator[bytes]:
    """A body as a network brings it."""
    at = turn = 0
    while at < len(body):
        yield body[at : at + sizes[turn % len(sizes)]]
        at, turn = at + sizes[turn % len(sizes)], turn + 1


async def everything(read: ObjectRead) -> bytes:
    """All bytes of a read; checks that it keeps its word about their number."""
    body = b"".join([chunk async for chunk in read.body])
    assert len(body) == read.length
    return body
