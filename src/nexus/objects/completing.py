"""Makes an object out of the parts of an upload: a manifest, a key wrapped again, one commit. No byte is moved.

1. The upload is open; if it became an object already, the answer is the same as then.
2. The parts are named in ascending order, as they were stored, none too small but the last.
3. `combine` agrees.
4. Manifest, facts and object key are sealed for the version.
5. Version, audit entry and end of the upload commit together, if the parts are still those.
6. Parts that were not named are removed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation
from nexus.objects import rules
from nexus.objects.blobs.port import BlobStore
from nexus.objects.client_keys import ClientKey
from nexus.objects.committing import Draft, Placed, draft, take_place, written
from nexus.objects.errors import (
    INVALID_PART,
    INVALID_PART_ORDER,
    NO_SUCH_UPLOAD,
    PART_TOO_SMALL,
    TOO_LARGE,
    no_such_upload,
)
from nexus.objects.model import (
    MAX_OBJECT_BYTES,
    MIN_PART_BYTES,
    Bucket,
    ObjectRef,
    Part,
    PartReference,
    Upload,
    WriteConditions,
    Written,
)
from nexus.objects.part_writing import WRITE, UploadKeys, content_key
from nexus.objects.reading import Reading
from nexus.objects.sealing import Facts, Piece, Place, open_metadata, seal_manifest
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import uploads as upload_rows
from nexus.objects.store import versions
from nexus.objects.store.blobs import BlobRow
from nexus.objects.store.uploads import UploadRow
from nexus.objects.vaults import Named, concerning

Combine = Callable[[Upload, Sequence[Part]], Mapping[str, str]]
"""Called with the chosen parts before the commit: raises, or returns the checksums of the whole object."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    upload: UploadRow
    parts: Sequence[BlobRow]
    subject: Named | None


