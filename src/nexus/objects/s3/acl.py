"""GetBucketAcl, PutBucketAcl, GetObjectAcl, PutObjectAcl, and the list that a write brings.

On the platform rights are granted by roles: the owner stands in the list, and nobody else can be put there. Where sharing
is possible, lists are kept and count.
"""

import msgspec

from nexus.objects.buckets import DocumentName
from nexus.objects.model import Metadata
from nexus.objects.s3 import errors, grants
from nexus.objects.s3.access import acl_of
from nexus.objects.s3.bucket_settings import PREFERRED
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.grants import Acl
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import MAX_DOCUMENT, parse, render

_HARMLESS = {grants.PRIVATE, grants.OWNER_FULL_CONTROL}
"""What may be asked for where nothing may be shared: it is so."""


def of_write(call: Call, metadata: Metadata) -> Metadata:
    """The metadata of a new object with its owner and its list. Raises Refusal for a list that may not be."""
    bucket_owner = call.bucket.owner
    asked = call.header(grants.CANNED_HEADER)
    given = grants.of_headers(call.request.headers, call.op.actor.id, bucket_owner)
    if call.settings.enforced:
        harmless = {grants.OWNER_FULL_CONTROL} if call.door.access.sharing.possible else _HARMLESS
        if given is not None and asked not in harmless:
            raise Refusal(errors.NO_ACLS)
        return metadata
    if given is not None:
        _check(call, given)
    if call.op.actor.id == bucket_owner or (
        call.settings.ownership == PREFERRED and asked == grants.OWNER_FULL_CONTROL
    ):
        owner, kept = msgspec.UNSET, grants.of_headers(call.request.headers, bucket_owner, bucket_owner)
        return msgspec.structs.replace(metadata, owner=owner, grants=msgspec.UNSET if kept is None else kept.grants)
    return msgspec.structs.replace(
        metadata, owner=call.op.actor.id, grants=msgspec.UNSET if given is None else given.grants
    )


def of_new_bucket(call: Call) -> Acl | None:
    """The list that CreateBucket asks for. Raises Refusal for one that names somebody unknown."""
    acl = grants.of_headers(call.request.headers, call.op.actor.id, call.op.actor.id)
    if acl is not None:
        _require_known(call, acl)
    return acl


async def get_bucket_acl(call: Call) -> Response:
    """GetBucketAcl."""
    await call.door.objects.buckets.head(call.op, call.bucket)
    return _answer(_of_bucket(call))


async def put_bucket_acl(call: Call) -> Response:
    """PutBucketAcl: replaces the list; on the platform, accepted when it grants nobody else anything."""
    acl = await _asked(call, _of_bucket(call).owner)
    if call.settings.enforced:
        _require_lists(call)
        _require_owner_only(call, acl)
        await call.door.objects.buckets.head(call.op, call.bucket)
        return Response()
    _check(call, acl)
    body = msgspec.json.encode(acl)
    await call.door.objects.buckets.put_document(call.op, call.bucket, DocumentName.ACCESS_CONTROL, body)
    return Response()


async def get_object_acl(call: Call) -> Response:
    """GetObjectAcl."""
    metadata, _ = await call.door.objects.revising.look(call.op, call.ref)
    if call.settings.enforced:
        return _answer(grants.private(call.bucket.owner))
    return _answer(acl_of(metadata, call.bucket))


async def put_object_acl(call: Call) -> Response:
    """PutObjectAcl: replaces the list of a version."""
    if call.settings.enforced:
        _require_lists(call)
        _require_owner_only(call, await _asked(call, call.bucket.owner))
        await call.door.objects.revising.look(call.op, call.ref)
        return Response()
    metadata = await call.door.objects.revising.peek(call.op, call.ref)
    acl = await _asked(call, metadata.owner or call.bucket.owner)
    _check(call, acl)
    await call.door.objects.revising.revise(
        call.op, call.ref, lambda found: msgspec.structs.replace(found, grants=acl.grants), grants=len(acl.grants)
    )
    return Response()


async def _asked(call: Call, owner: str) -> Acl:
    """The list that a request brings, in headers or as a document."""
    given = grants.of_headers(call.request.headers, owner, call.bucket.owner)
    body = await call.payload().read(MAX_DOCUMENT)
    if given is not None and body:
        raise Refusal(errors.INVALID_REQUEST, "This request does not support both a list in headers and a document")
    if given is not None:
        return given
    if not body:
        raise Refusal(errors.MALFORMED_XML)
    return grants.of_document(parse(body, "AccessControlPolicy"), owner)


def _of_bucket(call: Call) -> Acl:
    return call.settings.acl or grants.private(call.bucket.owner)


def _check(call: Call, acl: Acl) -> None:
    """Nobody unknown, and nothing public where that is blocked."""
    _require_known(call, acl)
    if acl.public and call.settings.block.BlockPublicAcls:
        raise Refusal(errors.ACCESS_DENIED, "public access is blocked")


def _require_known(call: Call, acl: Acl) -> None:
    for grant in acl.grants:
        known = grant.grantee in (*grants.GROUPS, acl.owner) or call.door.access.sharing.knows(grant.grantee)
        if not known:
            raise Refusal(errors.INVALID_ARGUMENT, "Invalid id", ArgumentName="CanonicalUser/ID")


def _require_lists(call: Call) -> None:
    """Where lists are possible and the owner has turned them off, to put one is a mistake."""
    if call.door.access.sharing.possible:
        raise Refusal(errors.NO_ACLS)


def _require_owner_only(call: Call, acl: Acl) -> None:
    if any(grant.grantee != call.bucket.owner for grant in acl.grants):
        raise Refusal(errors.NO_ACLS)


def _answer(acl: Acl) -> Response:
    return xml(render("AccessControlPolicy", grants.render(acl)))
