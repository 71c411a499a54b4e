"""GetObjectTagging, PutObjectTagging and DeleteObjectTagging."""

from nexus.objects.s3 import tag_documents
from nexus.objects.s3.call import Call
from nexus.objects.s3.get import add_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import render


async def get_object_tagging(call: Call) -> Response:
    """GetObjectTagging."""
    tags, version_id = await call.door.objects.tagging.get(call.op, call.bucket, call.key, version_id=call.version_id)
    response = xml(render("Tagging", tag_documents.elements(tags)))
    add_version(response, call.bucket, version_id)
    return response


async def put_object_tagging(call: Call) -> Response:
    """PutObjectTagging: replaces all tags."""
    tags = tag_documents.read(await call.document("Tagging"))
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
