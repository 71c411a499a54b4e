"""GetBucketOwnershipControls, PutBucketOwnershipControls, DeleteBucketOwnershipControls.

On the platform the owner of a bucket owns what is in it: `BucketOwnerEnforced`, and nothing else.
"""

from nexus.objects.buckets import DocumentName
from nexus.objects.s3 import errors, grants
from nexus.objects.s3.bucket_settings import ENFORCED, OWNERSHIPS
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.grants import Acl
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import render

HEADER = "x-amz-object-ownership"


def of_new_bucket(call: Call, acl: Acl | None) -> str | None:
    """The ownership that CreateBucket asks for. Raises Refusal if it does not go with the list."""
    ownership = call.header(HEADER)
    if ownership is not None:
        check(call, ownership, acl)
    return ownership


def check(call: Call, ownership: str, acl: Acl | None) -> None:
    """Raise Refusal unless it is one of S3's and possible here."""
    if ownership not in OWNERSHIPS:
        raise Refusal(errors.INVALID_ARGUMENT, "Invalid x-amz-object-ownership", ArgumentName=HEADER)
    if ownership != ENFORCED and not call.door.access.sharing.possible:
        raise Refusal(errors.NO_ACLS)
    if ownership == ENFORCED and acl is not None and set(acl.grants) - set(grants.private(acl.owner).grants):
        raise Refusal(errors.INVALID_BUCKET_ACL_WITH_OWNERSHIP)


async def put_bucket_ownership_controls(call: Call) -> Response:
    """PutBucketOwnershipControls."""
    document = await call.document("OwnershipControls")
    rules = document.all("Rule")
    if len(rules) != 1:
        raise Refusal(errors.MALFORMED_XML, "OwnershipControls needs one Rule")
    ownership = rules[0].require("ObjectOwnership")
    check(call, ownership, call.settings.acl)
    name = DocumentName.OWNERSHIP
    await call.door.objects.buckets.put_document(call.op, call.bucket, name, ownership.encode())
    return Response()


async def get_bucket_ownership_controls(call: Call) -> Response:
    """GetBucketOwnershipControls."""
    if call.door.access.sharing.possible:
        await call.stored(DocumentName.OWNERSHIP, errors.NO_OWNERSHIP_CONTROLS)
    else:
        await call.door.objects.buckets.head(call.op, call.bucket)
    return xml(render("OwnershipControls", [("Rule", [("ObjectOwnership", call.settings.ownership)])]))


async def delete_bucket_ownership_controls(call: Call) -> Response:
    """DeleteBucketOwnershipControls: back to the default."""
    await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.OWNERSHIP)
    return Response(204)
