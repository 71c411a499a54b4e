"""GetObjectTagging, PutObjectTagging and DeleteObjectTagging."""

from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import Document, Node, render


async def get_object_tagging(call: Call) -> Response:
    """GetObjectTagging."""
    tags, version_id = await call.door.objects.tagging.get(call.op, call.bucket, call.key, version_id=call.version_id)
    tag_set: list[Node] = [("Tag", [("Key", name), ("Value", value)]) for name, value in sorted(tags.items())]
    response = xml(render("Tagging", [("TagSet", tag_set)]))
    add_version(response, call.bucket, version_id)
    return response


async def put_object_tagging(call: Call) -> Response:
    """PutObjectTagging: replaces all tags."""
    tags = _read(await call.document("Tagging"))
    version_id = await call.door.objects.tagging.put(call.op, call.bucket, call.key, tags, version_id=call.version_id)
    response = Response()
    add_version(response, call.bucket, version_id)
    return response


async def delete_object_tagging(call: Call) -> Response:
    """DeleteObjectTagging: removes all tags."""
    version_id = await call.door.objects.tagging.put(call.op, call.bucket, call.key, {}, version_id=call.version_id)
    response = Response(204)
    add_version(response, call.bucket, version_id)
    return response


def _read(document: Document) -> dict[str, str]:
    sets = document.all("TagSet")
    if len(sets) != 1:
        raise Refusal(errors.MALFORMED_XML, "Tagging needs one TagSet")
    tags: dict[str, str] = {}
    for element in sets[0].all("Tag"):
        name = element.require("Key")
        if name in tags:
            raise Refusal(errors.INVALID_TAG, "Cannot provide multiple Tags with the same key")
        tags[name] = element.require("Value")
    return tags
