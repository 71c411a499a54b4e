"""Takes a part of an upload in: sealed under the upload's key, into a blob of its own, bound to its number and blob."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Invalid
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation
from nexus.objects import quotas
from nexus.objects.batches import Batches
from nexus.objects.blobs.port import BlobStore
from nexus.objects.client_keys import ClientKey, joined
from nexus.objects.committing import bucket_state
from nexus.objects.errors import INVALID_PART_NUMBER, no_such_upload
from nexus.objects.keys import BucketKeys
from nexus.objects.model import MAX_PARTS, BodyFacts, Bucket, Part
from nexus.objects.reading import Reading, part_place
from nexus.objects.receiving import Intake
from nexus.objects.sealing import PART, PART_ETAG, UPLOAD_KEY, BucketKey, ObjectKey, Place, hkdf, open_metadata
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import uploads as upload_rows
from nexus.objects.store.blobs import BlobRow
from nexus.objects.store.uploads import UploadRow
from nexus.objects.store.usage import Held
from nexus.objects.vaults import Named, Vaults
from nexus.objects.writing import Verify, etag_of

WRITE: Final = "objects.upload.write"


@dataclass(frozen=True, slots=True)
class PartSource:
    """Where the bytes of a part come from, and what is expected of them."""

    body: AsyncIterator[bytes]
    length: int | None
    want_md5: bool = False
    verify: Verify | None = None
    client_key: ClientKey | None = None


class PartWriting:
    """Stores parts."""

    def __init__(
        self, database: Database, blobs: BlobStore, clock: Clock, keys: "UploadKeys", batches: Batches
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._keys = keys
        self._batches = batches

    async def store(self, op: Operation, bucket: Bucket, upload: UploadRow, number: int, source: PartSource) -> Part:
        """Seal a part, make it durable and commit its row; an earlier part of this number goes. Raises QuotaExceeded."""
        if not 1 <= number <= MAX_PARTS:
            raise Invalid(f"a part number is 1 to {MAX_PARTS}", code=INVALID_PART_NUMBER)
        quotas.refuse_early(
            self._database, bucket, source.length, lambda tx, _: blob_rows.size_of(tx, upload.id, number)
        )
        bucket_key, own = await self._keys.of(op, bucket, upload)
        key = content_key(own, bucket, upload, source.client_key).content
        blob_id = new_id("blb")
        aad = part_place(bucket, upload.key, upload.id, number, blob_id).bind(PART)
        with Intake(
            self._blobs,
            blob_id,
            bucket_key,
            key,
            aad,
            batches=self._batches,
            inline_bytes=0,
            length=source.length,
            want_md5=source.want_md5,
            want_crc64=True,
        ) as intake:
            known = await intake.take(source.body)
            checksums = source.verify(known) if source.verify is not None else {}
            await intake.make_durable()
            row = BlobRow(number, blob_id, known.size, _etag(known, key), self._clock.now(), checksums, intake.checksum)
            intake.committing = True
            replaced = await self._commit(op, bucket, upload, row)
        self._blobs.discard(replaced)
        return row.shown

    async def _commit(self, op: Operation, bucket: Bucket, upload: UploadRow, row: BlobRow) -> list[str]:
        entry = op.allowed(WRITE, bucket.resource, key=upload.key, upload=upload.id, part=row.number, size=row.size)

        def work(tx: Transaction) -> Recorded[list[str]]:
            state = bucket_state(tx, bucket)
            if upload_rows.find(tx, bucket, upload.key, upload.id) is None:
                raise no_such_upload()
            put = blob_rows.put_part(tx, bucket, upload.id, row)
            quotas.require_room(tx, bucket, state, put.held, Held(part_bytes=put.grown))
            return Recorded([put.replaced] if put.replaced else [], entry)

        return await self._database.write(work)


def _etag(known: BodyFacts, key: bytes) -> str:
    """The MD5 if it was computed. Else what changes with the bytes and with the upload, and tells nothing of them: a client that
    sends a part again, because the first answer was lost or late, may complete the upload with either answer.
    """
    if known.md5 is not None or known.crc64 is None:
        return etag_of(known.md5)
    return f"{hkdf(b'', key, PART_ETAG + known.size.to_bytes(8, 'big') + known.crc64)[:16].hex()}-1"


class UploadKeys:
    """Opens the keys of uploads."""

    def __init__(self, keys: BucketKeys, reading: Reading, vaults: Vaults) -> None:
        self._keys = keys
        self._reading = reading
        self._vaults = vaults

    async def of(self, op: Operation, bucket: Bucket, upload: UploadRow) -> tuple[BucketKey, ObjectKey]:
        """The bucket key that an upload is under, and its object key. Raises Denied, Damaged, Sealed, NotFound (erased)."""
        bucket_key = await self._keys.of(op, self._reading.under_key_of(op, bucket, upload.key_id))
        subject = await self.subject_of(op, bucket, upload)
        place = Place(bucket.id, upload.key, upload.id)
        key = bucket_key.unwrap(upload.sealed_key, place.bind(UPLOAD_KEY), subject.key if subject else None)
        return bucket_key, key

    async def subject_of(self, op: Operation, bucket: Bucket, upload: UploadRow) -> Named | None:
        """Whose data an upload is."""
        return await self._vaults.named(op, bucket, upload.subject)


def content_key(key: ObjectKey, bucket: Bucket, upload: UploadRow, client_key: ClientKey | None) -> ObjectKey:
    """The key of the parts of an upload. Raises Invalid or Denied where a client's key is missing or wrong."""
    metadata = open_metadata(key, Place(bucket.id, upload.key, upload.id), upload.sealed_facts)
    return joined(key, metadata.client_key or "", client_key)
