"""The source of a copy: named in a header, found, and authorised like any other read."""

from nexus.objects.model import MAX_KEY_BYTES, ObjectRef
from nexus.objects.s3 import errors, permissions, unsupported
from nexus.objects.s3.access import Question
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import percent_decode

HEADER = "x-amz-copy-source"
OWNER_HEADER = "x-amz-source-expected-bucket-owner"


async def find(call: Call) -> ObjectRef:
    """The source, which the caller may read. Raises Refusal (malformed), NotFound (bucket) or Denied."""
    bucket_name, key, version_id = parse(call.request.headers[HEADER])
    action = "objects.object.read" if version_id is None else "objects.version.read"
    bucket = call.door.bucket(call.op, action, bucket_name)
    permission = permissions.GET_OBJECT if version_id is None else "s3:GetObjectVersion"
    query = {} if version_id is None else {"versionId": version_id}
    await call.door.access.admit(Question(call.op, action, permission, bucket, key, {}, query, call.request.secure))
    unsupported.require_owner(call.request.headers, bucket, OWNER_HEADER)
    return ObjectRef(bucket, key, version_id)


def parse(header: str) -> tuple[str, str, str | None]:
    """Bucket, key and version id of `[/]bucket/key[?versionId=id]`; the key is percent-encoded."""
    path, mark, version = header.encode("latin-1").partition(b"?versionId=")
    bucket, slash, key = path.removeprefix(b"/").partition(b"/")
    try:
        names = percent_decode(bucket).decode(), percent_decode(key).decode(), version.decode()
    except UnicodeDecodeError as error:
        raise _malformed() from error
    if not slash or not all(names[:2]) or (mark and not version):
        raise _malformed()
    if len(names[1].encode()) > MAX_KEY_BYTES:
        raise Refusal(errors.KEY_TOO_LONG)
    return names[0], names[1], names[2] or None


def _malformed() -> Refusal:
    return Refusal(
        errors.INVALID_ARGUMENT,
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        ArgumentName=HEADER,
    )
