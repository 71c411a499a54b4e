"""GetBucketTagging, PutBucketTagging, DeleteBucketTagging."""

import msgspec

from nexus.objects import rules
from nexus.objects.buckets import DocumentName
from nexus.objects.model import MAX_BUCKET_TAGS
from nexus.objects.s3 import errors, tag_documents
from nexus.objects.s3.call import Call
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import render

_tags = msgspec.json.Decoder(dict[str, str])


async def put_bucket_tagging(call: Call) -> Response:
    """PutBucketTagging: replaces all tags."""
    tags = tag_documents.read(await call.document("Tagging"))
    rules.check_tags(tags, limit=MAX_BUCKET_TAGS)
    await call.door.objects.buckets.put_document(call.op, call.bucket, DocumentName.TAGGING, msgspec.json.encode(tags))
    return Response(204)


async def get_bucket_tagging(call: Call) -> Response:
    """GetBucketTagging."""
    tags = _tags.decode(await call.stored(DocumentName.TAGGING, errors.NO_TAG_SET))
    return xml(render("Tagging", tag_documents.elements(tags)))


async def delete_bucket_tagging(call: Call) -> Response:
    """DeleteBucketTagging."""
    await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.TAGGING)
    return Response(204)
