"""GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus."""

from typing import Final

from nexus.objects.buckets import DocumentName
from nexus.objects.s3 import errors, policy
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.policy import MAX_POLICY
from nexus.objects.s3.xml import render

CONFIRM: Final = "x-amz-confirm-remove-self-bucket-access"


async def put_bucket_policy(call: Call) -> Response:
    """PutBucketPolicy: stored once it is understood in full."""
    body = await call.payload().read(MAX_POLICY)
    read = policy.read(body, call.bucket.name, whole=call.door.dialect.whole_policies)
    if read.public and call.settings.block.BlockPublicPolicy:
        raise Refusal(errors.ACCESS_DENIED, "public access is blocked")
    if read.allows_anything and not call.door.access.sharing.possible:
        raise Refusal(
            errors.MALFORMED_POLICY,
            "Here a policy can only deny: what is allowed is decided by roles",
            hint="grant a role within the scope of the bucket instead of an Allow statement",
        )
    buckets, confirmed = call.door.objects.buckets, _confirms(call)
    if not confirmed:
        await _forget_confirmation(call)
    await buckets.put_document(call.op, call.bucket, DocumentName.POLICY, body)
    if confirmed:
        await buckets.put_document(call.op, call.bucket, DocumentName.POLICY_CONFIRMED, b"")
    return Response(204)


def _confirms(call: Call) -> bool:
    """Whether the policy may shut out whoever puts it. The word is kept last: a crash before it leaves him his way back."""
    return call.door.dialect.lockouts and (call.header(CONFIRM) or "").lower() == "true"


async def _forget_confirmation(call: Call) -> None:
    if call.settings.policy_confirmed:
        await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.POLICY_CONFIRMED)


async def get_bucket_policy(call: Call) -> Response:
    """GetBucketPolicy: the document as it was put."""
    body = await call.stored(DocumentName.POLICY, errors.NO_BUCKET_POLICY)
    return Response(200, [(b"content-type", b"application/json")], body)


async def delete_bucket_policy(call: Call) -> Response:
    """DeleteBucketPolicy."""
    await _forget_confirmation(call)
    await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.POLICY)
    return Response(204)


async def get_bucket_policy_status(call: Call) -> Response:
    """GetBucketPolicyStatus: whether policy or list let in everybody."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    settings = call.settings
    by_policy = settings.policy is not None and settings.policy.public and not settings.block.RestrictPublicBuckets
    by_list = settings.acl is not None and settings.acl.public and not settings.block.IgnorePublicAcls
    return xml(render("PolicyStatus", [("IsPublic", by_policy or by_list)]))
