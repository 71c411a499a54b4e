"""GetBucketRequestPayment and PutBucketRequestPayment.

Nobody is charged here. A bucket whose readers would pay takes requests of others than its owner only from those who say
that they know (`x-amz-request-payer`), as in S3.
"""

from collections.abc import Mapping
from typing import Final

from nexus.objects.buckets import DocumentName
from nexus.objects.model import Bucket
from nexus.objects.s3 import errors
from nexus.objects.s3.bucket_settings import BucketSettings
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import render

HEADER: Final = "x-amz-request-payer"
REQUESTER, OWNER = "Requester", "BucketOwner"


def require_said(headers: Mapping[str, str], bucket: Bucket, settings: BucketSettings, actor_id: str) -> None:
    """Raise Refusal unless whoever asks is the owner, or says that he would pay, where readers do."""
    if settings.readers_pay and actor_id != bucket.owner and headers.get(HEADER, "").lower() != "requester":
        raise Refusal(errors.ACCESS_DENIED, f"the bucket asks for {HEADER}")


async def put_bucket_request_payment(call: Call) -> Response:
    """PutBucketRequestPayment."""
    payer = (await call.document("RequestPaymentConfiguration")).require("Payer")
    if payer not in (REQUESTER, OWNER):
        raise Refusal(errors.MALFORMED_XML, f"Payer is {REQUESTER} or {OWNER}")
    buckets = call.door.objects.buckets
    if payer == OWNER:
        await buckets.delete_document(call.op, call.bucket, DocumentName.REQUEST_PAYMENT)
    else:
        await buckets.put_document(call.op, call.bucket, DocumentName.REQUEST_PAYMENT, payer.encode())
    return Response()


async def get_bucket_request_payment(call: Call) -> Response:
    """GetBucketRequestPayment."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    return xml(render("RequestPaymentConfiguration", [("Payer", REQUESTER if call.settings.readers_pay else OWNER)]))