class Completing:
    """Completes uploads."""

    def __init__(self, database: Database, blobs: BlobStore, clock: Clock, reading: Reading, keys: UploadKeys) -> None:
        self._database = database
        self._blobs = blobs
        self._keys = keys
        self._clock = clock
        self._reading = reading

    async def complete(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        upload_id: str,
        parts: Sequence[PartReference],
        *,
        conditions: WriteConditions,
        combine: Combine | None,
        client_key: ClientKey | None = None,
    ) -> Written:
        """Steps 1 to 6."""
        rules.check_key(key)
        with self._database.read() as tx:
            upload = upload_rows.find(tx, bucket, key, upload_id)
            stored = {row.number: row for row in blob_rows.of_owner(tx, upload_id)} if upload else {}
        if upload is None:
            return await self._again(op, bucket, key, upload_id)
        chosen = _Chosen(upload, choose(parts, stored), await self._keys.subject_of(op, bucket, upload))
        checksums = combine(upload.shown, [row.shown for row in chosen.parts]) if combine is not None else {}
        new = await self._seal(op, bucket, chosen, checksums, client_key)
        try:
            placed = await self._commit(op, new, chosen, conditions)
        except NotFound as error:
            if error.code != NO_SUCH_UPLOAD:
                raise
            return await self._again(op, bucket, key, upload_id)
        self._blobs.discard(placed.discarded)
        return written(new, placed)

    async def _again(self, op: Operation, bucket: Bucket, key: str, upload_id: str) -> Written:
        """The answer to a completion that was answered before; its client may never have seen it."""
        with self._database.read() as tx:
            row = versions.version_of_upload(tx, bucket, key, upload_id)
        if row is None:
            raise no_such_upload()
        opened = await self._reading.open(op, ObjectRef(bucket, key, row.version_id), facts_only=True)
        if opened.row.id != row.id:
            raise no_such_upload()
        await self._database.record(op.allowed(WRITE, bucket.resource, key=key, upload=upload_id, repeated=True))
        return Written(
            version_id=opened.public_version_id,
            etag=row.etag,
            size=row.size,
            last_modified=row.modified_at,
            checksums=opened.facts.checksums,
            metadata=opened.facts.metadata,
            key_id=row.key_id or "",
        )

    async def _seal(
        self,
        op: Operation,
        bucket: Bucket,
        chosen: _Chosen,
        checksums: Mapping[str, str],
        client_key: ClientKey | None,
    ) -> Draft:
        upload, version_id = chosen.upload, new_id("ver")
        bucket = self._reading.under_key_of(op, bucket, upload.key_id)
        bucket_key, object_key = await self._keys.of(op, bucket, upload)
        content_key(object_key, bucket, upload, client_key)  # whoever completes brings the key of the parts
        metadata = open_metadata(object_key, Place(bucket.id, upload.key, upload.id), upload.sealed_facts)
        lock, metadata = metadata.lock, msgspec.structs.replace(metadata, lock=msgspec.UNSET)
        facts = Facts(
            size=sum(row.size for row in chosen.parts),
            etag=etag_of_parts(chosen.parts),
            modified_at=self._clock.now(),
            content=f"parts:{upload.id}",
            part_count=len(chosen.parts),
            metadata=metadata,
            checksums=checksums,
        )
        pieces = tuple(Piece(row.number, row.id, row.size, row.checksums) for row in chosen.parts)
        manifest = seal_manifest(object_key, Place(bucket.id, upload.key, version_id), pieces)
        return draft(
            bucket_key,
            object_key,
            facts,
            manifest,
            bucket=bucket,
            key=upload.key,
            version_id=version_id,
            lock=lock or None,
            subject=chosen.subject,
        )

    async def _commit(self, op: Operation, new: Draft, chosen: _Chosen, conditions: WriteConditions) -> Placed:
        bucket, upload = new.bucket, chosen.upload
        entry = op.allowed(
            WRITE, bucket.resource, key=new.key, upload=upload.id, version=new.id, size=new.size, complete=True
        )
        entry = concerning(entry, chosen.subject)

        def work(tx: Transaction) -> Recorded[Placed]:
            if upload_rows.find(tx, bucket, upload.key, upload.id) is None:
                raise no_such_upload()
            left = blob_rows.ids_of_owner(tx, upload.id)
            if any(left.pop(row.number, None) != row.id for row in chosen.parts):
                raise Invalid("a part was replaced while the upload was being completed", code=INVALID_PART)
            parts = blob_rows.settle_parts(tx, bucket.number, upload.id)
            placed = take_place(tx, new, conditions, parts=parts)
            blob_rows.delete(tx, upload.id, list(left))
            upload_rows.delete(tx, bucket, upload.key, upload.id)
            return Recorded(Placed(version_id=placed.version_id, discarded=[*placed.discarded, *left.values()]), entry)

        return await self._database.write(work)


def choose(parts: Sequence[PartReference], stored: Mapping[int, BlobRow]) -> list[BlobRow]:
    """The stored parts that a client names. Raises Invalid."""
    chosen: list[BlobRow] = []
    for wanted in parts:
        if chosen and wanted.number <= chosen[-1].number:
            raise Invalid("the parts are not in ascending order", code=INVALID_PART_ORDER)
        row = stored.get(wanted.number)
        if row is None or wanted.etag != row.etag or not _agrees(wanted.checksums, row.checksums):
            raise Invalid(f"part {wanted.number} is not as it was uploaded", code=INVALID_PART)
        if chosen and chosen[-1].size < MIN_PART_BYTES:
            raise Invalid(
                f"part {chosen[-1].number} is smaller than {MIN_PART_BYTES} bytes and not the last",
                code=PART_TOO_SMALL,
            )
        chosen.append(row)
    if not chosen:
        raise Invalid("an object has at least one part", code=INVALID_PART)
    if sum(row.size for row in chosen) > MAX_OBJECT_BYTES:
        raise Invalid(f"an object has at most {MAX_OBJECT_BYTES} bytes", code=TOO_LARGE)
    return chosen


def _agrees(wanted: Mapping[str, str], stored: Mapping[str, str]) -> bool:
    return all(stored.get(name, text) == text for name, text in wanted.items())


def etag_of_parts(parts: Sequence[BlobRow]) -> str:
    """MD5 over the first 16 bytes of each part's ETag, a dash, and the number of parts."""
    joined = b"".join(bytes.fromhex(row.etag[:32]) for row in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
