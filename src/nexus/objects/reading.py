"""Stories that open objects: GET, HEAD, and the source side of a copy.

1. The version is found; a delete marker is not one. What a patient refuses for secondary use is missing (`consenting.py`).
2. The preconditions hold.
3. The bucket key is at hand for this actor; it opens the object key (with the subject's, where it has one), and that the
   facts, which must agree with the row.
4. The range lies inside the object.
5. The first bytes are opened.
6. The read is recorded, durably; in the same transaction, the patient concerned allows it.
7. Only now does the first byte leave.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import NamedTuple

import msgspec

from nexus.kernel.database import Database
from nexus.kernel.errors import Invalid, NexusError
from nexus.kernel.operation import Detail, Operation
from nexus.objects import content, rules
from nexus.objects.blobs.port import BlobStore
from nexus.objects.client_keys import ClientKey, joined
from nexus.objects.consenting import Consenting, Watch
from nexus.objects.content import Body, Message, Source
from nexus.objects.errors import (
    INVALID_PART_NUMBER,
    IsDeleteMarker,
    NotModified,
    PreconditionFailed,
    Refused,
    damaged,
    no_such_key,
    no_such_version,
)
from nexus.objects.keys import BucketKeys
from nexus.objects.model import (
    ALWAYS_READ,
    Bucket,
    ByteRange,
    ObjectInfo,
    ObjectRead,
    ObjectRef,
    Part,
    ReadConditions,
    Versioning,
)
from nexus.objects.named_keys import NamedKeys
from nexus.objects.reading_ahead import Ahead
from nexus.objects.retention import Lock
from nexus.objects.sealing import (
    BODY,
    INLINE,
    KEY,
    PART,
    BucketKey,
    Facts,
    ObjectKey,
    Piece,
    Place,
    open_facts,
    open_manifest,
)
from nexus.objects.store import locks, versions
from nexus.objects.store.versions import VersionRow


class Opened(msgspec.Struct, frozen=True):
    """A version whose facts verify; its bytes are not read yet."""

    bucket: Bucket
    row: VersionRow
    bucket_key: BucketKey
    key: ObjectKey
    facts: Facts
    sealed_body: bytes | None
    place: Place
    """Where everything of this version is bound to."""
    lock: Lock | None = None
    watch: Watch | None = None
    """Who is asked whether the patient allows it; None where nobody's data are there by name."""

    def info(self, part_number: int | None = None) -> ObjectInfo:
        """What callers may know of it, and of the part that they asked for."""
        asked = self.pieces() if part_number is not None and self.facts.part_count else ()
        return ObjectInfo(
            version=self.row.shown,
            metadata=self.facts.metadata,
            checksums=self.facts.checksums,
            part_count=self.facts.part_count,
            part_checksums=next((piece.checksums for piece in asked if piece.number == part_number), None),
            lock=self.lock,
            key_id=self.row.key_id or "",
        )

    @property
    def public_version_id(self) -> str | None:
        """Its version id, None if its bucket was never versioned."""
        return None if self.bucket.versioning is Versioning.OFF else self.row.version_id

    def inline(self) -> bytes:
        """The plaintext of a body that is kept in the database. Raises Damaged."""
        sealed, aad = self.sealed_body or b"", self.place.bind(BODY)
        return content.open_inline(sealed, self.key, aad, self.facts.size)

    def pieces(self) -> tuple[Piece, ...]:
        """The manifest of an object made of parts. Raises Damaged."""
        pieces = open_manifest(self.key, self.place, self.sealed_body or b"")
        if sum(piece.size for piece in pieces) != self.facts.size or len(pieces) != self.facts.part_count:
            raise damaged("the manifest of an object")
        return pieces


class _Found(NamedTuple):
    """A row, its inline body or manifest, and who is asked."""

    row: VersionRow
    sealed_body: bytes | None
    watch: Watch | None


