"""GetObjectAttributes."""

from collections.abc import Sequence

from nexus.objects.model import MAX_PAGE, ObjectInfo, Part
from nexus.objects.s3 import encryption, errors, stored
from nexus.objects.s3.call import Call
from nexus.objects.s3.checksums import COMPOSITE
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.times import http_date
from nexus.objects.s3.xml import Node, render

HEADER = "x-amz-object-attributes"
_ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


async def get_object_attributes(call: Call) -> Response:
    """GetObjectAttributes: what is known of a version, and a page of its parts."""
    wanted = {name.strip() for name in (call.header(HEADER) or "").split(",")}
    if not wanted <= _ATTRIBUTES:
        raise Refusal(errors.INVALID_ARGUMENT, "Invalid attribute name specified", ArgumentName=HEADER)
    after, size = _number(call, "x-amz-part-number-marker", 0), _number(call, "x-amz-max-parts", MAX_PAGE)
    info, parts = await call.door.objects.reading.parts(
        call.op,
        call.bucket,
        call.key,
        version_id=call.version_id,
        client_key=encryption.client_key(call.request.headers),
    )
    nodes: list[Node] = []
    if "ETag" in wanted:
        nodes.append(("ETag", info.version.etag))
    if "Checksum" in wanted and info.checksums:
        nodes.append(("Checksum", stored.elements(info.checksums)))
    if "ObjectParts" in wanted and parts:
        nodes.append(("ObjectParts", _page(info, parts, after, min(size, MAX_PAGE))))
    if "StorageClass" in wanted:
        nodes.append(("StorageClass", "STANDARD"))
    if "ObjectSize" in wanted:
        nodes.append(("ObjectSize", info.version.size))
    response = xml(render("GetObjectAttributesResponse", nodes))
    response.add("last-modified", http_date(info.version.last_modified))
    add_version(response, call.bucket, info.version.version_id)
    return response


def _page(info: ObjectInfo, parts: Sequence[Part], after: int, size: int) -> list[Node]:
    following = [part for part in parts if part.number > after]
    shown = following[:size]
    truncated = len(shown) < len(following)
    chosen = stored.kind(info.checksums) == COMPOSITE or "crc64nvme" not in info.checksums
    nodes: list[Node] = [
        ("PartsCount", len(parts)),
        ("PartNumberMarker", after),
        ("NextPartNumberMarker", shown[-1].number if truncated and shown else None),
        ("MaxParts", size),
        ("IsTruncated", truncated),
    ]
    for part in shown:
        checksum = stored.elements(part.checksums, with_type=False) if chosen else []
        nodes.append(("Part", [("PartNumber", part.number), ("Size", part.size), *checksum]))
    return nodes


def _number(call: Call, name: str, default: int) -> int:
    text = call.header(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise Refusal(errors.INVALID_ARGUMENT, f"{name} is not a number", ArgumentName=name)
    return int(text)
