"""Stories that make a version in one piece: PUT and COPY.

1. Names, metadata and (as far as it can be known yet) conditions are right, before a byte is read.
2. The bucket key is at hand for this actor; the version gets an id and a fresh object key.
3. The body is taken in: small ones in memory, larger ones sealed into a blob as they arrive.
4. `verify` agrees with what arrived.
5. The blob is durable.
6. Row and audit entry commit together; conditions are decided here.
7. BlobStore that were replaced are removed.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.crypto import floe
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Transaction
from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Detail, Operation
from nexus.objects import quotas, rules
from nexus.objects.batches import Batches
from nexus.objects.blobs.port import BlobStore
from nexus.objects.client_keys import ClientKey
from nexus.objects.committing import commit, draft
from nexus.objects.consenting import refuse_secondary_writes
from nexus.objects.errors import COPY_UNCHANGED, OTHER_SUBJECT
from nexus.objects.keys import BucketKeys
from nexus.objects.model import (
    ALWAYS_READ,
    ALWAYS_WRITE,
    INLINE_BYTES,
    BodyFacts,
    Bucket,
    Copied,
    Metadata,
    ObjectRef,
    Plaintext,
    ReadConditions,
    Versioning,
    WriteConditions,
    Written,
)
from nexus.objects.naming import taken_out
from nexus.objects.reading import Opened, Reading
from nexus.objects.receiving import Intake
from nexus.objects.retention import Lock
from nexus.objects.sealing import BODY, INLINE, SEGMENTS, Facts, ObjectKey, Place
from nexus.objects.store import versions
from nexus.objects.store.buckets import StateRow
from nexus.objects.vaults import Vaults, concerning

WRITE: Final = "objects.object.write"

Verify = Callable[[BodyFacts], Mapping[str, str]]
"""Called after the last byte and before anything is committed: raises, or returns the checksums to keep."""


class Writing:
    """Stories that make a version in one piece."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        keys: BucketKeys,
        clock: Clock,
        reading: Reading,
        *,
        vaults: Vaults,
        batches: Batches,
    ) -> None:
        self._vaults = vaults
        self._batches = batches
        self._database = database
        self._blobs = blobs
        self._keys = keys
        self._clock = clock
        self._reading = reading

    async def put(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        body: AsyncIterator[bytes],
        *,
        length: int | None = None,
        metadata: Metadata = Metadata(),  # noqa: B008 - frozen
        conditions: WriteConditions = ALWAYS_WRITE,
        want_md5: bool = False,
        verify: Verify | None = None,
        lock: Lock | None = None,
        client_key: ClientKey | None = None,
    ) -> Written:
        """Seal and store a body; durable when it returns.

        `lock` is that of the new version, in a bucket that has locks (Invalid otherwise). `client_key` is a key that will
        be needed to open it.

        `length` is what the client declared (plaintext bytes) or None; a body of another length is Invalid
        `objects.incomplete-body`. `want_md5` computes the MD5 of a large body too (a client sent Content-MD5): it is
        in `BodyFacts` and becomes the ETag. Raises Invalid, PreconditionFailed, NotFound (`if_match` on nothing),
        what `body` and `verify` raise, Sealed or Unavailable; nothing half-appears.
        """
        refuse_secondary_writes(op, bucket)
        rules.check_metadata(metadata)
        metadata = taken_out(metadata)
        new = _New(bucket, key, metadata, conditions, lock=lock, client_key=client_key)
        return await self._store(op, new, body, length=length, want_md5=want_md5, verify=verify, details={})

    async def copy(
        self,
        op: Operation,
        source: ObjectRef,
        bucket: Bucket,
        key: str,
        *,
        source_conditions: ReadConditions = ALWAYS_READ,
        conditions: WriteConditions = ALWAYS_WRITE,
        metadata: Metadata | None = None,
        tags: Mapping[str, str] | None = None,
        like: Metadata = Metadata(),  # noqa: B008 - frozen
        observe: Callable[[bytes], None] | None = None,
        verify: Verify | None = None,
        lock: Lock | None = None,
        source_client_key: ClientKey | None = None,
        client_key: ClientKey | None = None,
    ) -> Copied:
        """Open a version and seal it again as another, under a key of its own.

        `metadata` None keeps the headers and user metadata of the source (its tags too unless `tags` is given);
        given, it replaces headers and user metadata, and `tags` None still keeps the tags. Owner, grants and encryption
        are never the source's, but those of `like`. `observe` sees every chunk of plaintext (checksums). Copying a latest version onto itself with nothing replaced is Invalid
        `objects.copy-unchanged`. A source that fails its conditions raises PreconditionFailed, never NotModified.
        Records the read of the source and the write.
        """
        refuse_secondary_writes(op, bucket)
        same = metadata is None and tags is None and client_key is None and like == Metadata()
        if same and source == ObjectRef(bucket, key):
            raise Invalid("a copy onto itself must change something", code=COPY_UNCHANGED)
        opened = await self._reading.open_source(op, source, source_conditions, source_client_key)
        kept = _metadata_of_copy(opened, metadata, tags, like)
        rules.check_metadata(kept)
        if opened.watch is not None and opened.watch.vault is not None:
            await self._vaults.bring(op, opened.watch.vault, opened.row.subject, bucket)
        read = await self._reading.read(op, source, opened, 0, opened.facts.size)
        async with aclosing(observed(read.body, observe)) as body:
            written = await self._store(
                op,
                _New(
                    bucket,
                    key,
                    kept,
                    conditions,
                    etag="" if opened.facts.part_count else opened.facts.etag,
                    lock=lock,
                    client_key=client_key,
                ),
                body,
                length=opened.facts.size,
                want_md5=False,
                verify=verify,
                details={"source_bucket": source.bucket.name, "source_version": opened.row.id},
            )
        return Copied(written=written, source_version_id=opened.public_version_id)

    async def _store(
        self,
        op: Operation,
        new: "_New",
        body: AsyncIterator[bytes],
        *,
        length: int | None,
        want_md5: bool,
        verify: Verify | None,
        details: Mapping[str, Detail],
    ) -> Written:
        rules.check_key(new.key)
        subject = await self._vaults.admit(op, new.bucket, new.metadata.subject or "")
        self._check_early(new, length)
        bucket_key = await self._keys.of(op, new.bucket)
        object_key, version_id = ObjectKey.fresh(), new_id("ver")
        blob_id = "blb" + version_id.removeprefix("ver")
        client_key, metadata = new.client_key, new.metadata
        if client_key is not None:
            metadata = msgspec.structs.replace(metadata, client_key=client_key.verifier(object_key))
        content_key = object_key if client_key is None else client_key.join(object_key)
        key, aad = content_key.content, Place(new.bucket.id, new.key, version_id).bind(BODY)
        with Intake(
            self._blobs,
            blob_id,
            bucket_key,
            key,
            aad,
            batches=self._batches,
            inline_bytes=INLINE_BYTES,
            length=length,
            want_md5=want_md5,
        ) as intake:
            known = await intake.take(body)
            checksums = verify(known) if verify is not None else {}
            await intake.make_durable()
            inline = None if intake.inline is None else floe.seal(key, aad, intake.inline, SEGMENTS)
            facts = Facts(
                size=known.size,
                etag=new.etag or etag_of(known.md5),
                modified_at=self._clock.now(),
                content=INLINE if inline is not None else f"blob:{blob_id}",
                part_count=0,
                metadata=metadata,
                checksums=checksums,
            )
            made = draft(
                bucket_key,
                object_key,
                facts,
                inline,
                bucket=new.bucket,
                key=new.key,
                version_id=version_id,
                lock=new.lock,
                subject=subject,
                blob_checksum=intake.checksum,
            )
            entry = op.allowed(WRITE, new.bucket.resource, key=new.key, version=version_id, size=known.size, **details)
            entry = concerning(entry, subject)
            intake.committing = True
            return await commit(self._database, self._blobs, made, new.conditions, entry)

    def _check_early(self, new: "_New", length: int | None) -> None:
        """Spare the client a long body that cannot be committed. The commit decides again."""

        def freed(tx: Transaction, state: StateRow) -> int:
            replaced = None if state.versioning is Versioning.ENABLED else versions.unversioned(tx, new.bucket, new.key)
            return replaced.size if replaced else 0

        quotas.refuse_early(self._database, new.bucket, length, freed)
        if new.conditions is not ALWAYS_WRITE:
            with self._database.read() as tx:
                top = versions.top(tx, new.bucket, new.key)
            rules.check_write(new.conditions, None if top is None or top.marker else top.shown)


