"""ListObjectsV2, and ListObjects, its first version."""

from nexus.objects.model import ObjectVersion, Page
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.paging import Names, limit
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.xml import Node, owner, render


async def list_objects_v2(call: Call) -> Response:
    """ListObjectsV2: pages joined by opaque tokens."""
    names, size = Names(call), limit(call, "max-keys")
    token, start_after = call.query("continuation-token"), call.query("start-after")
    page = await _page(call, size, after=start_after or "", token=token or None)
    with_owner = call.query("fetch-owner") == "true"
    return _document(
        call,
        names,
        size,
        page,
        [
            ("Prefix", names(call.query("prefix") or "")),
            ("KeyCount", len(page.versions) + len(page.prefixes)),
            ("ContinuationToken", token),
            ("NextContinuationToken", page.next),
            ("StartAfter", names(start_after)),
        ],
        with_owner=with_owner,
    )


async def list_objects(call: Call) -> Response:
    """ListObjects: pages joined by the last name of the page before. By its tradition, the prefix is never encoded."""
    names, size = Names(call), limit(call, "max-keys")
    marker = call.query("marker") or ""
    page = await _page(call, size, after=marker, token=None)
    following = names(page.last) if page.next is not None and call.query("delimiter") else None
    return _document(
        call,
        names,
        size,
        page,
        [("Prefix", call.query("prefix") or ""), ("Marker", names(marker)), ("NextMarker", following)],
        with_owner=True,
    )


async def _page(call: Call, size: int, *, after: str, token: str | None) -> Page:
    if call.query("allow-unordered") == "true" and call.query(
        "delimiter"
    ):  # as Ceph has it; here, order is no less than asked
        raise Refusal(errors.INVALID_ARGUMENT, "allow-unordered goes with no delimiter", ArgumentName="allow-unordered")
    return await call.door.objects.listing.objects(
        call.op,
        call.bucket,
        prefix=call.query("prefix") or "",
        delimiter=call.query("delimiter") or "",
        after=after,
        token=token,
        limit=size,
    )


def _document(call: Call, names: Names, size: int, page: Page, position: list[Node], *, with_owner: bool) -> Response:
    nodes: list[Node] = [
        ("Name", call.bucket_name),
        ("Delimiter", names(call.query("delimiter") or None)),
        ("MaxKeys", size),
        ("EncodingType", names.encoding),
        ("IsTruncated", page.next is not None),
        *position,
    ]
    for version in page.versions:
        nodes.append(("Contents", _contents(call, names, version, with_owner=with_owner)))
    nodes += names.prefixes(page.prefixes)
    return xml(render("ListBucketResult", nodes))


def _contents(call: Call, names: Names, version: ObjectVersion, *, with_owner: bool) -> list[Node]:
    nodes: list[Node] = [
        ("Key", names(version.key)),
        ("LastModified", xml_time(version.last_modified)),
        ("ETag", f'"{version.etag}"'),
        ("Size", version.size),
        ("StorageClass", "STANDARD"),
    ]
    if with_owner:
        nodes.append(("Owner", owner(call.bucket.owner)))
    return nodes
