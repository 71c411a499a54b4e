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
        raise Refusal(errors.INVALID_ENCRYPTION_ALGORITHM)
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


async def get_bucket_encryption(call: Call) -> Response:
    """GetBucketEncryption: always on, under the key of the bucket."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    default = (("SSEAlgorithm", KMS), ("KMSMasterKeyID", call.bucket.key_id))
    rule = (("ApplyServerSideEncryptionByDefault", default), ("BucketKeyEnabled", True))
    return xml(render("ServerSideEncryptionConfiguration", [("Rule", rule)]))
