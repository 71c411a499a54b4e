"""How a version takes its place in a bucket, inside the transaction of whoever made it. PUT, COPY and uploads share it.

1. The bucket is still there, and says how it keeps versions now.
2. The conditions of the write hold for what readers would get at this moment.
3. What the new version replaces (the unversioned one, unless versioning is on) is removed.
4. The version that was the latest is so no more.
5. The new version is stored as the newest of its key, however the clock went.
6. What the bucket, its project and its site hold now fits into their quotas (`quotas.py`).
"""

from collections.abc import Mapping, Sequence

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.operation import Entry
from nexus.objects import quotas, rules
from nexus.objects.blobs.port import BlobStore
from nexus.objects.errors import OTHER_SUBJECT, SUBJECT_ERASED, SUBJECT_NEEDED, no_such_bucket, not_lockable
from nexus.objects.model import Bucket, Metadata, Versioning, WriteConditions, Written
from nexus.objects.retention import Lock, default_of
from nexus.objects.sealing import KEY, BucketKey, Facts, ObjectKey, Place, seal_facts
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import buckets, locks, subjects, versions
from nexus.objects.store.blobs import BlobRow
from nexus.objects.store.buckets import StateRow
from nexus.objects.store.usage import Held
from nexus.objects.store.versions import VersionRow
from nexus.objects.vaults import Named


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A version, sealed and ready to be stored."""

    bucket: Bucket
    key: str
    id: str
    size: int
    etag: str
    modified_at: Instant
    is_marker: bool = False
    blob: str | None = None
    blob_checksum: bytes = b""
    upload: str | None = None
    sealed_key: bytes = b""
    sealed_facts: bytes = b""
    sealed_body: bytes | None = None
    """The inline body, or the manifest."""
    checksums: Mapping[str, str] = {}
    metadata: Metadata = Metadata()
    key_id: str | None = None
    """The key that `sealed_key` is under, where not the bucket's own."""
    subject: int | None = None
    """Whose data: as in `VersionRow`."""
    lock: Lock | None = None
    """The lock that its writer asked for; without one, the bucket's default retention counts."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """What taking its place has changed."""

    version_id: str | None
    """None while versioning is off."""
    discarded: Sequence[str]
    """BlobStore that no row knows any more, once this is committed."""


def draft(
    bucket_key: BucketKey,
    object_key: ObjectKey,
    facts: Facts,
    sealed_body: bytes | None,
    *,
    bucket: Bucket,
    key: str,
    version_id: str,
    lock: Lock | None = None,
    subject: Named | None = None,
    blob_checksum: bytes = b"",
) -> Draft:
    """Seal the facts and wrap the object key, both bound to the place of the version; under its subject's key first."""
    place = Place(bucket.id, key, version_id)
    kind, _, name = facts.content.partition(":")
    return Draft(
        bucket=bucket,
        key=key,
        id=version_id,
        size=facts.size,
        etag=facts.etag,
        modified_at=facts.modified_at,
        blob=name if kind == "blob" else None,
        blob_checksum=blob_checksum,
        upload=name if kind == "parts" else None,
        sealed_key=bucket_key.wrap(object_key, place.bind(KEY), subject.key if subject else None),
        sealed_facts=seal_facts(object_key, place, facts),
        sealed_body=sealed_body,
        checksums=facts.checksums,
        metadata=facts.metadata,
        key_id=bucket.named_key or None,
        subject=subject.number if subject else None,
        lock=lock,
    )


async def commit(
    database: Database, blobs: BlobStore, new: Draft, conditions: WriteConditions, entry: Entry
) -> Written:
    """Store a version with its audit entry, durably; then remove the blob that it replaced."""

    def work(tx: Transaction) -> Recorded[Placed]:
        return Recorded(take_place(tx, new, conditions), entry)

    placed = await database.write(work)
    blobs.discard(placed.discarded)
    return written(new, placed)


def written(new: Draft, placed: Placed) -> Written:
    """What the writer is told."""
    return Written(
        version_id=placed.version_id,
        etag=new.etag,
        size=new.size,
        last_modified=new.modified_at,
        checksums=new.checksums,
        metadata=new.metadata,
        key_id=new.key_id or "",
    )


