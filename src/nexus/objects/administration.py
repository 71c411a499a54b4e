"""Buckets as the REST door and the command line administer them. Objects themselves travel through the S3 door."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Denied, Unavailable
from nexus.kernel.operation import Operation
from nexus.objects.capacity import MAX_DAYS, MOST_BYTES, MOST_OBJECTS, CapacityUsage, Quota, quota_of
from nexus.objects.consenting import refuse_secondary_writes
from nexus.objects.declaration import Declaration, OnWithdrawal
from nexus.objects.errors import REFUSED_USE, no_such_tenant
from nexus.objects.model import Bucket, BucketKind, ObjectRef, Versioning
from nexus.objects.naming import MAX_MANIFEST_SUBJECTS
from nexus.objects.replication import PlaceNow, Replicas, Replication
from nexus.objects.s3.ports import Gate, Placements
from nexus.objects.service import ObjectService
from nexus.objects.store.usage import Limit
from nexus.objects.subject_administration import SubjectAdministration
from nexus.objects.usage import BucketUsage

Name = Annotated[str, Meta(min_length=3, max_length=63)]
Place = Annotated[str, Meta(min_length=1, max_length=64)]


class CreateBucket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new bucket belongs to a site, and to a project if it is named; both decide who may use it."""

    name: Name
    """3 to 63 of a-z, 0-9, dots and hyphens."""
    site: Place
    """The data provider that it belongs to."""
    project: str = ""
    kind: BucketKind = BucketKind.STANDARD
    """`ingress` is where a site delivers its extracts; `export` is where reviewed results wait."""


class NamedBucket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bucket, by its name."""

    name: Name


class SetVersioning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versioning of a bucket: once on, it can be suspended and never be off again."""

    name: Name
    versioning: Versioning


Subject = Annotated[str, Meta(min_length=5, max_length=64, examples=["sub_01jd3v8f2x7q9k4m6n0p5r1s2t"])]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
MAX_REASON_CHARS = 500
EXAMPLES = ("sub_01jd3v8f2x7q9k4m6n0p5r1s2t", "sub_01jd3v8f2x7q9k4m6n0p5r1s2v")


class DeclareSubjects(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What data of patients a bucket holds. Once declared, it takes no object without a subject, for good."""

    name: Name
    categories: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=16, examples=[["imaging"]])]
    """Categories of data, as patients decide about them."""
    source: Annotated[str, Meta(max_length=64)] = ""
    """Where they come from, as patients decide about it."""
    sensitivity: Word = "normal"
    on_withdrawal: OnWithdrawal = OnWithdrawal.STOP
    """Of a project's bucket: what a withdrawal does to what is there."""


class PutManifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The subjects of objects that hold data of many. An object names the manifest in place of a subject."""

    name: Name
    subjects: Annotated[
        tuple[Subject, ...], Meta(min_length=2, max_length=MAX_MANIFEST_SUBJECTS, examples=[list(EXAMPLES)])
    ]


class ManifestView(Struct, frozen=True, kw_only=True):
    """A manifest that is kept; it never changes."""

    manifest: str
    """What objects name: the value of the tag `nexus:subject`."""
    subjects: int


class ChangeSubject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose data an object is, with all of its versions."""

    name: Name
    key: Annotated[str, Meta(min_length=1, max_length=1_024)]
    """The object's."""
    subject: Subject
    """A subject, or a manifest of many."""
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON_CHARS)]


class ChangedSubject(Struct, frozen=True, kw_only=True):
    """How much changed its subject."""

    versions: int


class DeclaredSubjects(Struct, frozen=True, kw_only=True):
    """What a bucket says of the patients whose data it holds."""

    categories: tuple[str, ...]
    source: str
    sensitivity: str
    on_withdrawal: OnWithdrawal


class ReadUsage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What everybody holds, and how it grew."""

    days: Annotated[int, Meta(ge=1, le=MAX_DAYS)] = 30
    """How many days to show."""


class SetBucketQuota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bucket may hold at most. Earlier versions and parts of unfinished uploads count."""

    name: Name
    bytes: Annotated[int, Meta(ge=0, le=MOST_BYTES)] | None = None
    """As their owners sent them. Without it: no limit."""
    objects: Annotated[int, Meta(ge=0, le=MOST_OBJECTS)] | None = None
    """Versions; delete markers are none. Without it: no limit."""


