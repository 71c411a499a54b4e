"""Stories of uploads in parts. Each part is sealed and stored once; completing writes a manifest and moves no byte.

All parts of an upload are FLOE messages under one object key, made when it begins and bound to the upload; completing
wraps the same key again, bound to the version. What a completion does is in `completing.py`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

import msgspec

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation
from nexus.objects import rules
from nexus.objects.batches import Batches
from nexus.objects.blobs.port import BlobStore
from nexus.objects.client_keys import ClientKey
from nexus.objects.committing import state_of
from nexus.objects.completing import Combine, Completing
from nexus.objects.consenting import Consenting, Sieve, refuse_secondary_writes
from nexus.objects.errors import OTHER_SUBJECT, RangeNotSatisfiable, no_such_upload, not_lockable
from nexus.objects.keys import BucketKeys
from nexus.objects.model import (
    ALWAYS_READ,
    ALWAYS_WRITE,
    MAX_PAGE,
    Bucket,
    ByteRange,
    Metadata,
    ObjectRef,
    Part,
    PartPage,
    PartReference,
    ReadConditions,
    Upload,
    UploadPage,
    WriteConditions,
    Written,
)
from nexus.objects.naming import taken_out
from nexus.objects.paging import Position, Scope, Walked, walk
from nexus.objects.part_writing import WRITE, PartSource, PartWriting, UploadKeys
from nexus.objects.reading import Opened, Reading
from nexus.objects.retention import Lock
from nexus.objects.sealing import UPLOAD_KEY, ObjectKey, Place, seal_metadata
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import uploads as upload_rows
from nexus.objects.store.blobs import BlobRow
from nexus.objects.store.uploads import UploadRow
from nexus.objects.vaults import concerning
from nexus.objects.writing import Verify, observed


class Uploads:
    """Stories of uploads in parts."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        keys: BucketKeys,
        clock: Clock,
        reading: Reading,
        *,
        consenting: Consenting,
        batches: Batches,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._keys = keys
        self._clock = clock
        self._reading = reading
        self._consenting = consenting
        self._vaults = consenting.vaults
        opening = UploadKeys(keys, reading, consenting.vaults)
        self._parts = PartWriting(database, blobs, clock, opening, batches)
        self._completing = Completing(database, blobs, clock, reading, opening)

    async def create(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        metadata: Metadata = Metadata(),  # noqa: B008 - frozen
        note: str = "",
        lock: Lock | None = None,
        client_key: ClientKey | None = None,
    ) -> Upload:
        """Begin an upload. `note` is given back with it: the door's word about its checksums.

        `lock` and `client_key` as in `Writing.put`; each part must then bring the same client's key.
        """
        if lock is not None and bucket.lock is None:
            raise not_lockable()
        refuse_secondary_writes(op, bucket)
        rules.check_key(key)
        rules.check_metadata(metadata)
        metadata = taken_out(metadata)
        subject = await self._vaults.admit(op, bucket, metadata.subject or "")
        bucket_key, object_key, upload_id = await self._keys.of(op, bucket), ObjectKey.fresh(), new_id("upl")
        if client_key is not None:
            metadata = msgspec.structs.replace(metadata, client_key=client_key.verifier(object_key))
        if lock is not None:
            metadata = msgspec.structs.replace(metadata, lock=lock)
        place = Place(bucket.id, key, upload_id)
        row = UploadRow(
            key,
            upload_id,
            self._clock.now(),
            op.actor.id,
            note,
            bucket_key.wrap(object_key, place.bind(UPLOAD_KEY), subject.key if subject else None),
            seal_metadata(object_key, place, metadata),
            bucket.named_key or None,
            subject.number if subject else None,
        )
        entry = concerning(op.allowed(WRITE, bucket.resource, key=key, upload=upload_id), subject)

        def work(tx: Transaction) -> Recorded[None]:
            state_of(tx, bucket)
            upload_rows.insert(tx, bucket, row)
            return Recorded(None, entry)

        await self._database.write(work)
        return row.shown

    async def find(self, op: Operation, bucket: Bucket, key: str, upload_id: str) -> Upload:
        """An open upload, to write to it, without an entry. Raises NotFound `objects.no-such-upload`, or Denied."""
        refuse_secondary_writes(op, bucket)
        return self._open(bucket, key, upload_id).shown

    async def put_part(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        body: AsyncIterator[bytes],
        *,
        upload_id: str,
        number: int,
        length: int | None = None,
        want_md5: bool = False,
        verify: Verify | None = None,
        client_key: ClientKey | None = None,
    ) -> Part:
        """Seal and store a part (1 to 10,000); one of the same number replaces it."""
        refuse_secondary_writes(op, bucket)
        row = self._open(bucket, key, upload_id)
        source = PartSource(body, length=length, want_md5=want_md5, verify=verify, client_key=client_key)
        return await self._parts.store(op, bucket, row, number, source)

    async def copy_part(
        self,
        op: Operation,
        source: ObjectRef,
        bucket: Bucket,
        key: str,
        *,
        upload_id: str,
        number: int,
        wanted: ByteRange | None = None,
        source_conditions: ReadConditions = ALWAYS_READ,
        observe: Callable[[bytes], None] | None = None,
        verify: Verify | None = None,
        source_client_key: ClientKey | None = None,
        client_key: ClientKey | None = None,
    ) -> tuple[Part, str | None]:
        """A part from a range of another object; also returns the version that it came from."""
        refuse_secondary_writes(op, bucket)
        row = self._open(bucket, key, upload_id)
        opened = await self._reading.open_source(op, source, source_conditions, source_client_key)
        await self._require_same_subjects(op, opened, bucket, row)
        size = opened.facts.size
        if wanted is not None and wanted.last is not None and wanted.last >= size:
            raise RangeNotSatisfiable(size)
        first, length = rules.resolve(wanted, size)
        read = await self._reading.read(op, source, opened, first, length)
        async with aclosing(observed(read.body, observe)) as body:
            taken = PartSource(body, length=length, verify=verify, client_key=client_key)
            part = await self._parts.store(op, bucket, row, number, taken)
        return part, opened.public_version_id

    async def complete(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        upload_id: str,
        parts: Sequence[PartReference],
        *,
        conditions: WriteConditions = ALWAYS_WRITE,
        combine: Combine | None = None,
        client_key: ClientKey | None = None,
    ) -> Written:
        """Make the object from the named parts. Completing again gives the same answer.

        Raises NotFound (upload), Invalid `objects.invalid-part`, `objects.invalid-part-order` or
        `objects.part-too-small`, PreconditionFailed.
        """
        refuse_secondary_writes(op, bucket)
        return await self._completing.complete(
            op, bucket, key, upload_id, parts, conditions=conditions, combine=combine, client_key=client_key
        )

    async def abort(self, op: Operation, bucket: Bucket, key: str, upload_id: str) -> None:
        """Forget an upload and its parts. Raises NotFound."""
        refuse_secondary_writes(op, bucket)
        entry = op.allowed("objects.upload.abort", bucket.resource, key=key, upload=upload_id)

        def work(tx: Transaction) -> Recorded[list[str]]:
            if upload_rows.find(tx, bucket, key, upload_id) is None:
                raise no_such_upload()
            upload_rows.delete(tx, bucket, key, upload_id)
            return Recorded(blob_rows.delete_all(tx, bucket.number, upload_id), entry)

        dropped = await self._database.write(work)
        self._blobs.discard(dropped)

    async def parts(
        self, op: Operation, bucket: Bucket, key: str, upload_id: str, *, after: int = 0, limit: int = MAX_PAGE
    ) -> PartPage:
        """The parts stored so far, by number."""
        entry = op.allowed("objects.upload.list", bucket.resource, key=key, upload=upload_id)
        limit = min(limit, MAX_PAGE)

        def gather(tx: Transaction, sieve: Sieve) -> tuple[UploadRow, list[BlobRow]]:
            row = upload_rows.find(tx, bucket, key, upload_id)
            if row is None or not sieve([row]):
                raise no_such_upload()
            return row, blob_rows.of_owner(tx, upload_id, after=after, limit=limit + 1)

        row, found = await self._consenting.listed(op, bucket, gather, lambda _: entry)
        shown = tuple(part.shown for part in found[:limit])
        more = len(found) > limit > 0
        return PartPage(upload=row.shown, parts=shown, next_number=shown[-1].number if more else None)

    async def list(
        self,
        op: Operation,
        bucket: Bucket,
        *,
        prefix: str = "",
        delimiter: str = "",
        key_marker: str = "",
        upload_id_marker: str = "",
        limit: int = MAX_PAGE,
    ) -> UploadPage:
        """Open uploads, by key and then by age. The markers are exclusive."""
        scope = Scope(prefix, delimiter, min(limit, MAX_PAGE))
        start = scope.after(key_marker)
        if upload_id_marker and key_marker.startswith(prefix):
            start = Position(key_marker, upload_id_marker)

        def gather(tx: Transaction, sieve: Sieve) -> Walked[UploadRow]:
            def fetch(position: Position, size: int) -> list[UploadRow]:
                if position.within is None:
                    return upload_rows.page(tx, bucket, position.key, scope.upper, size)
                key = str(position.key)
                rows = upload_rows.later(tx, bucket, key, str(position.within), size)
                return rows + upload_rows.page(tx, bucket, rules.after_key(key), scope.upper, size - len(rows))

            return walk(scope, start, fetch, lambda row: Position(row.key, row.id), sieve)

        walked = await self._consenting.listed(
            op,
            bucket,
            gather,
            lambda walked: op.allowed("objects.upload.list", bucket.resource, prefix=prefix, shown=len(walked.rows)),
        )
        end = walked.end if walked.more else None
        return UploadPage(
            uploads=tuple(row.shown for row in walked.rows),
            prefixes=walked.prefixes,
            next_key=end.key if isinstance(end, UploadRow) else end,
            next_upload_id=end.id if isinstance(end, UploadRow) else None,
        )

    async def _require_same_subjects(self, op: Operation, opened: Opened, bucket: Bucket, row: UploadRow) -> None:
        """A part brings in no data of others than the upload is of. Raises Denied."""
        if opened.row.subject is None or opened.watch is None or opened.watch.vault is None:
            return
        mine = await self._vaults.open(op, bucket) if bucket.subjects is not None else None
        with self._database.read() as tx:
            brought = opened.watch.vault.subjects(tx, opened.row.subject)
            held = mine.subjects(tx, row.subject) if mine is not None and row.subject is not None else ()
        if not set(brought) <= set(held):
            raise Denied("a part is of the same subjects as its upload", code=OTHER_SUBJECT)

    def _open(self, bucket: Bucket, key: str, upload_id: str) -> UploadRow:
        rules.check_key(key)
        with self._database.read() as tx:
            row = upload_rows.find(tx, bucket, key, upload_id)
        if row is None:
            raise no_such_upload()
        return row