class Reading:
    """Stories that open objects."""

    def __init__(
        self, database: Database, blobs: BlobStore, keys: BucketKeys, named: NamedKeys, consenting: Consenting
    ) -> None:
        self._consenting = consenting
        self._database = database
        self._blobs = blobs
        self._keys = keys
        self._named = named
        self._ahead = Ahead()

    async def get(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        version_id: str | None = None,
        wanted: ByteRange | None = None,
        part_number: int | None = None,
        conditions: ReadConditions = ALWAYS_READ,
        client_key: ClientKey | None = None,
    ) -> ObjectRead:
        """Open a version, whole or a range or one part of it. `client_key`: the key that it was written with, if one was.

        Raises NotFound (key, version), IsDeleteMarker, NotModified, PreconditionFailed, RangeNotSatisfiable,
        Invalid `objects.invalid-part-number`, Damaged, Sealed or Unavailable; only then is nothing recorded here.
        """
        ref = ObjectRef(bucket, key, version_id)
        opened = await self.open(op, ref, conditions, client_key=client_key, part_number=part_number)
        first, length = self._extent(opened, wanted, part_number, named=version_id is not None)
        return await self.read(op, ref, opened, first, length, part_number=part_number)

    async def get_for_upkeep(self, op: Operation, bucket: Bucket, key: str, action: str) -> ObjectRead:
        """Open an object so that the platform writes it anew without somebody: no patient is asked, and the entry says `action`.

        No door reaches this. Raises NotFound, Damaged, Sealed or Unavailable.
        """
        opened = await self.open(op, ObjectRef(bucket, key))
        entry = op.allowed(action, bucket.resource, **_details(opened))
        await self._database.record(entry)
        rest = None if opened.facts.content == INLINE else self._chunks(opened, 0, opened.facts.size)
        head = opened.inline() if rest is None else b""

        async def failed(error: NexusError) -> None:
            await self._database.record(op.failed(action, bucket.resource, **_details(opened), code=error.code))

        return ObjectRead(opened.info(), 0, opened.facts.size, Body(head, rest, failed, None))

    async def head(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        version_id: str | None = None,
        wanted: ByteRange | None = None,
        part_number: int | None = None,
        conditions: ReadConditions = ALWAYS_READ,
        client_key: ClientKey | None = None,
    ) -> tuple[ObjectInfo, int, int]:
        """What is known of a version, and (first, length) of the part or range asked for. Raises as `get` does."""
        ref = ObjectRef(bucket, key, version_id)
        opened = await self.open(op, ref, conditions, client_key=client_key, part_number=part_number)
        first, length = self._extent(opened, wanted, part_number, named=version_id is not None)
        await self.record(op, ref, opened, {"head": True})
        return opened.info(part_number), first, length

    async def parts(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        version_id: str | None = None,
        client_key: ClientKey | None = None,
    ) -> tuple[ObjectInfo, tuple[Part, ...]]:
        """What is known of a version and of the parts that it was uploaded in (none if in one piece)."""
        ref = ObjectRef(bucket, key, version_id)
        opened = await self.open(op, ref, client_key=client_key)
        pieces = opened.pieces() if opened.facts.part_count else ()
        await self.record(op, ref, opened, {"head": True})
        modified_at = opened.facts.modified_at
        return opened.info(), tuple(
            Part(number=piece.number, etag="", size=piece.size, last_modified=modified_at, checksums=piece.checksums)
            for piece in pieces
        )

    async def open_source(
        self, op: Operation, ref: ObjectRef, conditions: ReadConditions, client_key: ClientKey | None = None
    ) -> Opened:
        """`open` for the source of a copy: what would be NotModified raises PreconditionFailed."""
        try:
            return await self.open(op, ref, conditions, client_key=client_key)
        except NotModified:
            failed = "if-none-match" if conditions.if_none_match else "if-modified-since"
            raise PreconditionFailed(failed) from None

    async def open(
        self,
        op: Operation,
        ref: ObjectRef,
        conditions: ReadConditions = ALWAYS_READ,
        *,
        client_key: ClientKey | None = None,
        facts_only: bool = False,
        part_number: int | None = None,
    ) -> Opened:
        """Steps 1 to 3; nothing is recorded yet. `facts_only` needs no client's key: its content stays closed.

        `part_number`: which part is wanted; where an object has fewer, that is said before a client's key is asked for.
        """
        rules.check_key(ref.key)
        watch = await self._consenting.watch(op, ref.bucket)
        row, sealed_body = self._find(ref, watch)
        try:
            opened = await self._open(op, ref, _Found(row, sealed_body, watch), conditions)
            return opened if facts_only else _with_content(opened, client_key, part_number)
        except NexusError:  # nothing is told of it that a withdrawal meanwhile would hide
            if watch is not None:
                watch.look(row.subject, named=ref.version_id is not None, anew=True)
            raise

    async def _open(
        self,
        op: Operation,
        ref: ObjectRef,
        found: "_Found",
        conditions: ReadConditions,
    ) -> Opened:
        """Steps 2 and 3, without the client's key."""
        row, sealed_body, watch = found
        rules.check_read(conditions, row.etag, row.modified_at)
        under = self.under_key_of(op, ref.bucket, row.key_id)
        bucket_key = self._keys.at_hand(op, under) or await self._keys.of(op, under)
        place = Place(ref.bucket.id, row.key, row.id)
        subject_key = None if watch is None or watch.vault is None else watch.vault.subject_key(row.subject)
        key = self._keys.unwrap(bucket_key, row.sealed_key, place.bind(KEY), subject_key)
        told = open_facts(key, place, row.sealed_facts)
        if (told.size, told.etag, told.modified_at, told.content) != (
            row.size,
            row.etag,
            row.modified_at,
            row.content,
        ):
            raise damaged("the row of an object")
        if watch is not None:
            watch.check_name(row.subject, told.metadata.subject or None)
        lock = locks.peek(self._database, row.id) if ref.bucket.lock is not None else None
        return Opened(ref.bucket, row, bucket_key, key, told, sealed_body, place, lock, watch)

    async def read(
        self,
        op: Operation,
        ref: ObjectRef,
        opened: Opened,
        first: int,
        length: int,
        *,
        part_number: int | None = None,
    ) -> ObjectRead:
        """Steps 5 to 7, for a range that lies inside the object."""
        head: bytes | bytearray
        rest: AsyncGenerator[bytearray, None] | None = None
        if opened.facts.content == INLINE:
            head = opened.inline()[first : first + length]
        else:
            rest = self._chunks(opened, first, length)
            head = await anext(rest, bytearray())
        try:
            await self.record(op, ref, opened, {"first": first, "length": length})
        except BaseException:
            if rest is not None:
                await rest.aclose()
            raise

        async def failed(error: NexusError) -> None:
            entry = op.failed(_action(ref), ref.bucket.resource, **_details(opened), code=error.code)
            if isinstance(error, Refused):
                entry = replace(entry, details={**entry.details, "consent": error.reason}, subject=error.subject)
            await self._database.record(entry)

        still = opened.watch.still(opened.row.subject) if opened.watch is not None and rest is not None else None
        return ObjectRead(opened.info(part_number), first, length, Body(head, rest, failed, still))

    async def record(self, op: Operation, ref: ObjectRef, opened: Opened, details: Mapping[str, Detail]) -> None:
        """Step 6. Raises Hidden or Refused where a patient, or the purpose, does not allow it."""
        action, details = _action(ref), {**_details(opened), **details}
        if opened.watch is None:
            await self._database.record(op.allowed(action, ref.bucket.resource, **details))
        else:
            await opened.watch.record(op, action, details, opened.row.subject, named=ref.version_id is not None)

    def under_key_of(self, op: Operation, bucket: Bucket, key_id: str | None) -> Bucket:
        """The bucket under the key that something in it is sealed under, which the actor may use. Raises Denied."""
        return self._named.known(op, bucket, key_id)

    def _find(self, ref: ObjectRef, watch: Watch | None) -> tuple[VersionRow, bytes | None]:
        found = versions.find_version(self._database, ref.bucket, ref.key, ref.version_id)
        if found is None:
            raise no_such_key() if ref.version_id is None else no_such_version()
        row, named = found[0], ref.version_id is not None
        if watch is not None:
            watch.look(row.subject, named=named, anew=bool(row.marker))
        if row.marker:
            raise IsDeleteMarker(version_id=row.version_id, last_modified=row.modified_at, named=named)
        return found

    def _extent(
        self, opened: Opened, wanted: ByteRange | None, part_number: int | None, *, named: bool
    ) -> tuple[int, int]:
        """Step 4. Raises Invalid or RangeNotSatisfiable, or Hidden if that is what it is by now."""
        try:
            return _extent(opened, wanted, part_number)
        except NexusError:
            if opened.watch is not None:
                opened.watch.look(opened.row.subject, named=named, anew=True)
            raise

    def _chunks(self, opened: Opened, first: int, length: int) -> AsyncGenerator[bytearray, None]:
        kind, _, name = opened.facts.content.partition(":")
        if kind == "blob":
            messages = [Message(name, opened.key.content, opened.place.bind(BODY), opened.facts.size)]
        else:
            messages = [_part_message(opened, name, piece) for piece in opened.pieces()]
        source = Source(self._blobs, opened.bucket_key, self._ahead, asked=opened.watch is not None)
        return content.chunks(source, messages, first, length)


