"""DeleteObject and DeleteObjects."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from nexus.kernel.errors import Denied, NexusError, NotFound, particulars
from nexus.kernel.operation import Entry
from nexus.objects.model import MAX_BULK_DELETE, Deleted, DeleteTarget, WriteConditions
from nexus.objects.s3 import conditions, errors, object_lock
from nexus.objects.s3.address import MAX_KEY_BYTES
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.explain import explain
from nexus.objects.s3.get import add_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import Document, Node, render

ACTION = "objects.object.delete"
VERSION_ACTION = "objects.version.delete"

_Outcome = tuple[DeleteTarget, Deleted | NexusError]


async def delete_object(call: Call) -> Response:
    """DeleteObject: a version for good, or a delete marker; deleting nothing succeeds."""
    response = Response(204)
    try:
        deleted = await call.door.objects.deleting.delete(
            call.op,
            call.bucket,
            call.key,
            version_id=call.version_id,
            conditions=conditions.of_delete(call),
            bypass=object_lock.bypasses(call),
        )
    except NotFound:
        if not call.door.dialect.missing_deletes:
            raise
        await call.door.audit.record(_nothing(call))
        return response
    add_version(response, call.bucket, deleted.version_id)
    if deleted.is_delete_marker:
        response.add("x-amz-delete-marker", "true")
    return response


def _nothing(call: Call) -> Entry:
    """The entry of a delete that found nothing."""
    action = ACTION if call.version_id is None else VERSION_ACTION
    return call.op.allowed(action, call.bucket.resource, key=call.key, missing=True)


@dataclass(frozen=True, slots=True)
class _Order:
    targets: Sequence[DeleteTarget]
    quiet: bool


async def delete_objects(call: Call) -> Response:
    """DeleteObjects: up to 1,000 targets, an answer and an audit entry for each."""
    order = await _read(call)
    outcomes = await _delete(call, order.targets)
    await _record(call, outcomes)
    nodes: list[Node] = []
    for target, outcome in outcomes:
        if isinstance(outcome, NexusError):
            nodes.append(("Error", _error(target, outcome)))
        elif not order.quiet:
            nodes.append(("Deleted", _deleted(target, outcome)))
    return xml(render("DeleteResult", nodes))


async def _read(call: Call) -> _Order:
    payload = call.payload()
    if payload.how.md5 is None and payload.how.expected is None:
        raise Refusal(errors.INVALID_REQUEST, "DeleteObjects needs Content-MD5 or a checksum")
    document = await call.document("Delete", payload)
    elements = document.all("Object")
    if not 1 <= len(elements) <= MAX_BULK_DELETE:
        raise Refusal(errors.MALFORMED_XML, f"Delete needs 1 to {MAX_BULK_DELETE} objects")
    return _Order([_target(element) for element in elements], document.find("Quiet") == "true")


def _target(element: Document) -> DeleteTarget:
    key = element.require("Key")
    if not 1 <= len(key.encode()) <= MAX_KEY_BYTES:
        raise Refusal(errors.MALFORMED_XML if not key else errors.KEY_TOO_LONG)
    etag, size = element.find("ETag"), element.find("Size")
    if size is not None and not (size.isascii() and size.isdigit() and len(size) < 20):
        raise Refusal(errors.MALFORMED_XML, "Size is not a number")
    return DeleteTarget(
        key=key,
        version_id=element.find("VersionId") or None,
        conditions=WriteConditions(
            if_match=(etag.strip('"'),) if etag else (),
            if_last_modified=conditions.date(element.find("LastModifiedTime")),
            if_size=None if size is None else int(size),
        ),
    )


async def _delete(call: Call, targets: Sequence[DeleteTarget]) -> list[_Outcome]:
    """What became of each target, in their order. Those that name a version need the right to delete versions."""
    bypass = object_lock.bypasses(call)
    refusals = [await _refusal(call, target) for target in targets]
    allowed = [target for target, refusal in zip(targets, refusals, strict=True) if refusal is None]
    deleting = call.door.objects.deleting
    done = iter(await deleting.delete_many(call.op, call.bucket, allowed, bypass=bypass) if allowed else ())
    return [(target, refusal or next(done)) for target, refusal in zip(targets, refusals, strict=True)]


async def _refusal(call: Call, target: DeleteTarget) -> Denied | None:
    """Why one target may not be deleted. Where nothing tells the keys of a bucket apart, the verb's right is enough."""
    named = target.version_id is not None
    apart = call.door.access.asks_for_each_key(call.op.actor)
    if not named and not apart and call.settings.policy is None:
        return None
    action, permission = (VERSION_ACTION, "s3:DeleteObjectVersion") if named else (ACTION, "s3:DeleteObject")
    try:
        await call.door.access.admit(call.question(action, permission, call.bucket, target.key))
    except Denied as denied:
        return denied
    return None


async def _record(call: Call, outcomes: Sequence[_Outcome]) -> None:
    """An entry for each target that was not deleted; the store recorded the others."""
    entries = [_entry(call, target, error) for target, error in outcomes if isinstance(error, NexusError)]
    await asyncio.gather(*(call.door.audit.record(entry) for entry in entries))


def _entry(call: Call, target: DeleteTarget, error: NexusError) -> Entry:
    action = ACTION if target.version_id is None else VERSION_ACTION
    write = call.op.denied if isinstance(error, Denied) else call.op.failed
    return write(action, call.bucket.resource, key=target.key, **particulars(error))


def _deleted(target: DeleteTarget, outcome: Deleted) -> list[Node]:
    nodes: list[Node] = [("Key", target.key), ("VersionId", target.version_id)]
    if outcome.is_delete_marker:
        nodes += [("DeleteMarker", True), ("DeleteMarkerVersionId", outcome.version_id)]
    return nodes


def _error(target: DeleteTarget, error: NexusError) -> list[Node]:
    refusal = explain(error)
    return [
        ("Key", target.key),
        ("VersionId", target.version_id),
        ("Code", refusal.s3.name),
        ("Message", refusal.message),
    ]