class SetTenantQuota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all buckets of a site, or of a project at a site, may hold together at most."""

    site: Place
    project: Annotated[str, Meta(max_length=64)] = ""
    """Without it: all buckets of the site, those of its projects too."""
    bytes: Annotated[int, Meta(ge=0, le=MOST_BYTES)] | None = None
    """As their owners sent them. Without it: no limit."""
    objects: Annotated[int, Meta(ge=0, le=MOST_OBJECTS)] | None = None
    """Versions; delete markers are none. Without it: no limit."""


class ListBuckets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All buckets that one may list."""


class BucketView(Struct, frozen=True, kw_only=True):
    """A bucket and where it belongs."""

    name: str
    site: str
    project: str
    kind: BucketKind
    versioning: Versioning
    key_id: str
    """The key of the key service that wraps the bucket's own key."""
    owner: str
    created_at: Instant
    subjects: DeclaredSubjects | None = None
    """What it says of the patients whose data it holds; nothing if it holds none by name."""


class BucketPage(Struct, frozen=True, kw_only=True):
    """Buckets by name."""

    buckets: tuple[BucketView, ...]


class LiftLock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lock of one version. Its governance retention and its legal hold end; a compliance retention never does."""

    name: Name
    key: Annotated[str, Meta(min_length=1, max_length=1_024)]
    """The object's."""
    version: Annotated[str, Meta(min_length=1, max_length=64)]
    """The version id; `null` where versioning was off when it was written."""


class LiftedLock(Struct, frozen=True, kw_only=True):
    """What the version was under before."""

    mode: str
    """`governance`, or empty."""
    until: Instant
    held: bool


def _unwatched(replicas: Replicas) -> tuple[Replication, Sequence[PlaceNow]]:
    """One disk, and no worker that walks over it."""
    return Replication(engine="disk", needed=1), replicas.now(None, elsewhere=False)