def take_place(tx: Transaction, new: Draft, conditions: WriteConditions, *, parts: int = 0) -> Placed:
    """Make `new` the latest version of its key. Raises NotFound, PreconditionFailed and QuotaExceeded.

    `parts`: bytes of the parts that it is made of and that count no more as such.
    """
    bucket = new.bucket
    state = bucket_state(tx, bucket)
    versioning = state.versioning
    top = versions.top(tx, bucket, new.key)
    rules.check_write(conditions, None if top is None or top.marker else top.shown)
    new = _owned(tx, new, state, top)
    discarded: Sequence[str] = ()
    grown = Held(0 if new.is_marker else 1, new.size - parts)
    ordinal = max(new.modified_at, top.ordinal + 1 if top else 0)
    if versioning is not Versioning.ENABLED and top is not None:
        replaced = top if top.unversioned else versions.unversioned(tx, bucket, new.key)
        if replaced is not None:
            discarded = versions.delete_version(tx, bucket, replaced, new.modified_at)
            grown = Held(grown.versions - (not replaced.marker), grown.bytes - replaced.size)
            top = None if replaced.ordinal == top.ordinal else top
    if top is not None and top.latest:
        versions.set_latest(tx, bucket, top, latest=False)
    row = _row(new, ordinal, unversioned=versioning is not Versioning.ENABLED)
    held = versions.insert_version(tx, bucket, row, new.sealed_body)
    lock = None if new.is_marker else _lock_of(new, state.lock)
    if lock is not None:
        locks.put(tx, new.id, lock)
    if new.blob is not None:
        row_of_blob = BlobRow(0, new.blob, new.size, new.etag, new.modified_at, {}, new.blob_checksum)
        blob_rows.insert(tx, new.id, row_of_blob)
    quotas.require_room(tx, bucket, state, held, grown)
    return Placed(version_id=None if versioning is Versioning.OFF else row.version_id, discarded=discarded)


def _owned(tx: Transaction, new: Draft, state: StateRow, top: VersionRow | None) -> Draft:
    """Whose data it is: all versions of a key are one subject's, markers too. Raises Invalid, Conflict or NotFound.

    So what is hidden of a key is all of it, and nobody changes whose data an object is by writing over it.
    """
    if new.is_marker:
        return msgspec.structs.replace(new, subject=top.subject if top else None)
    if (new.subject is None) is state.declared:
        raise Invalid("the bucket has changed what it says of subjects", code=SUBJECT_NEEDED, hint="try again")
    if top is not None and top.subject not in (None, new.subject):
        raise Conflict(
            "the object belongs to another subject", code=OTHER_SUBJECT, hint="objects.subject.change says whose it is"
        )
    if new.subject is not None and new.subject > 0 and subjects.is_erased(tx, new.subject):
        raise Conflict("the data of this subject were erased", code=SUBJECT_ERASED)
    return new


def _lock_of(new: Draft, lock: str | None) -> Lock | None:
    """The lock of a new version: the one asked for, completed by the bucket's default. Raises Invalid."""
    default = default_of(lock)
    if new.lock is None:
        return default.lock(new.modified_at) if default else None
    if lock is None:
        raise not_lockable()
    if new.lock.mode is None and default is not None:
        return msgspec.structs.replace(default.lock(new.modified_at), held=new.lock.held)
    return new.lock


def bucket_state(tx: Transaction, bucket: Bucket) -> StateRow:
    """The bucket at this moment. Raises NotFound if it is gone."""
    state = buckets.state_of(tx, bucket)
    if state is None:
        raise no_such_bucket()
    return state


def state_of(tx: Transaction, bucket: Bucket) -> Versioning:
    """How the bucket keeps versions at this moment. Raises NotFound if it is gone."""
    return bucket_state(tx, bucket).versioning


def _row(new: Draft, ordinal: int, *, unversioned: bool) -> VersionRow:
    return VersionRow(
        new.key,
        ordinal,
        new.id,
        1,
        int(new.is_marker),
        int(unversioned),
        new.size,
        new.etag,
        new.modified_at,
        new.blob,
        new.upload,
        None,
        new.sealed_key,
        new.sealed_facts,
        new.key_id,
        new.subject,
    )
