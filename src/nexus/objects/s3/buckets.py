"""ListBuckets, CreateBucket, DeleteBucket, HeadBucket, GetBucketLocation, and a bucket's versioning."""

import msgspec

from nexus.kernel.errors import Denied, NotFound
from nexus.objects.buckets import DocumentName
from nexus.objects.model import Bucket, Versioning
from nexus.objects.s3 import acl as access_lists
from nexus.objects.s3 import errors, ownership
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.grants import Acl
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.object_lock import ENABLED
from nexus.objects.s3.paging import limit
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.xml import MAX_DOCUMENT, Node, owner, parse, render

MAX_BUCKETS = 10_000
"""Buckets of one answer, as in S3."""
LENIENT_REGION = "us-east-1"
"""The one region in which S3 lets an owner create a bucket twice, and that has no name where buckets tell theirs."""


async def list_buckets(call: Call) -> Response:
    """ListBuckets: those that the actor may see, and no trace of the others; pages are joined by the last name."""
    prefix, after = call.query("prefix") or "", call.query("continuation-token") or ""
    size = limit(call, "max-buckets", MAX_BUCKETS)
    seen = [
        bucket
        for bucket in await call.door.objects.buckets.list(call.op)
        if bucket.name.startswith(prefix) and bucket.name > after and _may_list(call, bucket)
    ]
    shown, following = seen[:size], seen[size:]
    visible: list[Node] = [
        (
            "Bucket",
            [("Name", bucket.name), ("CreationDate", xml_time(bucket.created_at)), ("BucketRegion", call.door.region)],
        )
        for bucket in shown
    ]
    nodes: list[Node] = [
        ("Buckets", visible),
        ("Owner", owner(call.op.actor.id)),
        ("ContinuationToken", shown[-1].name if shown and following else None),
        ("Prefix", prefix or None),
    ]
    return xml(render("ListAllMyBucketsResult", nodes))


def _may_list(call: Call, bucket: Bucket) -> bool:
    try:
        call.door.gate.check(call.op, "objects.bucket.list", bucket.resource)
    except Denied:
        return False
    return True


async def create_bucket(call: Call) -> Response:
    """CreateBucket, where its placement says; the gate has allowed exactly that."""
    placement = call.placement
    assert placement is not None
    await _check_location(call)
    acl = access_lists.of_new_bucket(call)
    ownership_of = ownership.of_new_bucket(call, acl)
    if call.door.region == LENIENT_REGION and _is_mine(call):
        if acl is not None or DocumentName.ACCESS_CONTROL in call.door.objects.buckets.documents(
            call.door.objects.buckets.find(call.bucket_name)
        ):
            raise Refusal(errors.BUCKET_ALREADY_EXISTS)
        await call.door.objects.buckets.head(call.op, call.door.objects.buckets.find(call.bucket_name))
        return _created(call)
    await call.door.objects.buckets.create(
        call.op,
        call.bucket_name,
        site=placement.site,
        project=placement.project,
        kind=placement.kind,
        key_id=await call.door.placements.key_for(placement.site, placement.project),
        lockable=(call.header(ENABLED) or "").lower() == "true",
        documents=_documents(call, acl, ownership_of),
    )
    return _created(call)


def _documents(call: Call, acl: Acl | None, ownership_of: str | None) -> dict[DocumentName, bytes]:
    """What a new bucket begins with. Where nothing may be shared, a list could only say what is so."""
    documents: dict[DocumentName, bytes] = {}
    if acl is not None and call.door.access.sharing.possible:
        documents[DocumentName.ACCESS_CONTROL] = msgspec.json.encode(acl)
    if ownership_of is not None:
        documents[DocumentName.OWNERSHIP] = ownership_of.encode()
    return documents


def _created(call: Call) -> Response:
    response = Response()
    response.add("location", f"/{call.bucket_name}")
    return response


def _is_mine(call: Call) -> bool:
    try:
        return call.door.objects.buckets.find(call.bucket_name).owner == call.op.actor.id
    except NotFound:
        return False


async def _check_location(call: Call) -> None:
    body = await call.payload().read(MAX_DOCUMENT)
    if not body:
        return
    location = parse(body, "CreateBucketConfiguration").find("LocationConstraint")
    if location and location != call.door.region:
        raise Refusal(errors.ILLEGAL_LOCATION_CONSTRAINT)


async def delete_bucket(call: Call) -> Response:
    """DeleteBucket: an empty one only."""
    await call.door.objects.buckets.delete(call.op, call.bucket)
    return Response(204)


async def head_bucket(call: Call) -> Response:
    """HeadBucket."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    response = Response()
    response.add("x-amz-bucket-region", call.door.region)
    if call.door.dialect.usage and call.query("read-stats") == "true":
        held = await call.door.objects.buckets.usage(call.op, call.bucket)
        response.add("x-rgw-object-count", held.versions)
        response.add("x-rgw-bytes-used", held.version_bytes)
    return response


async def get_bucket_location(call: Call) -> Response:
    """GetBucketLocation: the region of this endpoint; us-east-1 has no name there, by S3's tradition."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    nameless = call.door.region == LENIENT_REGION and not call.door.dialect.names_regions
    region = "" if nameless else call.door.region
    return xml(render("LocationConstraint", region))


async def get_bucket_versioning(call: Call) -> Response:
    """GetBucketVersioning: an empty document while it was never on."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    state = call.bucket.versioning
    return xml(
        render("VersioningConfiguration", [("Status", None if state is Versioning.OFF else state.value.capitalize())])
    )


async def put_bucket_versioning(call: Call) -> Response:
    """PutBucketVersioning: Enabled or Suspended; MFA delete is not implemented."""
    document = await call.document("VersioningConfiguration")
    if document.find("MfaDelete") == "Enabled":
        raise Refusal(errors.NOT_IMPLEMENTED, "MfaDelete is not implemented")
    status = document.find("Status")
    if status not in ("Enabled", "Suspended"):
        raise Refusal(errors.MALFORMED_XML, "Status must be Enabled or Suspended")
    await call.door.objects.buckets.set_versioning(call.op, call.bucket, Versioning(status.lower()))
    return Response()
