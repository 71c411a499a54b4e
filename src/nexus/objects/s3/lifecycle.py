"""GetBucketLifecycleConfiguration, PutBucketLifecycleConfiguration, DeleteBucketLifecycle, and what answers say of it."""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from nexus.kernel.clock import DAY, SECOND, Instant
from nexus.objects.buckets import DocumentName
from nexus.objects.lifecycle import MAX_DAYS, MAX_ID_CHARS, MAX_RULES, Rule, decode, next_end
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.times import http_date
from nexus.objects.s3.xml import Document, Node, render

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?")
_STATUS = {"Enabled": True, "Disabled": False}


def add_expiration(call: Call, response: Response, size: int, tags: Mapping[str, str], modified_at: Instant) -> None:
    """Tell when the object will end, if a rule says so."""
    body = call.door.objects.buckets.documents(call.bucket).get(DocumentName.LIFECYCLE)
    if body is None:
        return
    found = next_end(decode(body), call.key, size, tags, modified_at)
    if found is not None:
        response.add("x-amz-expiration", f'expiry-date="{http_date(found[0])}", rule-id="{found[1]}"')


async def put_bucket_lifecycle_configuration(call: Call) -> Response:
    """PutBucketLifecycleConfiguration: replaces all rules. To other storage classes nothing can move: there is one."""
    document = await call.document("LifecycleConfiguration")
    rules = [_rule(element) for element in document.all("Rule")]
    if not 1 <= len(rules) <= MAX_RULES:
        raise Refusal(errors.MALFORMED_XML, f"LifecycleConfiguration needs 1 to {MAX_RULES} rules")
    if len({rule.id for rule in rules}) != len(rules):
        raise Refusal(errors.INVALID_ARGUMENT, "Rule ID must be unique. Found same ID for more than one rule")
    body = msgspec.json.encode(rules)
    await call.door.objects.buckets.put_document(call.op, call.bucket, DocumentName.LIFECYCLE, body)
    return Response()


def _rule(element: Document) -> Rule:
    status, id_ = element.find("Status"), element.find("ID")
    if status not in _STATUS:
        raise Refusal(errors.MALFORMED_XML, "Status must be Enabled or Disabled")
    if id_ is not None and len(id_) > MAX_ID_CHARS:
        raise Refusal(errors.INVALID_ARGUMENT, f"ID length should not exceed allowed limit of {MAX_ID_CHARS}")
    if element.all("Transition") or element.all("NoncurrentVersionTransition"):
        raise Refusal(errors.INVALID_STORAGE_CLASS)
    rule = Rule(id=id_ or secrets.token_hex(16), enabled=_STATUS[status])
    rule = _expiration(_filter(rule, element), element)
    noncurrent, abort = _only(element, "NoncurrentVersionExpiration"), _only(element, "AbortIncompleteMultipartUpload")
    if noncurrent is not None:
        kept = noncurrent.find("NewerNoncurrentVersions")
        rule = msgspec.structs.replace(
            rule,
            noncurrent_days=_days(noncurrent.require("NoncurrentDays")),
            newer_noncurrent=0 if kept is None else _days(kept),
        )
    if abort is not None:
        rule = msgspec.structs.replace(rule, abort_days=_days(abort.require("DaysAfterInitiation")))
    if (rule.days, rule.date, rule.noncurrent_days, rule.abort_days, rule.expired_marker) == (*[None] * 4, False):
        raise Refusal(errors.INVALID_REQUEST, "At least one action needs to be specified in a rule")
    if (rule.tags or rule.larger_than is not None or rule.smaller_than is not None) and rule.abort_days is not None:
        raise Refusal(errors.INVALID_REQUEST, "AbortIncompleteMultipartUpload cannot be specified with tags or sizes")
    return rule


def _only(element: Document, name: str) -> Document | None:
    found = element.all(name)
    if len(found) > 1:
        raise Refusal(errors.MALFORMED_XML, f"{name} is given twice")
    return found[0] if found else None


