"""GetBucketAcl and GetObjectAcl. Rights are granted by roles; towards S3, only the owner stands in the list."""

from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.paging import owner
from nexus.objects.s3.xml import MAX_DOCUMENT, Node, parse, render

_GRANTEE = 'Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'


async def put_bucket_acl(call: Call) -> Response:
    """PutBucketAcl: accepted when it grants nobody anything, refused otherwise."""
    await _require_owner_only(call)
    await call.door.objects.buckets.head(call.op, call.bucket)
    return Response()


async def put_object_acl(call: Call) -> Response:
    """PutObjectAcl: accepted when it grants nobody anything, refused otherwise."""
    await _require_owner_only(call)
    await call.door.objects.reading.head(call.op, call.bucket, call.key, version_id=call.version_id)
    return Response()


async def _require_owner_only(call: Call) -> None:
    """Canned ACLs were checked with all headers; a document may name the owner alone."""
    body = await call.payload().read(MAX_DOCUMENT)
    if not body:
        if "x-amz-acl" not in call.request.headers:
            raise Refusal(errors.MALFORMED_XML)
        return
    document = parse(body, "AccessControlPolicy")
    grants = [grant for access in document.all("AccessControlList") for grant in access.all("Grant")]
    grantees = [grantee for grant in grants for grantee in grant.all("Grantee")]
    if len(grantees) != len(grants) or any(grantee.find("ID") != call.bucket.owner for grantee in grantees):
        raise Refusal(errors.NO_ACLS)


async def get_bucket_acl(call: Call) -> Response:
    """GetBucketAcl."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    return _owner_only(call)


async def get_object_acl(call: Call) -> Response:
    """GetObjectAcl."""
    await call.door.objects.reading.head(call.op, call.bucket, call.key, version_id=call.version_id)
    return _owner_only(call)


def _owner_only(call: Call) -> Response:
    who = owner(call.bucket.owner)
    grant: list[Node] = [("Grant", [(_GRANTEE, who), ("Permission", "FULL_CONTROL")])]
    return xml(render("AccessControlPolicy", [("Owner", who), ("AccessControlList", grant)]))
