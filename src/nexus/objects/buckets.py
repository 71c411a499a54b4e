"""Buckets: create, find, list, delete, versioning, and the configuration documents that doors keep with them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation
from nexus.objects import declaration, rules
from nexus.objects.blobs.port import BlobStore
from nexus.objects.committing import bucket_state, state_of
from nexus.objects.consenting import Consenting, refuse_secondary_writes
from nexus.objects.declaration import Declaration
from nexus.objects.errors import (
    BUCKET_EXISTS,
    BUCKET_IS_YOURS,
    BUCKET_NOT_EMPTY,
    BUCKET_STATE,
    NO_SUCH_DOCUMENT,
    TOO_LARGE,
    no_such_bucket,
)
from nexus.objects.keys import BucketKeys
from nexus.objects.model import MAX_DOCUMENT_BYTES, Bucket, BucketKind, Versioning
from nexus.objects.retention import DefaultRetention, check_default
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import buckets as rows
from nexus.objects.store import uploads as upload_rows
from nexus.objects.usage import BucketUsage, usage

MAX_REMEMBERED: Final = 1_024
"""Buckets whose documents a process remembers, each 64 KiB a document at most."""
_NONE: Final[Mapping[str, bytes]] = MappingProxyType({})


class DocumentName(StrEnum):
    """The configuration documents that a bucket may carry; their content is the door's affair."""

    TAGGING = "tagging"
    CORS = "cors"
    ENCRYPTION = "encryption"
    LIFECYCLE = "lifecycle"
    POLICY = "policy"
    ACCESS_CONTROL = "access-control"
    OWNERSHIP = "ownership"
    PUBLIC_ACCESS = "public-access"
    NOTIFICATION = "notification"
    LOGGING = "logging"
    POLICY_CONFIRMED = "policy-confirmed"
    """There where a policy was put by somebody who confirmed that it may shut him out."""
    REQUEST_PAYMENT = "request-payment"


