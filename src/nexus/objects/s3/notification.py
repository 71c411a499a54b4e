"""GetBucketNotificationConfiguration and PutBucketNotificationConfiguration: who is told when objects come and go.

A destination is a name that the operator of the platform gave to an address, for buckets of certain sites. Whoever configures a bucket
chooses among those names and can write no address: the platform calls nobody on a bucket writer's word.
"""

import re
from typing import Final

from nexus.kernel.errors import NotFound
from nexus.objects.buckets import DocumentName
from nexus.objects.model import MAX_KEY_BYTES
from nexus.objects.s3 import errors, subscriptions
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.subscriptions import PATTERNS, Subscription, Subscriptions
from nexus.objects.s3.xml import Document, Node, render

MAX_SUBSCRIPTIONS: Final = 100
_KINDS: Final = {"TopicConfiguration": ("Topic", "sns"), "QueueConfiguration": ("Queue", "sqs")}
_ARN: Final = re.compile(r"arn:aws:(sns|sqs):([a-z0-9-]*):([a-z0-9.-]*):([A-Za-z0-9_-]{1,64})")
_ID: Final = re.compile(r"[\x20-\x7e]{0,255}")


async def put_bucket_notification_configuration(call: Call) -> Response:
    """PutBucketNotificationConfiguration: an empty one ends it."""
    document = await call.document("NotificationConfiguration")
    elements = list(document.children())
    if len(elements) > MAX_SUBSCRIPTIONS:
        raise Refusal(errors.INVALID_ARGUMENT, f"at most {MAX_SUBSCRIPTIONS} configurations")
    each = tuple(_read(call, element, number) for number, element in enumerate(elements, 1))
    if len({one.id for one in each}) != len(each):
        raise Refusal(errors.INVALID_ARGUMENT, "two configurations have the same Id")
    buckets = call.door.objects.buckets
    if not each:
        await buckets.delete_document(call.op, call.bucket, DocumentName.NOTIFICATION)
        return Response(200)
    if call.bucket.subjects is not None:
        raise Refusal(errors.INVALID_REQUEST, "nobody is told of objects of patients")
    body = subscriptions.encode(Subscriptions(region=call.door.region, each=each))
    await buckets.put_document(call.op, call.bucket, DocumentName.NOTIFICATION, body)
    return Response(200)


async def get_bucket_notification_configuration(call: Call) -> Response:
    """GetBucketNotificationConfiguration: an empty one where there is none."""
    try:
        body = await call.door.objects.buckets.document(call.op, call.bucket, DocumentName.NOTIFICATION)
    except NotFound:
        await call.door.objects.buckets.head(call.op, call.bucket)
        return xml(render("NotificationConfiguration", []))
    stored = subscriptions.decode(body)
    return xml(render("NotificationConfiguration", [(f"{one.kind}Configuration", _nodes(one)) for one in stored.each]))


def _read(call: Call, element: Document, number: int) -> Subscription:
    if element.name not in _KINDS:
        raise Refusal(errors.NOT_IMPLEMENTED, f"{element.name[:64]} is not implemented")
    kind, service = _KINDS[element.name]
    names = {child.name for child in element.children()}
    if names - {"Id", kind, "Event", "Filter"} or len(element.all(kind)) != 1:
        raise Refusal(errors.MALFORMED_XML)
    name = element.find("Id") or f"nexus-{number}"
    if not _ID.fullmatch(name):
        raise Refusal(errors.INVALID_ARGUMENT, "an Id has at most 255 plain characters")
    events = tuple(child.text for child in element.all("Event"))
    if not events or set(events) - PATTERNS:
        raise Refusal(errors.INVALID_ARGUMENT, "The event is not supported for notifications", ArgumentName="Event")
    arn = element.require(kind)
    prefix, suffix = _filter(element)
    return Subscription(
        id=name,
        kind=kind,
        arn=arn,
        destination=_destination(call, arn, service),
        events=events,
        prefix=prefix,
        suffix=suffix,
    )


def _destination(call: Call, arn: str, service: str) -> str:
    """The name that an ARN ends with, if the operator lets buckets of this site use it. Raises Refusal."""
    found = _ARN.fullmatch(arn)
    if found is None or found[1] != service:
        raise Refusal(errors.INVALID_ARGUMENT, "The ARN is not well formed", ArgumentName="ARN")
    region, account, name = found[2], found[3], found[4]
    here = region in ("", call.door.region) and account in ("", call.bucket.site)
    if not here or not call.door.destinations.takes(name, call.bucket.site):
        raise Refusal(
            errors.INVALID_ARGUMENT, "Unable to validate the destination", ArgumentName="ARN", ArgumentValue=arn
        )
    return name


def _filter(element: Document) -> tuple[str, str]:
    """Prefix and suffix of the names of objects. Raises Refusal."""
    found = {"prefix": "", "suffix": ""}
    given: set[str] = set()
    for chosen in element.all("Filter"):
        if any(child.name != "S3Key" for child in chosen.children()):
            raise Refusal(errors.MALFORMED_XML)
        for rule in (rule for key in chosen.all("S3Key") for rule in key.all("FilterRule")):
            name, value = rule.require("Name").lower(), rule.find("Value") or ""
            if name not in found or name in given or len(value.encode()) > MAX_KEY_BYTES:
                raise Refusal(
                    errors.INVALID_ARGUMENT, "filter rules are one prefix and one suffix", ArgumentName="FilterRule"
                )
            found[name] = value
            given.add(name)
    return found["prefix"], found["suffix"]


def _nodes(one: Subscription) -> list[Node]:
    nodes: list[Node] = [("Id", one.id), (one.kind, one.arn), *(("Event", event) for event in one.events)]
    rules: list[Node] = [
        ("FilterRule", [("Name", name), ("Value", value)])
        for name, value in (("prefix", one.prefix), ("suffix", one.suffix))
        if value
    ]
    return [*nodes, ("Filter", [("S3Key", rules)])] if rules else nodes
