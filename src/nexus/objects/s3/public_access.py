"""GetPublicAccessBlock, PutPublicAccessBlock, DeletePublicAccessBlock.

Public access to health data is blocked for good: on the platform all four switches are on and stay on.
"""

import msgspec

from nexus.objects.buckets import DocumentName
from nexus.objects.s3 import errors
from nexus.objects.s3.bucket_settings import ALL_BLOCKED, PublicAccessBlock
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.xml import Document, render

_SWITCHES = PublicAccessBlock.__struct_fields__
_VALUES = {"true": True, "false": False}


async def put_public_access_block(call: Call) -> Response:
    """PutPublicAccessBlock: on the platform, all of it or nothing."""
    document = await call.document("PublicAccessBlockConfiguration")
    block = PublicAccessBlock(*(_switch(document, name) for name in _SWITCHES))
    if not call.door.access.sharing.possible and block != ALL_BLOCKED:
        raise Refusal(errors.ACCESS_DENIED, "public access stays blocked here")
    body = msgspec.json.encode(block)
    await call.door.objects.buckets.put_document(call.op, call.bucket, DocumentName.PUBLIC_ACCESS, body)
    return Response()


def _switch(document: Document, name: str) -> bool:
    text = (document.find(name) or "false").lower()
    if text not in _VALUES:
        raise Refusal(errors.MALFORMED_XML, f"{name} must be true or false")
    return _VALUES[text]


async def get_public_access_block(call: Call) -> Response:
    """GetPublicAccessBlock: on the platform also where nothing was put, because it is so."""
    if call.door.access.sharing.possible:
        await call.stored(DocumentName.PUBLIC_ACCESS, errors.NO_PUBLIC_ACCESS_BLOCK)
    else:
        await call.door.objects.buckets.head(call.op, call.bucket)
    block = call.settings.block
    return xml(render("PublicAccessBlockConfiguration", [(name, getattr(block, name)) for name in _SWITCHES]))


async def delete_public_access_block(call: Call) -> Response:
    """DeletePublicAccessBlock: back to the default, which on the platform is that all is blocked."""
    await call.door.objects.buckets.delete_document(call.op, call.bucket, DocumentName.PUBLIC_ACCESS)
    return Response(204)