class BucketAdministration:
    """The use cases. `placements` names the key that a new bucket's own key is wrapped under."""

    def __init__(
        self,
        objects: ObjectService,
        gate: Gate,
        placements: Placements,
        subjects: SubjectAdministration | None = None,
        replication: Callable[[Replicas], tuple[Replication, Sequence[PlaceNow]]] = _unwatched,
    ) -> None:
        """`subjects`: the use cases across buckets; without them, none is offered. `replication`: how blobs are kept, and how
        their places are at this moment; it waits for disks.
        """
        self._objects = objects
        self._replication = replication
        self._subjects = subjects
        self.buckets = objects.buckets
        self._locking = objects.locking
        self._gate = gate
        self._placements = placements

    async def create(self, op: Operation, request: CreateBucket) -> BucketView:
        """A new, empty bucket. Raises Invalid (name), Conflict if the name is taken, and what the key service raises."""
        key_id = await self._placements.key_for(request.site, request.project)
        bucket = await self.buckets.create(
            op, request.name, site=request.site, key_id=key_id, project=request.project, kind=request.kind
        )
        return _view(bucket)

    async def list(self, op: Operation, request: ListBuckets) -> BucketPage:
        """The buckets that the actor may list, and no trace of the others."""
        every = await self.buckets.list(op)
        return BucketPage(buckets=tuple(_view(bucket) for bucket in every if self._may_list(op, bucket)))

    async def read(self, op: Operation, request: NamedBucket) -> BucketView:
        """One bucket. Raises NotFound."""
        bucket = self.buckets.find(request.name)
        await self.buckets.head(op, bucket)
        return _view(bucket)

    async def usage(self, op: Operation, request: NamedBucket) -> BucketUsage:
        """How much one bucket holds. Raises NotFound."""
        return await self.buckets.usage(op, self.buckets.find(request.name))

    async def capacity(self, op: Operation, request: ReadUsage) -> CapacityUsage:
        """What tenants and buckets hold and may hold, how that grew, how copies are, and whether their places answer now."""
        replication, places = await asyncio.to_thread(self._replication, self._objects.replicas)
        return await self._objects.capacity.show(op, request.days, replication, places)

    async def set_bucket_quota(self, op: Operation, request: SetBucketQuota) -> Quota:
        """Set, change or lift the quota of a bucket. Raises NotFound."""
        limit = Limit(request.bytes, request.objects)
        await self._objects.capacity.set_bucket_quota(op, self.buckets.find(request.name), limit)
        return quota_of(limit)

    async def set_tenant_quota(self, op: Operation, request: SetTenantQuota) -> Quota:
        """Set, change or lift the quota of a site, or of a project at a site. Raises NotFound where nothing belongs to it.

        A quota of what is not there any more can be lifted.
        """
        limit = Limit(request.bytes, request.objects)
        if limit != Limit() and not await self._is_tenant(request.site, request.project):
            raise no_such_tenant()
        await self._objects.capacity.set_tenant_quota(op, request.site, request.project, limit)
        return quota_of(limit)

    async def delete(self, op: Operation, request: NamedBucket) -> None:
        """Remove an empty bucket. Raises NotFound, or Conflict if it is not empty."""
        await self.buckets.delete(op, self.buckets.find(request.name))

    async def set_versioning(self, op: Operation, request: SetVersioning) -> BucketView:
        """Turn versioning on or suspend it. Raises NotFound, or Invalid where it would be turned off."""
        await self.buckets.set_versioning(op, self.buckets.find(request.name), request.versioning)
        return _view(self.buckets.find(request.name))

    async def declare_subjects(self, op: Operation, request: DeclareSubjects) -> BucketView:
        """Say what data of patients a bucket holds. Raises NotFound, Invalid."""
        declared = Declaration(
            categories=request.categories,
            source=request.source,
            sensitivity=request.sensitivity,
            on_withdrawal=request.on_withdrawal,
        )
        await self.buckets.declare_subjects(op, self.buckets.find(request.name), declared)
        return _view(self.buckets.find(request.name))

    async def put_manifest(self, op: Operation, request: PutManifest) -> ManifestView:
        """Keep a manifest of subjects, for objects that hold data of all of them. Raises NotFound, Invalid, Conflict."""
        bucket = self.buckets.find(request.name)
        refuse_secondary_writes(op, bucket)
        named = await self._objects.vaults.put_manifest(op, bucket, request.subjects)
        return ManifestView(manifest=named.id, subjects=len(set(request.subjects)))

    async def change_subject(self, op: Operation, request: ChangeSubject) -> ChangedSubject:
        """Say whose data an object is. Raises NotFound, Invalid, Conflict, Denied."""
        bucket = self.buckets.find(request.name)
        changed = await self._objects.subject_changing.change(op, bucket, request.key, request.subject, request.reason)
        return ChangedSubject(versions=changed)

    @property
    def subjects(self) -> SubjectAdministration:
        """The use cases about subjects. Raises Unavailable where nobody knows any."""
        if self._subjects is None:
            raise Unavailable("nobody answers for patients here", code=REFUSED_USE)
        return self._subjects

    async def lift_lock(self, op: Operation, request: LiftLock) -> LiftedLock:
        """End the retention (governance) and the legal hold of a version. Raises NotFound, Denied, Invalid."""
        ref = ObjectRef(self.buckets.find(request.name), request.key, request.version)
        before = await self._locking.lift(op, ref)
        return LiftedLock(mode=before.mode.value if before.mode else "", until=before.until, held=before.held)

    async def _is_tenant(self, site: str, project: str) -> bool:
        known = self._objects.capacity.has_buckets(site, project)
        return known or await self._placements.knows(site, project)

    def _may_list(self, op: Operation, bucket: Bucket) -> bool:
        try:
            self._gate.check(op, "objects.bucket.list", bucket.resource)
        except Denied:
            return False
        return True


def _view(bucket: Bucket) -> BucketView:
    return BucketView(
        name=bucket.name,
        site=bucket.site,
        project=bucket.project,
        kind=bucket.kind,
        versioning=bucket.versioning,
        key_id=bucket.key_id,
        owner=bucket.owner,
        created_at=bucket.created_at,
        subjects=None
        if bucket.subjects is None
        else DeclaredSubjects(
            categories=bucket.subjects.categories,
            source=bucket.subjects.source,
            sensitivity=bucket.subjects.sensitivity,
            on_withdrawal=bucket.subjects.on_withdrawal,
        ),
    )
