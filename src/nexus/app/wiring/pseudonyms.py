"""Pseudonyms, for the processes that ask the two services: under the certificate of the process that asks."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from nexus.app import parts
from nexus.app.ground import Ground
from nexus.iam.gate import Gate
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import Operation, Resource
from nexus.kernel.outbox import Message
from nexus.objects.model import Bucket, BucketKind, ByteRange, ObjectRead, ReadConditions, bucket_resource
from nexus.objects.service import ObjectService
from nexus.projects import store as projects
from nexus.pseudonyms.files import Files, FileWork
from nexus.pseudonyms.messages import Entries, Forget
from nexus.pseudonyms.ports import Body, Service
from nexus.pseudonyms.service import PseudonymService
from nexus.pseudonyms.wire import Remote


class LevelOutbox:
    """The port `chores.shipping.Outbox`: what a level recorded, for the worker to collect."""

    def __init__(self, ground: Ground, level: Remote) -> None:
        self._ground = ground
        self._level = level

    async def entries(self, limit: int) -> Sequence[Message]:
        found = await self._level.call("entries", self._operation(), Entries(limit))
        return [Message(*each) for each in found.entries]

    async def entries_done(self, upto: int) -> int:
        done = await self._level.call("entries_done", self._operation(), Forget(upto))
        return int(done.count)

    def _operation(self) -> Operation:
        return self._ground.operation()


def level(ground: Ground, name: str) -> Remote:
    """One of the two services, asked by this process."""
    return Remote(ground.directory.run / f"{name}.sock", ground.identity, name)


def outboxes(ground: Ground) -> list[LevelOutbox]:
    """Of both levels, where this platform runs them."""
    if not ground.settings.pseudonyms:
        return []
    return [LevelOutbox(ground, level(ground, name)) for name in (parts.PSEUDONYMS_FIRST, parts.PSEUDONYMS_SECOND)]


class Absent:
    """The port `pseudonyms.ports.Service` on a platform that makes no pseudonyms."""

    async def call(self, method: str, op: Operation, request: Any) -> Any:
        raise Conflict(
            "this platform makes no pseudonyms",
            code="pseudonyms.off",
            hint="have it run the two services: the setting `pseudonyms`",
        )


class Permits:
    """The port `pseudonyms.ports.ProjectDomains`, over projects."""

    def __init__(self, ground: Ground) -> None:
        self._database = ground.database

    def domains(self, project: str) -> frozenset[str]:
        with self._database.read() as tx:
            return projects.domains_of(tx, project)


class StoredBody:
    """The port `pseudonyms.ports.Body`, over one version of an object, whose content is asked for by its tag."""

    def __init__(self, objects: ObjectService, op: Operation, bucket: Bucket, read: ObjectRead) -> None:
        self._objects, self._op, self._bucket = objects, op, bucket
        self._version = read.info.version
        self._body = read.body
        self.size = self._version.size

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._body)

    async def part(self, first: int, length: int) -> bytes:
        version = self._version
        read = await self._objects.reading.get(
            self._op,
            self._bucket,
            version.key,
            version_id=version.version_id,
            wanted=ByteRange(first, first + length - 1),
            conditions=ReadConditions(if_match=(version.etag,)),
        )
        try:
            return b"".join([chunk async for chunk in read.body])
        finally:
            await read.body.aclose()

    async def aclose(self) -> None:
        await self._body.aclose()


class StoredFiles:
    """The port `pseudonyms.ports.Objects`, over the object store and the gate."""

    def __init__(self, objects: ObjectService, gate: Gate) -> None:
        self._objects = objects
        self._gate = gate

    def require(self, op: Operation, source: str, target: str) -> None:
        """Looked at in this order, so that a bucket that one may not see is refused as one that does not exist."""
        for name, action in ((source, "objects.object.read"), (target, "objects.object.write")):
            self._gate.check(op, action, self.resource(name))
            self._objects.buckets.find(name)

    def resource(self, bucket: str) -> Resource:
        try:
            return self._objects.buckets.find(bucket).resource
        except NotFound:
            return bucket_resource(bucket, "", "", BucketKind.STANDARD)

    async def read(self, op: Operation, bucket: str, key: str) -> Body:
        found = self._objects.buckets.find(bucket)
        return StoredBody(self._objects, op, found, await self._objects.reading.get(op, found, key))

    async def write(self, op: Operation, bucket: str, key: str, body: AsyncIterator[bytes]) -> None:
        await self._objects.writing.put(op, self._objects.buckets.find(bucket), key, body)


def file_work(ground: Ground, objects: ObjectService) -> FileWork | None:
    """What the worker does, where this platform makes pseudonyms."""
    if not ground.settings.pseudonyms:
        return None
    gate = Gate(ground.database, ground.clock, ground.settings.conditions())
    return FileWork(
        ground.database,
        StoredFiles(objects, gate),
        first=level(ground, parts.PSEUDONYMS_FIRST),
        second=level(ground, parts.PSEUDONYMS_SECOND),
        operation=ground.operation,
    )


def pseudonym_service(ground: Ground, objects: ObjectService, gate: Gate) -> PseudonymService:
    """The operations on pseudonyms, for a process whose certificate may ask for them."""

    def asked(name: str) -> Service:
        return level(ground, name) if ground.settings.pseudonyms else Absent()

    files = Files(ground.database, StoredFiles(objects, gate), ground.clock)
    return PseudonymService(asked(parts.PSEUDONYMS_FIRST), asked(parts.PSEUDONYMS_SECOND), Permits(ground), files)