@dataclass(frozen=True, slots=True)
class _New:
    """The version that is being made. `bucket`: under the key that was named, if one was. `etag`: of a copy's source."""

    bucket: Bucket
    key: str
    metadata: Metadata
    conditions: WriteConditions
    etag: str = ""
    lock: Lock | None = None
    client_key: ClientKey | None = None


def etag_of(md5: bytes | None) -> str:
    """The MD5 if it was computed, or random digits with a dash: clients take no ETag with a dash for an MD5."""
    return md5.hex() if md5 is not None else f"{secrets.token_hex(16)}-1"


async def observed(body: Plaintext, observe: Callable[[bytes], None] | None) -> AsyncGenerator[bytes, None]:
    """A body that somebody else sees pass by."""
    async with aclosing(body):
        async for chunk in body:
            if observe is not None:
                observe(chunk)
            yield chunk


def _metadata_of_copy(
    opened: Opened, metadata: Metadata | None, tags: Mapping[str, str] | None, like: Metadata
) -> Metadata:
    source = opened.facts.metadata
    given = metadata or source
    kept = source.tags if tags is None else tags
    made = taken_out(msgspec.structs.replace(like, headers=given.headers, user=given.user, tags=kept))
    if made.subject and source.subject and made.subject != source.subject:
        raise Denied("a copy is of the same subject as its source", code=OTHER_SUBJECT)
    return msgspec.structs.replace(made, subject=source.subject or made.subject)
