"""What browsers ask before they send, and what tells them whether a page may see the answer: CORS around every request."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from nexus.kernel.errors import NexusError, NotFound
from nexus.objects.buckets import Buckets, DocumentName
from nexus.objects.s3 import cors
from nexus.objects.s3.address import Address, locate
from nexus.objects.s3.attempt import Attempt
from nexus.objects.s3.call import Door
from nexus.objects.s3.endpoint import PREFLIGHT_TITLE, ROUTE
from nexus.objects.s3.http import Request, Response, Scope, read

PREFLIGHT: Final = "objects.request.preflight"
"""The action in the entry of a browser's question."""


async def preflight(door: Door, scope: Scope, attempt: Attempt, request: Request, address: Address) -> Response:
    """What a browser asks before it sends, without a signature. Of a bucket it learns its CORS rules and no more."""
    attempt.is_at(address)
    attempt.action, scope[ROUTE] = PREFLIGHT, PREFLIGHT_TITLE
    response = cors.preflight(_rules_of(door.objects.buckets, address), request.headers)
    await door.audit.record(attempt.operation().allowed(PREFLIGHT, attempt.resource, cors=True))
    return response


def tell(door: Door, scope: Scope, response: Response, domains: Sequence[str]) -> None:
    """Tell a browser whether the page that sent the request may see its answer, refusals included."""
    if scope["method"] == "OPTIONS" or not any(name == b"origin" for name, _ in scope["headers"]):
        return
    with suppress(NexusError):  # a request that cannot be read was refused already
        request = read(scope)
        address = locate(request.path, request.headers.get("host", ""), domains, tenants=door.dialect.tenants)
        asked = request.headers.get(cors.REQUESTED_METHOD, request.method)
        for name, value in cors.answer_headers(_rules_of(door.objects.buckets, address), request.headers, asked):
            response.add(name, value)


def _rules_of(buckets: Buckets, address: Address) -> bytes | None:
    try:
        bucket = buckets.find(address.bucket or "")
    except NotFound:
        return None
    return buckets.documents(bucket).get(DocumentName.CORS)