def part_place(bucket: Bucket, key: str, upload_id: str, number: int, blob: str) -> Place:
    """Where a part is bound to: its upload, its number and the very blob, so that an earlier attempt opens nowhere."""
    return Place(bucket.id, key, upload_id, str(number), blob)


def _with_content(opened: Opened, client_key: ClientKey | None, part_number: int | None) -> Opened:
    """The same, its content opened with the client's key where one is needed. Raises Invalid or Denied."""
    verifier = opened.facts.metadata.client_key or ""
    if verifier and client_key is None and (part_number or 0) > max(opened.facts.part_count, 1):
        raise _no_such_part()
    if not verifier and client_key is None:
        return opened
    return msgspec.structs.replace(opened, key=joined(opened.key, verifier, client_key))


def _no_such_part() -> Invalid:
    return Invalid("the object has no part of this number", code=INVALID_PART_NUMBER)


def _part_message(opened: Opened, upload_id: str, piece: Piece) -> Message:
    place = part_place(opened.bucket, opened.row.key, upload_id, piece.number, piece.blob)
    return Message(piece.blob, opened.key.content, place.bind(PART), piece.size)


def _extent(opened: Opened, wanted: ByteRange | None, part_number: int | None) -> tuple[int, int]:
    """(first, length) of what was asked for. Raises Invalid or RangeNotSatisfiable."""
    if part_number is None:
        return rules.resolve(wanted, opened.facts.size)
    if not opened.facts.part_count and part_number == 1:
        return 0, opened.facts.size
    first = 0
    for piece in opened.pieces() if opened.facts.part_count else ():
        if piece.number == part_number:
            return first, piece.size
        first += piece.size
    raise _no_such_part()


def _action(ref: ObjectRef) -> str:
    return "objects.object.read" if ref.version_id is None else "objects.version.read"


def _details(opened: Opened) -> dict[str, Detail]:
    return {"key": opened.row.key, "version": opened.row.id}