class Buckets:
    """Stories about buckets."""

    def __init__(
        self, database: Database, blobs: BlobStore, keys: BucketKeys, clock: Clock, consenting: Consenting
    ) -> None:
        self._consenting = consenting
        self._database = database
        self._blobs = blobs
        self._keys = keys
        self._clock = clock
        self._documents: dict[str, tuple[int, Mapping[str, bytes]]] = {}

    def find(self, name: str) -> Bucket:
        """The bucket of this name. Raises NotFound. Neither waits nor records: doors need it to name a resource."""
        bucket = rows.find(self._database, name)
        if bucket is None:
            raise no_such_bucket()
        return bucket

    async def usage(self, op: Operation, bucket: Bucket) -> BucketUsage:
        """How much it holds now."""
        return await usage(self._database, self._consenting, op, bucket)

    async def create(
        self,
        op: Operation,
        name: str,
        *,
        site: str,
        key_id: str,
        project: str = "",
        kind: BucketKind = BucketKind.STANDARD,
        lockable: bool = False,
        documents: Mapping[DocumentName, bytes] = MappingProxyType({}),
    ) -> Bucket:
        """A new, empty bucket with a bucket key of its own under `key_id`.

        `lockable`: versioning is on from the beginning, and versions can be locked. `documents` come with it.
        Raises Invalid (name), Conflict `objects.bucket-is-yours` or `objects.bucket-exists`, and what the key service
        raises.
        """
        rules.check_bucket_name(name)
        with self._database.read() as tx:
            self._require_free(tx, op, name)
        bucket_id = new_id("bkt")
        bucket = Bucket(
            number=0,
            id=bucket_id,
            name=name,
            site=site,
            project=project,
            kind=kind,
            key_id=key_id,
            versioning=Versioning.ENABLED if lockable else Versioning.OFF,
            owner=op.actor.id,
            created_at=self._clock.now(),
            wrapped_key=await self._keys.create(op, bucket_id, site, key_id),
            lock="" if lockable else None,
        )
        entry = op.allowed("objects.bucket.create", bucket.resource, bucket=bucket_id, kms_key=key_id)

        def work(tx: Transaction) -> Recorded[Bucket]:
            self._require_free(tx, op, name)
            made = msgspec.structs.replace(bucket, number=rows.insert(tx, bucket), revision=len(documents))
            for document, body in documents.items():
                rows.put_document(tx, made, document.value, body)
            return Recorded(made, entry)

        return await self._database.write(work)

    async def head(self, op: Operation, bucket: Bucket) -> None:
        """Record that somebody looked whether the bucket is there."""
        await self._database.record(op.allowed("objects.bucket.read", bucket.resource))

    async def list(self, op: Operation) -> Sequence[Bucket]:
        """Every bucket, by name. The door leaves out those that the actor may not list."""
        with self._database.read() as tx:
            found = rows.every(tx)
        await self._database.record(op.allowed("objects.bucket.list", PLATFORM, shown=len(found)))
        return found

    async def delete(self, op: Operation, bucket: Bucket) -> None:
        """Remove an empty bucket, unfinished uploads included. Raises Conflict `objects.bucket-not-empty`, or Denied."""
        refuse_secondary_writes(op, bucket)
        entry = op.allowed("objects.bucket.delete", bucket.resource, bucket=bucket.id)

        def work(tx: Transaction) -> Recorded[list[str]]:
            state_of(tx, bucket)
            if rows.has_versions(tx, bucket):
                raise Conflict(
                    "the bucket is not empty", code=BUCKET_NOT_EMPTY, hint="delete every version in it first"
                )
            blobs = [
                blob
                for upload in upload_rows.delete_all(tx, bucket)
                for blob in blob_rows.delete_all(tx, bucket.number, upload)
            ]
            rows.delete(tx, bucket)
            return Recorded(blobs, entry)

        unfinished = await self._database.write(work)
        self._blobs.discard(unfinished)

    async def set_versioning(self, op: Operation, bucket: Bucket, state: Versioning) -> None:
        """Turn versioning on or suspend it; it is never off again (Invalid)."""
        if state is Versioning.OFF:
            raise Invalid("versioning is suspended, never turned off again", code=BUCKET_STATE)
        entry = op.allowed("objects.bucket.configure", bucket.resource, versioning=state.value)

        def work(tx: Transaction) -> Recorded[None]:
            if bucket_state(tx, bucket).lock is not None and state is not Versioning.ENABLED:
                raise Conflict("a bucket with object lock keeps versioning on", code=BUCKET_STATE)
            rows.set_versioning(tx, bucket, state)
            return Recorded(None, entry)

        await self._database.write(work)

    async def set_lock(self, op: Operation, bucket: Bucket, default: DefaultRetention | None) -> None:
        """Let versions be locked, for good, with this default retention. Raises Conflict unless versioning is on."""
        if default is not None:
            check_default(default)
        lock = "" if default is None else str(default)
        entry = op.allowed("objects.bucket.configure", bucket.resource, object_lock=lock or "enabled")

        def work(tx: Transaction) -> Recorded[None]:
            if state_of(tx, bucket) is not Versioning.ENABLED:
                raise Conflict("object lock needs versioning to be on", code=BUCKET_STATE)
            rows.set_lock(tx, bucket, lock)
            return Recorded(None, entry)

        await self._database.write(work)

    async def declare_subjects(self, op: Operation, bucket: Bucket, declared: Declaration) -> None:
        """Say what data of patients a bucket holds. From then on it takes no object without a subject, for good.

        Raises Invalid for words that patients do not decide in.
        """
        declaration.check(declared)
        self._consenting.subjects.check(declared)
        entry = op.allowed(
            "objects.bucket.declare-subjects",
            bucket.resource,
            categories=" ".join(declared.categories),
            source=declared.source,
            sensitivity=declared.sensitivity,
            on_withdrawal=declared.on_withdrawal.value,
        )

        def work(tx: Transaction) -> Recorded[None]:
            state_of(tx, bucket)
            rows.set_subjects(tx, bucket, declared)
            return Recorded(None, entry)

        await self._database.write(work)

    async def put_document(self, op: Operation, bucket: Bucket, name: DocumentName, body: bytes) -> None:
        """Store or replace a configuration document."""
        if len(body) > MAX_DOCUMENT_BYTES:
            raise Invalid(f"a configuration document has at most {MAX_DOCUMENT_BYTES} bytes", code=TOO_LARGE)
        entry = op.allowed("objects.bucket.configure", bucket.resource, document=name.value)

        def work(tx: Transaction) -> Recorded[None]:
            state_of(tx, bucket)
            rows.put_document(tx, bucket, name.value, body)
            return Recorded(None, entry)

        await self._database.write(work)

    async def document(self, op: Operation, bucket: Bucket, name: DocumentName) -> bytes:
        """A configuration document. Raises NotFound `objects.no-such-document`."""
        body = self.peek_document(bucket, name)
        if body is None:
            raise NotFound("the bucket has no such configuration", code=NO_SUCH_DOCUMENT)
        await self._database.record(op.allowed("objects.bucket.read", bucket.resource, document=name.value))
        return body

    def documents(self, bucket: Bucket) -> Mapping[str, bytes]:
        """Every configuration document by name, as of the bucket's revision or later; no wait and no entry.

        Remembered by revision: a bucket whose documents have not changed costs no query.
        """
        if not bucket.revision:
            return _NONE
        known = self._documents.get(bucket.id)
        if known is None or known[0] != bucket.revision:
            with self._database.read() as tx:
                known = rows.documents(tx, bucket)
            if len(self._documents) >= MAX_REMEMBERED:
                self._documents.clear()
            self._documents[bucket.id] = known
        return known[1]

    def peek_document(self, bucket: Bucket, name: DocumentName) -> bytes | None:
        """The same without wait and without an entry, for decisions that the door makes (CORS, default retention)."""
        row = self._database.peek(rows.DOCUMENT, (bucket.number, name.value))
        return row[0] if row else None

    async def delete_document(self, op: Operation, bucket: Bucket, name: DocumentName) -> None:
        """Remove a configuration document; succeeds if there is none."""
        entry = op.allowed("objects.bucket.configure", bucket.resource, document=name.value, removed=True)

        def work(tx: Transaction) -> Recorded[None]:
            state_of(tx, bucket)
            rows.delete_document(tx, bucket, name.value)
            return Recorded(None, entry)

        await self._database.write(work)

    def _require_free(self, tx: Transaction, op: Operation, name: str) -> None:
        owner = rows.owner_of_name(tx, name)
        if owner == op.actor.id:
            raise Conflict("this bucket exists already, and you created it", code=BUCKET_IS_YOURS)
        if owner is not None:
            raise Conflict("a bucket of this name exists already", code=BUCKET_EXISTS)
