"""Encryption as S3 speaks of it. Every object is encrypted under the key of its bucket; there is nothing to choose."""

from collections.abc import Mapping

from nexus.objects.model import Bucket
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import render

HEADER = "x-amz-server-side-encryption"
KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
KMS = "aws:kms"
_ALREADY_SO = frozenset({KMS, "AES256"})


def check(headers: Mapping[str, str], bucket: Bucket) -> None:
    """Accept a request for what happens anyway. Raises Refusal for another algorithm or another key."""
    algorithm = headers.get(HEADER)
    if algorithm is not None and algorithm not in _ALREADY_SO:
        raise Refusal(errors.INVALID_ARGUMENT, "The encryption method specified is not supported", ArgumentName=HEADER)
    key_id = headers.get(KEY_HEADER)
    if key_id is not None and algorithm != KMS:
        raise Refusal(errors.INVALID_ARGUMENT, f"{KEY_HEADER} needs {HEADER}: {KMS}", ArgumentName=HEADER)
    if key_id not in (None, bucket.key_id):
        # Whoever may write could otherwise choose a key that its reader, or its destroyer, has no say in.
        raise Refusal(
            errors.INVALID_ARGUMENT, "an object is encrypted under the key of its bucket", ArgumentName=KEY_HEADER
        )


def announce(response: Response, bucket: Bucket) -> None:
    """Tell the client how the object is encrypted."""
    response.add(HEADER, KMS)
    response.add(KEY_HEADER, bucket.key_id)


async def put_bucket_encryption(call: Call) -> Response:
    """PutBucketEncryption: accepted when it asks for what is always so, refused otherwise."""
    document = await call.document("ServerSideEncryptionConfiguration")
    defaults = [default for rule in document.all("Rule") for default in rule.all("ApplyServerSideEncryptionByDefault")]
    if len(defaults) != 1:
        raise Refusal(errors.MALFORMED_XML, "one Rule with ApplyServerSideEncryptionByDefault is needed")
    algorithm, key_id = defaults[0].require("SSEAlgorithm"), defaults[0].find("KMSMasterKeyID")
    check({HEADER: algorithm} | ({} if key_id is None else {KEY_HEADER: key_id}), call.bucket)
    await call.door.objects.buckets.head(call.op, call.bucket)
    return Response()


async def get_bucket_encryption(call: Call) -> Response:
    """GetBucketEncryption: always on, under the key of the bucket."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    default = (("SSEAlgorithm", KMS), ("KMSMasterKeyID", call.bucket.key_id))
    rule = (("ApplyServerSideEncryptionByDefault", default), ("BucketKeyEnabled", True))
    return xml(render("ServerSideEncryptionConfiguration", [("Rule", rule)]))
