"""GetBucketLogging and PutBucketLogging: where the access log of a bucket is written.

A bucket that holds data of patients by name has no access log: names of objects would leave it. Who may have a log written
where stands in log_rights.py.
"""

import re
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.errors import NotFound
from nexus.objects.buckets import DocumentName
from nexus.objects.model import MAX_KEY_BYTES, Grant
from nexus.objects.s3 import errors, grants, log_rights, log_target
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.log_target import LogTarget
from nexus.objects.s3.times import http_date
from nexus.objects.s3.xml import Document, Node, render
from nexus.objects.store.access_lines import SIMPLE, Delivery

_ROOM: Final = 96
"""Bytes of a key that dates and the unique string need after the prefix and the folder."""
_PREFIX: Final = re.compile(r"[^\x00-\x1f\x7f]*")
_PARTS: Final = frozenset({"TargetBucket", "TargetPrefix", "TargetObjectKeyFormat", "TargetGrants"})
_PERMISSIONS: Final = ("FULL_CONTROL", "READ", "WRITE")
_BY_EVENT: Final = {"EventTime": True, "DeliveryTime": False}
"""What dates partitioned names: `PartitionDateSource`."""


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
    wanted = _read(call, enabled[0])
    if call.bucket.subjects is not None:
        raise Refusal(
            errors.INVALID_REQUEST, "a bucket of patients' data has no access log; the audit log has every read"
        )
    target = log_rights.require_target(call, wanted)
    wanted = msgspec.structs.replace(
        wanted,
        delivery=msgspec.structs.replace(
            wanted.delivery, grants=log_rights.require_grants(call, target, wanted.delivery.grants)
        ),
        since=_since(call, wanted),
    )
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
    delivery = stored.delivery
    nodes: list[Node] = [
        ("TargetBucket", stored.bucket),
        ("TargetGrants", grants.elements(delivery.grants) if delivery.grants else None),
        ("TargetObjectKeyFormat", [_format(delivery)]),
        ("TargetPrefix", stored.prefix),
    ]
    response = xml(render("BucketLoggingStatus", [("LoggingEnabled", nodes)]))
    if stored.since:
        response.add("last-modified", http_date(stored.since))
    return response


def _format(delivery: Delivery) -> Node:
    if not delivery.folder:
        return ("SimplePrefix", [])
    source = next(name for name, by_event in _BY_EVENT.items() if by_event is delivery.by_event)
    return ("PartitionedPrefix", [("PartitionDateSource", source)])


def _since(call: Call, wanted: LogTarget) -> Instant:
    """Since when the log goes there: what is put again has not changed."""
    known = call.settings.log
    if known is not None and msgspec.structs.replace(known, since=wanted.since) == wanted:
        return known.since
    return call.op.at


def _read(call: Call, element: Document) -> LogTarget:
    names = [child.name for child in element.children()]
    if set(names) - _PARTS or len(set(names)) != len(names):
        raise Refusal(errors.MALFORMED_XML)
    delivery = SIMPLE
    for chosen in element.all("TargetObjectKeyFormat"):
        delivery = _delivery(call, chosen)
    for listed in element.all("TargetGrants"):
        delivery = msgspec.structs.replace(delivery, grants=_grants(listed))
    prefix = element.find("TargetPrefix")
    if prefix is None:
        raise Refusal(errors.MALFORMED_XML, "TargetPrefix is missing")
    room = MAX_KEY_BYTES - _ROOM - len(delivery.folder.encode())
    if len(prefix.encode()) > room or not _PREFIX.fullmatch(prefix):
        raise Refusal(errors.INVALID_ARGUMENT, "TargetPrefix is too long, or holds what no name should")
    return LogTarget(element.require("TargetBucket"), prefix, delivery)


def _delivery(call: Call, chosen: Document) -> Delivery:
    """How log objects are named. Raises Refusal for what is neither of S3's two forms."""
    forms = [child.name for child in chosen.children()]
    if forms == ["SimplePrefix"]:
        return SIMPLE
    if forms != ["PartitionedPrefix"]:
        raise Refusal(errors.MALFORMED_XML, "TargetObjectKeyFormat is SimplePrefix or PartitionedPrefix")
    (partitioned,) = chosen.all("PartitionedPrefix")
    source = partitioned.find("PartitionDateSource") or "DeliveryTime"
    if source not in _BY_EVENT:
        raise Refusal(errors.MALFORMED_XML, "PartitionDateSource is EventTime or DeliveryTime")
    folder = f"{call.bucket.site}/{call.door.region}/{call.bucket.name}"
    return Delivery(folder, _BY_EVENT[source])


def _grants(listed: Document) -> tuple[Grant, ...]:
    found = grants.of_elements(listed)
    if any(grant.permission not in _PERMISSIONS for grant in found):
        raise Refusal(errors.MALFORMED_XML, f"Permission of a grant is one of {', '.join(_PERMISSIONS)}")
    return found
