"""Files of releases in the object store: one bucket for each release, each file under the names of those whose data it holds.

A file says whose data it holds by the list of everybody in its share of persons (`people.bucket_of`); what is about nobody says
so. The store asks everybody on the list at each read, so that a file is refused from the moment at which one of them withdraws.
Everything here may be done again after an interruption: what is there already is not written twice.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nexus.kernel.database import Database
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket, BucketKind, Metadata
from nexus.objects.naming import MANIFEST
from nexus.objects.paging import Scope
from nexus.objects.service import ObjectService
from nexus.objects.store import versions
from nexus.objects.store.versions import VersionRow
from nexus.warehouse.releases.making import views
from nexus.warehouse.releases.manifest import COMMON, Part, Release
from nexus.warehouse.releases.model import SITE, ReleaseRecord
from nexus.warehouse.releases.parts import MANIFESTS, OBJECTS, Parts, keep

READ: Final = "releases.part.read"
"""In the log: the platform reads a file to write it anew without somebody."""
VIEWS: Final = "views.sql"
"""SQL that makes the tables readable by name in DuckDB."""
PIECE_BYTES: Final = 1 << 20
PAGE: Final = 1_000
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_CHARS: Final = 26


class Keeping:
    """The buckets of releases."""

    def __init__(self, database: Database, objects: ObjectService) -> None:
        self._database = database
        self._objects = objects

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of a release, if there is one."""
        try:
            return self._objects.buckets.find(name)
        except NotFound:
            return None

    async def prepare(self, op: Operation, record: ReleaseRecord, declared: Declaration) -> Bucket:
        """The bucket of a release, made if need be. Raises Conflict if somebody else's has the name."""
        name, project = record.bucket, record.project
        found = self.bucket(name)
        if found is None:
            kind = BucketKind.RELEASE
            await self._objects.buckets.create(op, name, site=SITE, key_id=record.key_id, project=project, kind=kind)
            found = self._objects.buckets.find(name)
        if (found.kind, found.project) != (BucketKind.RELEASE, project):
            raise Conflict("a bucket of the name of this release is somebody else's", code="releases.bucket")
        if found.subjects != declared:
            await self._objects.buckets.declare_subjects(op, found, declared)
        return self._objects.buckets.find(name)

    async def put(
        self, op: Operation, bucket: Bucket, release: Release, parts: Parts, lists: Mapping[int, Sequence[str]]
    ) -> None:
        """Store the files of some shares of persons, and what is about nobody. `lists`: whose data are in each of those shares."""
        nobody = await self._nobody(op, bucket)
        names = {share: await self._name(op, bucket, subjects) for share, subjects in lists.items()}
        for part in _parts(release):
            if part.bucket == COMMON or part.bucket in lists:
                name = nobody if part.bucket == COMMON else names[part.bucket]
                subjects = () if part.bucket == COMMON else lists[part.bucket]
                await self._put_part(op, bucket, part, parts, (name, subjects))
        manifest = parts.manifest(release.digest())
        await self._put(op, bucket, f"{MANIFESTS}/{manifest.name}", manifest.read_bytes(), nobody)
        await self._put(op, bucket, VIEWS, views(release, f"s3://{bucket.name}").encode(), nobody)

    async def fetch(self, op: Operation, bucket: Bucket, wanted: Iterable[Part], parts: Parts) -> None:
        """Bring files here, to be written anew. Raises NotFound, Damaged."""
        for part in wanted:
            if parts.path(part.sha256).exists():
                continue
            read = await self._objects.reading.get_for_upkeep(op, bucket, _key(part), READ)
            keep(parts.path(part.sha256), b"".join([chunk async for chunk in read.body]))

    async def subjects(self, op: Operation, bucket: Bucket, part: Part) -> tuple[str, ...]:
        """Whose data a file says that it holds. Raises NotFound."""
        row = self._row(bucket, _key(part))
        if row is None:
            raise NotFound("a file of the release is missing", code="release.file")
        return await self._owners(op, bucket, row)

    async def named(self, op: Operation, bucket: Bucket) -> tuple[str, ...]:
        """Everybody whom a file of a release names."""
        numbers = {row.subject for row in self._rows(bucket) if row.subject is not None}
        vault = await self._objects.vaults.open(op, bucket)
        if vault is None:
            return ()
        with self._database.read() as tx:
            return tuple(sorted({name for number in numbers for name in vault.subjects(tx, number)}))

    async def erased(self, op: Operation, bucket: Bucket, names: Sequence[str]) -> tuple[str, ...]:
        """Those of these whose data were erased by their wish: what belongs to many names them still."""
        vault = await self._objects.vaults.open(op, bucket)
        if vault is None:
            return ()
        return tuple(name for name in names if (row := vault.find(name)) is not None and row.sealed_key is None)

    async def sweep(self, op: Operation, bucket: Bucket, release: Release) -> int:
        """Remove what is no part of a release any more; returns how many files that were."""
        wanted = {_key(part) for part in _parts(release)} | {VIEWS, f"{MANIFESTS}/{release.digest()}.json"}
        gone = [key for key in self._keys(bucket) if key not in wanted]
        for key in gone:
            await self._objects.deleting.delete(op, bucket, key)
        return len(gone)

    async def remove(self, op: Operation, name: str) -> None:
        """Remove a bucket that nothing opens any more, with what lies in it."""
        bucket = self.bucket(name)
        if bucket is None:
            return
        for key in self._keys(bucket):
            await self._objects.deleting.delete(op, bucket, key)
        await self._objects.buckets.delete(op, bucket)

    async def _put_part(
        self, op: Operation, bucket: Bucket, part: Part, parts: Parts, whose: tuple[str, Sequence[str]]
    ) -> None:
        name, subjects = whose
        row = self._row(bucket, _key(part))
        if row is None:
            await self._write(op, bucket, _key(part), _pieces(parts.path(part.sha256)), length=part.bytes, name=name)
        elif part.bucket != COMMON and set(await self._owners(op, bucket, row)) != set(subjects):
            await self._objects.subject_changing.change(op, bucket, _key(part), name, "a release without somebody")

    async def _put(self, op: Operation, bucket: Bucket, key: str, content: bytes, name: str) -> None:
        await self._write(op, bucket, key, _whole(content), length=len(content), name=name)

    async def _write(
        self, op: Operation, bucket: Bucket, key: str, body: AsyncIterator[bytes], *, length: int, name: str
    ) -> None:
        await self._objects.writing.put(op, bucket, key, body, length=length, metadata=Metadata(subject=name))

    async def _name(self, op: Operation, bucket: Bucket, subjects: Sequence[str]) -> str:
        """What stands for these: a single one by himself."""
        if len(set(subjects)) == 1:
            return subjects[0]
        return (await self._objects.vaults.put_manifest(op, bucket, subjects)).id

    async def _nobody(self, op: Operation, bucket: Bucket) -> str:
        """What stands for nobody in a bucket, always the same."""
        number = int.from_bytes(hashlib.sha256(b"nexus/release/nobody\0" + bucket.id.encode()).digest())
        body = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_ID_CHARS))
        return (await self._objects.vaults.put_manifest(op, bucket, (), f"{MANIFEST}_{body}")).id

    async def _owners(self, op: Operation, bucket: Bucket, row: VersionRow) -> tuple[str, ...]:
        vault = await self._objects.vaults.open(op, bucket)
        if vault is None or row.subject is None:
            raise NotFound("a file of the release names nobody", code="release.file")
        with self._database.read() as tx:
            return vault.subjects(tx, row.subject)

    def _row(self, bucket: Bucket, key: str) -> VersionRow | None:
        found = versions.find_version(self._database, bucket, key, None)
        return None if found is None or found[0].marker else found[0]

    def _keys(self, bucket: Bucket) -> list[str]:
        return [row.key for row in self._rows(bucket)]

    def _rows(self, bucket: Bucket) -> list[VersionRow]:
        found: list[VersionRow] = []
        after = ""
        while True:
            with self._database.read() as tx:
                rows = versions.current(tx, bucket, after, Scope("", "", 1).upper, PAGE)
            found += rows
            if len(rows) < PAGE:
                return found
            after = rows[-1].key + "\0"


def _parts(release: Release) -> list[Part]:
    return [part for table in release.tables for part in table.parts]


def _key(part: Part) -> str:
    return f"{OBJECTS}/{part.sha256}.parquet"


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
