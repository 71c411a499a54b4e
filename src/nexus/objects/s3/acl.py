"""GetBucketAcl and GetObjectAcl. Rights are granted by roles; towards S3, only the owner stands in the list."""

from nexus.objects.s3.call import Call
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.paging import owner
from nexus.objects.s3.xml import Node, render

_GRANTEE = 'Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'


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
