"""GetObjectAttributes."""

from nexus.objects.s3 import conditions, errors, stored
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.times import http_date
from nexus.objects.s3.xml import Node, render

HEADER = "x-amz-object-attributes"
_ATTRIBUTES = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


async def get_object_attributes(call: Call) -> Response:
    """GetObjectAttributes: what is known of a version; the list of its parts is not kept, their number is."""
    wanted = {name.strip() for name in (call.header(HEADER) or "").split(",")}
    if not wanted <= _ATTRIBUTES:
        raise Refusal(errors.INVALID_ARGUMENT, "Invalid attribute name specified", ArgumentName=HEADER)
    info, _, _ = await call.door.objects.reading.head(
        call.op, call.bucket, call.key, version_id=call.version_id, conditions=conditions.of_read(call)
    )
    nodes: list[Node] = []
    if "ETag" in wanted:
        nodes.append(("ETag", info.version.etag))
    if "Checksum" in wanted and info.checksums:
        nodes.append(("Checksum", stored.elements(info.checksums)))
    if "ObjectParts" in wanted and info.part_count:
        nodes.append(("ObjectParts", [("PartsCount", info.part_count)]))
    if "StorageClass" in wanted:
        nodes.append(("StorageClass", "STANDARD"))
    if "ObjectSize" in wanted:
        nodes.append(("ObjectSize", info.version.size))
    response = xml(render("GetObjectAttributesResponse", nodes))
    response.add("last-modified", http_date(info.version.last_modified))
    add_version(response, call.bucket, info.version.version_id)
    return response
