"""What the object store speaks of: buckets, versions, uploads, conditions, pages. Frozen values and limits only."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.operation import Resource
from nexus.objects.declaration import Declaration
from nexus.objects.retention import Lock

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40

MAX_KEY_BYTES = 1_024
"""UTF-8 bytes of an object key."""
MAX_METADATA_BYTES = 8 * KIB
"""User metadata and content headers of one object, names and values together, in UTF-8."""
MAX_TAGS = 10
MAX_BUCKET_TAGS = 50
MAX_TAG_KEY_CHARS = 128
MAX_TAG_VALUE_CHARS = 256
MAX_PUT_BYTES = 5 * GIB
"""Plaintext bytes of one PUT, one COPY or one part."""
MAX_OBJECT_BYTES = 50 * TIB
"""Plaintext bytes of one object made of parts."""
MIN_PART_BYTES = 5 * MIB
"""Plaintext bytes of every part but the last."""
MAX_PARTS = 10_000
MAX_PAGE = 1_000
"""Entries of one listing answer."""
MAX_BULK_DELETE = 1_000
INLINE_BYTES = 64 * KIB
"""Bodies up to this many plaintext bytes live in the database, where one commit makes many of them durable at once."""
MD5_BYTES = 1 * MIB
"""Bodies up to this many bytes have their MD5 as ETag; above, MD5 would cost ten times what sealing costs."""
MAX_KNOWN_RESOURCES = 1_024
"""Buckets whose resource is remembered: every request names its own twice or more."""
MAX_DOCUMENT_BYTES = 64 * KIB
"""Bytes of one configuration document of a bucket."""
NULL_VERSION = "null"
"""The version id, towards clients, of what was written while versioning was off or suspended."""


class BucketKind(StrEnum):
    """What a bucket is for; policies tell them apart."""

    STANDARD = "standard"
    INGRESS = "ingress"
    """Where a site delivers its extracts."""
    EXPORT = "export"
    """Where reviewed results wait to be fetched."""
    RELEASE = "release"
    """What a project reads, frozen: built by the platform of patients of any site, and changed by nobody else."""


class Versioning(StrEnum):
    OFF = "off"
    ENABLED = "enabled"
    SUSPENDED = "suspended"


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket. `id` is never used again, even if another bucket of the same name is created later."""

    number: int
    """Its short name inside the database."""
    id: str
    name: str
    site: str
    project: str
    """Empty if it belongs to no project."""
    kind: BucketKind
    key_id: str
    """The key of the key service that wraps the bucket key."""
    versioning: Versioning
    owner: str
    """The actor who created it."""
    created_at: Instant
    wrapped_key: bytes
    """The bucket key, wrapped by the key service."""
    revision: int = 0
    """Counts changes of its configuration documents; 0 if it never had one."""
    lock: str | None = None
    """None: versions cannot be locked. Otherwise the default retention of new ones, as `retention.DefaultRetention`
    writes it; empty if there is none."""
    subjects: Declaration | None = None
    """What it says of the patients whose data it holds; None: it holds no patient's data by name."""
    named_key: str = ""
    """Set in the view of a bucket under another key than its own (`named_keys.py`): the id of that key."""
    own_key: str = ""
    """Set in that view: the id of its own key."""

    @property
    def resource(self) -> Resource:
        """What the gate decides on and what the audit log shows."""
        return bucket_resource(self.name, self.site, self.project, self.kind)


@lru_cache(maxsize=MAX_KNOWN_RESOURCES)
def bucket_resource(name: str, site: str, project: str, kind: BucketKind) -> Resource:
    """The resource of a bucket, before it exists too."""
    return Resource("Bucket", name, {"site": site, "project": project, "kind": kind.value})


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """A line of an access control list, in the door's words."""

    grantee: str
    permission: str


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What travels with an object besides its bytes; sealed with it. Names are lower case."""

    headers: Mapping[str, str] = {}
    """Content headers to give back (`content-type`, `cache-control`, …)."""
    user: Mapping[str, str] = {}
    """User metadata, without the protocol's prefix."""
    tags: Mapping[str, str] = {}
    owner: str | msgspec.UnsetType = msgspec.UNSET
    """Who owns it, where that is not the owner of its bucket."""
    grants: tuple[Grant, ...] | msgspec.UnsetType = msgspec.UNSET
    """Its access control list, where it has one."""
    encryption: str | msgspec.UnsetType = msgspec.UNSET
    """How the door speaks of its encryption, where not as of the key of its bucket."""
    client_key: str | msgspec.UnsetType = msgspec.UNSET
    """What a client's key is recognised by (`client_keys.py`), where one was given."""
    lock: Lock | msgspec.UnsetType = msgspec.UNSET
    """Uploads in parts only: the lock of the version that it becomes."""
    subject: str | msgspec.UnsetType = msgspec.UNSET
    """Whose data these are: the id of a subject, or of a manifest of many (`naming.py`)."""


class ObjectVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version as listings show it."""

    key: str
    version_id: str
    """`null` if written while versioning was off or suspended."""
    is_latest: bool
    is_delete_marker: bool
    size: int
    """Plaintext bytes."""
    etag: str
    """Without quotes; empty for a delete marker."""
    last_modified: Instant


class ObjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A version with all that is known of it."""

    version: ObjectVersion
    metadata: Metadata
    checksums: Mapping[str, str]
    """What the door's `verify` returned when the object was written (`{"crc64nvme": "<base64>"}`); its words."""
    part_count: int
    """Parts it was uploaded in; 0 if in one piece."""
    part_checksums: Mapping[str, str] | None = None
    """Those of the part that was asked for alone."""
    lock: Lock | None = None
    """Its retention and legal hold, where it has any."""
    key_id: str = ""
    """The key of the key service that its key is under, where not the bucket's own."""


class ByteRange(msgspec.Struct, frozen=True):
    """A range as asked for: `first`-`last` inclusive, `first`- (last None), or the last `last` bytes (first None)."""

    first: int | None
    last: int | None


class ReadConditions(msgspec.Struct, frozen=True, kw_only=True):
    """Preconditions of a read, as in RFC 9110. ETags without quotes; `("*",)` matches whatever exists."""

    if_match: tuple[str, ...] = ()
    if_none_match: tuple[str, ...] = ()
    if_modified_since: Instant | None = None
    if_unmodified_since: Instant | None = None


class WriteConditions(msgspec.Struct, frozen=True, kw_only=True):
    """Preconditions of a write, decided inside the commit: nobody can come in between."""

    if_match: tuple[str, ...] = ()
    if_none_match: tuple[str, ...] = ()
    if_last_modified: Instant | None = None
    """Deletes only; whole seconds are compared."""
    if_size: int | None = None
    """Deletes only."""


ALWAYS_READ = ReadConditions()
ALWAYS_WRITE = WriteConditions()


class ObjectRef(msgspec.Struct, frozen=True):
    """A version by name: the latest one if `version_id` is None."""

    bucket: Bucket
    key: str
    version_id: str | None = None


class Plaintext(Protocol):
    """Opened bytes, in order. Whoever does not iterate to the end calls `aclose`."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    def whole(self) -> bytes | None:
        """All of it, if it is at hand."""
        ...

    def pieces(self) -> AsyncIterator[bytes | bytearray]:
        """The same bytes with a copy less: each piece is lent until the next is asked for."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ObjectRead:
    """An opened version. The audit entry is durable before this exists.

    A segment that does not verify ends `body` with Damaged, which is recorded already.
    """

    info: ObjectInfo
    first: int
    """Offset of the first byte of `body` in the object."""
    length: int
    """Bytes that `body` yields."""
    body: Plaintext


class BodyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a body after its last byte; handed to `verify` before anything is committed."""

    size: int
    md5: bytes | None
    """16 bytes, if the body is small or the caller asked for it."""
    crc64: bytes | None = None
    """CRC-64/NVME, 8 bytes big-endian, if the store asked for it."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A durable write."""

    version_id: str | None
    """None while versioning is off."""
    etag: str
    size: int
    last_modified: Instant
    checksums: Mapping[str, str]
    metadata: Metadata = Metadata()
    key_id: str = ""
    """As in `ObjectInfo`."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """A durable copy and the version that it came from (None if its bucket was never versioned)."""

    written: Written
    source_version_id: str | None


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """What a delete did. Deleting what does not exist succeeds."""

    version_id: str | None
    """The version removed, or the marker added; None while versioning is off."""
    is_delete_marker: bool


class DeleteTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bulk delete."""

    key: str
    version_id: str | None = None
    conditions: WriteConditions = ALWAYS_WRITE


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of objects. `next` is the continuation token of the page after it, or None."""

    versions: tuple[ObjectVersion, ...]
    prefixes: tuple[str, ...]
    next: str | None
    last: str
    """The last key or prefix of this page: where a caller that pages by name goes on."""


class VersionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of versions, by key and then newest first. The markers are None on the last page."""

    versions: tuple[ObjectVersion, ...]
    prefixes: tuple[str, ...]
    next_key: str | None
    next_version_id: str | None


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload in parts that is neither complete nor aborted."""

    id: str
    key: str
    initiated_at: Instant
    initiator: str
    """The actor who began it."""
    note: str
    """The door's own word about it (its checksum algorithm and type, its kind of encryption)."""
    key_id: str = ""
    """As in `ObjectInfo`."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A stored part of an upload."""

    number: int
    etag: str
    size: int
    last_modified: Instant
    checksums: Mapping[str, str]


class PartReference(msgspec.Struct, frozen=True, kw_only=True):
    """A part as the completing client names it."""

    number: int
    etag: str
    checksums: Mapping[str, str] = {}
    """Compared with what was stored, where given."""


class UploadPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of uploads, by key and then by age."""

    uploads: tuple[Upload, ...]
    prefixes: tuple[str, ...]
    next_key: str | None
    next_upload_id: str | None


class PartPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of parts, by number."""

    upload: Upload
    parts: tuple[Part, ...]
    next_number: int | None
