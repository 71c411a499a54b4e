"""One admitted request: what every verb gets. The gate has allowed it already."""

from dataclasses import dataclass

import msgspec

from nexus.kernel.errors import Denied, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.buckets import DocumentName
from nexus.objects.errors import no_such_bucket
from nexus.objects.model import Bucket, BucketKind, ObjectRef, bucket_resource
from nexus.objects.s3 import errors
from nexus.objects.s3.access import Access, Question
from nexus.objects.s3.authenticate import Caller
from nexus.objects.s3.bucket_settings import BucketSettings
from nexus.objects.s3.checksums import Algorithm
from nexus.objects.s3.dialect import AWS, Dialect
from nexus.objects.s3.errors import Code, Refusal
from nexus.objects.s3.http import Request
from nexus.objects.s3.payload import Payload, framing
from nexus.objects.s3.placement import Placement
from nexus.objects.s3.ports import AuditWriter, Destinations, Gate, Placements
from nexus.objects.s3.posted import Posted
from nexus.objects.s3.stream import BodyStream
from nexus.objects.s3.xml import MAX_DOCUMENT, Document, parse
from nexus.objects.service import ObjectService


@dataclass(frozen=True, slots=True)
class Door:
    """What the verbs use of the world."""

    objects: ObjectService
    gate: Gate
    audit: AuditWriter
    placements: Placements
    region: str
    access: Access
    destinations: Destinations
    dialect: Dialect = AWS

    def bucket(self, op: Operation, action: str, name: str, site: str | None = None) -> Bucket:
        """The bucket of this name, in this site if one is named; whether the actor may do anything in it is to be asked next.

        Raises Denied or NotFound. Of a bucket that does not exist, those hear who might have one: it is judged as if it were of their own site.
        To everybody else, no bucket and a bucket of others are the same.
        """
        try:
            bucket = self.objects.buckets.find(name)
            if site is not None and bucket.site != site:
                raise no_such_bucket()
        except NotFound:
            if self.access.sharing.possible:
                raise
            own = self.placements.site_of(op.actor) or ""
            self.gate.check(op, action, bucket_resource(name, own, "", BucketKind.STANDARD))
            raise
        return bucket


class Call(msgspec.Struct, frozen=True):
    """`op` is who and why; `bucket` is set for every verb but ListBuckets and CreateBucket, `key` for object verbs."""

    door: Door
    op: Operation
    request: Request
    caller: Caller
    stream: BodyStream
    bucket_name: str
    key: str
    found: Bucket | None = None
    placement: Placement | None = None
    form: Posted | None = None
    """The form of a POST Object."""
    """Where the new bucket of a CreateBucket belongs."""

    @property
    def bucket(self) -> Bucket:
        if self.found is None:
            raise Refusal(errors.NO_SUCH_BUCKET)
        return self.found

    @property
    def version_id(self) -> str | None:
        """The version that the query names, or None for the latest one."""
        version_id = self.request.query.get("versionId")
        if version_id == "":
            raise Refusal(errors.INVALID_ARGUMENT, "Version id cannot be the empty string", ArgumentName="versionId")
        return version_id

    @property
    def settings(self) -> BucketSettings:
        """What the documents of the bucket mean."""
        return self.door.access.settings.of(self.bucket)

    def question(self, action: str, permission: str, bucket: Bucket, key: str) -> Question:
        """What else a verb asks to do, besides what it was admitted for."""
        request = self.request
        return Question(self.op, action, permission, bucket, key, request.headers, request.query, request.secure)

    @property
    def ref(self) -> ObjectRef:
        """The version that the request is about."""
        return ObjectRef(self.bucket, self.key, self.version_id)

    def require(self, action: str) -> None:
        """Raise Denied unless the caller may do `action` too in this bucket: for what a header asks besides the verb."""
        self.door.gate.check(self.op, action, self.bucket.resource.within(self.key))

    def may(self, action: str) -> bool:
        """Whether `require` would let it pass."""
        try:
            self.require(action)
        except Denied:
            return False
        return True

    async def stored(self, name: DocumentName, missing: Code) -> bytes:
        """A configuration document of the bucket, its reading recorded. Raises Refusal with `missing`."""
        try:
            return await self.door.objects.buckets.document(self.op, self.bucket, name)
        except NotFound as error:
            raise Refusal(missing) from error

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)

    def query(self, name: str) -> str | None:
        return self.request.query.get(name)

    def payload(self, *, also: Algorithm | None = None, own_checksum: bool = True) -> Payload:
        """The body, to be read once. `also` is a checksum to compute besides the announced one."""
        how = framing(self.request, presigned=self.caller.names_no_digest, own_checksum=own_checksum)
        return Payload(self.form or self.stream, how, self.caller, also=also)

    async def document(self, root: str, payload: Payload | None = None) -> Document:
        """The body as an XML document. Raises Refusal if there is none or it is malformed."""
        body = await (payload or self.payload()).read(MAX_DOCUMENT)
        return parse(body, root)