def _filter(rule: Rule, element: Document) -> Rule:
    """The rule with what it applies to."""
    given = _only(element, "Filter")
    if given is None:
        return msgspec.structs.replace(rule, prefix=element.find("Prefix") or "", filtered=False)
    inner = _only(given, "And")
    source = inner or given
    tags = {tag.require("Key"): tag.require("Value") for tag in source.all("Tag")}
    sizes = [source.find(name) for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan")]
    return msgspec.structs.replace(
        rule,
        prefix=source.find("Prefix") or "",
        tags=tags,
        larger_than=None if sizes[0] is None else _number(sizes[0]),
        smaller_than=None if sizes[1] is None else _number(sizes[1]),
        conjunction=inner is not None,
    )


def _expiration(rule: Rule, element: Document) -> Rule:
    """The rule with what it does to latest versions."""
    given = _only(element, "Expiration")
    if given is None:
        return rule
    days, date, marker = (given.find(name) for name in ("Days", "Date", "ExpiredObjectDeleteMarker"))
    if sum(each is not None for each in (days, date)) + (marker == "true") != 1 and marker != "false":
        raise Refusal(errors.MALFORMED_XML, "Expiration needs one of Days, Date and ExpiredObjectDeleteMarker")
    return msgspec.structs.replace(
        rule,
        days=None if days is None else _days(days),
        date=None if date is None else _midnight(date),
        expired_marker=marker == "true",
    )


def _days(text: str) -> int:
    number = _number(text)
    if not 1 <= number <= MAX_DAYS:
        raise Refusal(errors.INVALID_ARGUMENT, "the number of days in a rule must be a positive integer")
    return number


def _number(text: str) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refusal(errors.INVALID_ARGUMENT, "a number of a rule is not a positive integer")
    return int(text)


def _midnight(text: str) -> Instant:
    try:
        moment = datetime.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise Refusal(errors.INVALID_ARGUMENT, "Date must be in ISO 8601 format")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    instant = int(moment.timestamp() * SECOND)
    if instant % DAY:
        raise Refusal(errors.INVALID_ARGUMENT, "'Date' must be at midnight GMT")
    return Instant(instant)


async def get_bucket_lifecycle_configuration(call: Call) -> Response:
    """GetBucketLifecycleConfiguration."""
    rules = decode(await call.stored(DocumentName.LIFECYCLE, errors.NO_LIFECYCLE))
    return xml(render("LifecycleConfiguration", [("Rule", _nodes(rule)) for rule in rules]))


def _nodes(rule: Rule) -> list[Node]:
    nodes: list[Node] = [("ID", rule.id)]
    if rule.days is not None or rule.date is not None or rule.expired_marker:
        date = None if rule.date is None else datetime.fromtimestamp(rule.date // SECOND, UTC)
        nodes.append(
            (
                "Expiration",
                [
                    ("Days", rule.days),
                    ("Date", None if date is None else date.strftime("%Y-%m-%dT%H:%M:%S.000Z")),
                    ("ExpiredObjectDeleteMarker", True if rule.expired_marker else None),
                ],
            )
        )
    nodes.append(("Filter", _filter_nodes(rule)) if rule.filtered else ("Prefix", rule.prefix))
    nodes.append(("Status", "Enabled" if rule.enabled else "Disabled"))
    if rule.noncurrent_days is not None:
        kept = ("NewerNoncurrentVersions", rule.newer_noncurrent or None)
        nodes.append(("NoncurrentVersionExpiration", [("NoncurrentDays", rule.noncurrent_days), kept]))
    if rule.abort_days is not None:
        nodes.append(("AbortIncompleteMultipartUpload", [("DaysAfterInitiation", rule.abort_days)]))
    return nodes


def _filter_nodes(rule: Rule) -> list[Node]:
    nodes: list[Node] = [("Prefix", rule.prefix)] if rule.prefix or not (rule.tags or rule.conjunction) else []
    nodes += [("Tag", [("Key", name), ("Value", value)]) for name, value in rule.tags.items()]
    nodes += [("ObjectSizeGreaterThan", rule.larger_than), ("ObjectSizeLessThan", rule.smaller_than)]
    return [("And", nodes)] if rule.conjunction else nodes


async def delete_bucket_lifecycle(call: Call) -> Response:
    """DeleteBucketLifecycle."""
    await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.LIFECYCLE)
    return Response(204)
