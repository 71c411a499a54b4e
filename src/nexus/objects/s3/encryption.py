"""Encryption as S3 speaks of it: SSE-S3, SSE-KMS and SSE-C. Whatever is asked for, nothing is ever stored in clear.

An object is sealed under a key of its own, and that under the key of its bucket. A request may name another key of the
key service instead (SSE-KMS), if its actor may use that key; or bring a key of its own besides (SSE-C). To ask for
`AES256` (SSE-S3) changes nothing but the word in the answers.
"""

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5

import msgspec

from nexus.kernel.errors import NotFound
from nexus.kernel.secret import Secret
from nexus.objects.buckets import DocumentName
from nexus.objects.client_keys import KEY_BYTES, ClientKey
from nexus.objects.model import Bucket, Metadata
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import render

HEADER = "x-amz-server-side-encryption"
KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
CLIENT = "x-amz-server-side-encryption-customer-"
SOURCE_CLIENT = "x-amz-copy-source-server-side-encryption-customer-"
KMS = "aws:kms"
S3 = "AES256"


class Default(msgspec.Struct, frozen=True):
    """The default of a bucket, as its document keeps it. `key_id` is empty for the key of the bucket."""

    algorithm: str
    key_id: str = ""


_default = msgspec.json.Decoder(Default)


@dataclass(frozen=True, slots=True)
class Choice:
    """How a new object is sealed. `bucket`: seen under the key that was named, if one was."""

    bucket: Bucket
    like: Metadata
    client_key: ClientKey | None


async def choose(call: Call, like: Metadata) -> Choice:
    """What a write asks for, or the bucket's default. Raises Refusal, Denied (key) and what the key service raises."""
    headers, bucket = call.request.headers, call.bucket
    brought = client_key(headers)
    algorithm, key_id = headers.get(HEADER), headers.get(KEY_HEADER)
    if brought is not None:
        if algorithm is not None or key_id is not None:
            raise _invalid("Server Side Encryption with a key of the client and another kind exclude each other")
        return Choice(bucket, like, brought)
    if algorithm is None and key_id is None:
        default = default_of(call)
        algorithm, key_id = default.algorithm, default.key_id or None
    return Choice(await _under(call, algorithm, key_id), _told(like, algorithm), None)


def default_of(call: Call) -> Default:
    """The default encryption of the bucket: without a document, under its own key."""
    body = call.door.objects.buckets.documents(call.bucket).get(DocumentName.ENCRYPTION)
    return Default(KMS) if body is None else _default.decode(body)


def _told(like: Metadata, algorithm: str | None) -> Metadata:
    return msgspec.structs.replace(like, encryption=S3) if algorithm == S3 else like


async def _under(call: Call, algorithm: str | None, key_id: str | None) -> Bucket:
    if algorithm not in (None, KMS, S3):
        raise _invalid("The encryption method specified is not supported")
    if key_id is None:
        if algorithm == KMS and HEADER in call.request.headers and call.door.dialect.named_keys:
            raise _invalid(f"{HEADER}: {KMS} needs {KEY_HEADER}")
        return call.bucket
    if algorithm != KMS:
        raise _invalid(f"{KEY_HEADER} needs {HEADER}: {KMS}")
    try:
        return await call.door.objects.named_keys.view(call.op, call.bucket, key_id)
    except NotFound as error:
        raise Refusal(errors.KMS_NOT_FOUND) from error


def client_key(headers: Mapping[str, str], prefix: str = CLIENT) -> ClientKey | None:
    """The client's key that a request brings, with its digest. Raises Refusal unless all of it is there and right."""
    algorithm, key, digest = (headers.get(f"{prefix}{name}") for name in ("algorithm", "key", "key-md5"))
    if algorithm is None and key is None and digest is None:
        return None
    if algorithm != S3:
        raise Refusal(errors.INVALID_ENCRYPTION_ALGORITHM)
    try:
        raw, sum_ = b64decode(key or "", validate=True), b64decode(digest or "", validate=True)
    except (Base64Error, ValueError):
        raw = sum_ = b""
    if len(raw) != KEY_BYTES:
        raise _invalid("The secret key was invalid for the specified algorithm")
    if not hmac.compare_digest(md5(raw, usedforsecurity=False).digest(), sum_):
        raise _invalid("The calculated MD5 hash of the key did not match the hash that was provided")
    return ClientKey(Secret(raw))


def announce(response: Response, choice: Choice, headers: Mapping[str, str]) -> None:
    """Tell the writer how the object is encrypted."""
    if choice.client_key is not None:
        _echo(response, headers)
    else:
        _name(response, choice.like, choice.bucket.key_id)


def announce_of(
    response: Response, bucket: Bucket, metadata: Metadata, key_id: str, headers: Mapping[str, str]
) -> None:
    """Tell how an object that exists is encrypted; `key_id` is empty for the key of its bucket."""
    if metadata.client_key:
        _echo(response, headers)
    else:
        _name(response, metadata, key_id or bucket.key_id)


def _echo(response: Response, headers: Mapping[str, str]) -> None:
    response.add(f"{CLIENT}algorithm", S3)
    response.add(f"{CLIENT}key-md5", headers.get(f"{CLIENT}key-md5"))


def _name(response: Response, metadata: Metadata, key_id: str) -> None:
    if metadata.encryption == S3:
        response.add(HEADER, S3)
        return
    response.add(HEADER, KMS)
    response.add(KEY_HEADER, key_id)


def _invalid(message: str) -> Refusal:
    return Refusal(errors.INVALID_ARGUMENT, message, ArgumentName=HEADER)


async def put_bucket_encryption(call: Call) -> Response:
    """PutBucketEncryption: the default of writes that say nothing; the right to use its key is asked here too."""
    document = await call.document("ServerSideEncryptionConfiguration")
    defaults = [default for rule in document.all("Rule") for default in rule.all("ApplyServerSideEncryptionByDefault")]
    if len(defaults) != 1:
        raise Refusal(errors.MALFORMED_XML, "one Rule with ApplyServerSideEncryptionByDefault is needed")
    algorithm, key_id = defaults[0].require("SSEAlgorithm"), defaults[0].find("KMSMasterKeyID")
    await _under(call, algorithm, key_id)
    body = msgspec.json.encode(Default(algorithm, key_id or ""))
    await call.door.objects.buckets.put_document(call.op, call.bucket, DocumentName.ENCRYPTION, body)
    return Response()


async def get_bucket_encryption(call: Call) -> Response:
    """GetBucketEncryption: what was configured. Without it, objects are under the key of the bucket all the same."""
    default = _default.decode(await call.stored(DocumentName.ENCRYPTION, errors.NO_ENCRYPTION_CONFIGURATION))
    chosen = (
        ("SSEAlgorithm", default.algorithm),
        ("KMSMasterKeyID", (default.key_id or call.bucket.key_id) if default.algorithm == KMS else None),
    )
    rule = (("ApplyServerSideEncryptionByDefault", chosen), ("BucketKeyEnabled", True))
    return xml(render("ServerSideEncryptionConfiguration", [("Rule", rule)]))


async def delete_bucket_encryption(call: Call) -> Response:
    """DeleteBucketEncryption: back to the key of the bucket. Nothing becomes readable by that."""
    await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.ENCRYPTION)
    return Response(204)
