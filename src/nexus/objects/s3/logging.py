"""GetBucketLogging and PutBucketLogging: where the access log of a bucket is written.

Whoever configures it must be allowed to write into the target, which lies in the same site: nobody has the platform write for
him where he may not. A bucket that holds data of patients by name has no access log: names of objects would leave it.
"""

import re
from typing import Final

from nexus.kernel.errors import Denied, NotFound
from nexus.objects.buckets import DocumentName
from nexus.objects.model import MAX_KEY_BYTES
from nexus.objects.s3 import errors, log_target
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.log_target import LogTarget
from nexus.objects.s3.xml import Document, Node, render

WRITE: Final = "objects.object.write"
_ROOM: Final = 64
"""Bytes of a key that date and unique string need after the prefix."""
_PREFIX: Final = re.compile(r"[^\x00-\x1f\x7f]*")
_PARTS: Final = frozenset({"TargetBucket", "TargetPrefix", "TargetObjectKeyFormat"})


async def put_bucket_logging(call: Call) -> Response:
    """PutBucketLogging: an empty status ends it."""
    document = await call.document("BucketLoggingStatus")
    enabled = document.all("LoggingEnabled")
    if any(child.name != "LoggingEnabled" for child in document.children()) or len(enabled) > 1:
        raise Refusal(errors.MALFORMED_XML)
    buckets = call.door.objects.buckets
    if not enabled:
        await buckets.delete_document(call.op, call.bucket, DocumentName.LOGGING)
        return Response(200)
    wanted = _read(enabled[0])
    if call.bucket.subjects is not None:
        raise Refusal(
            errors.INVALID_REQUEST, "a bucket of patients' data has no access log; the audit log has every read"
        )
    _require_target(call, wanted)
    await buckets.put_document(call.op, call.bucket, DocumentName.LOGGING, log_target.encode(wanted))
    return Response(200)


async def get_bucket_logging(call: Call) -> Response:
    """GetBucketLogging: an empty status where there is none."""
    try:
        body = await call.door.objects.buckets.document(call.op, call.bucket, DocumentName.LOGGING)
    except NotFound:
        await call.door.objects.buckets.head(call.op, call.bucket)
        return xml(render("BucketLoggingStatus", []))
    stored = log_target.decode(body)
    nodes: list[Node] = [("TargetBucket", stored.bucket), ("TargetPrefix", stored.prefix)]
    return xml(render("BucketLoggingStatus", [("LoggingEnabled", nodes)]))


def _read(element: Document) -> LogTarget:
    names = [child.name for child in element.children()]
    if "TargetGrants" in names:
        raise Refusal(errors.NO_ACLS)
    if set(names) - _PARTS or len(set(names)) != len(names):
        raise Refusal(errors.MALFORMED_XML)
    for chosen in element.all("TargetObjectKeyFormat"):
        if [child.name for child in chosen.children()] != ["SimplePrefix"]:
            raise Refusal(errors.NOT_IMPLEMENTED, "log objects have simple names: the prefix, a date, a unique string")
    prefix = element.find("TargetPrefix")
    if prefix is None:
        raise Refusal(errors.MALFORMED_XML, "TargetPrefix is missing")
    if len(prefix.encode()) > MAX_KEY_BYTES - _ROOM or not _PREFIX.fullmatch(prefix):
        raise Refusal(errors.INVALID_ARGUMENT, "TargetPrefix is too long, or holds what no name should")
    return LogTarget(element.require("TargetBucket"), prefix)


def _require_target(call: Call, wanted: LogTarget) -> None:
    """The target is there, in the same site, and whoever asks may write these names into it. Raises Refusal or Denied."""
    try:
        target = call.door.objects.buckets.find(wanted.bucket)
        call.door.gate.check(call.op, WRITE, target.resource.within(wanted.prefix))
    except (NotFound, Denied) as error:  # in the same words: it must not tell which buckets there are
        raise Refusal(errors.INVALID_TARGET_BUCKET) from error
    if target.site != call.bucket.site or target.subjects is not None or target.lock:
        raise Refusal(errors.INVALID_TARGET_BUCKET)
