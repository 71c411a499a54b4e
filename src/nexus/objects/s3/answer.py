"""What goes out: headers that every answer carries, error documents, and bodies of any size."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from typing import cast

from nexus.kernel.errors import NexusError, Throttled
from nexus.objects import errors as store
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, Send, xml
from nexus.objects.s3.patience import Patience
from nexus.objects.s3.times import http_date
from nexus.objects.s3.xml import Node, render

NOT_MODIFIED = 304
STALL_TIMEOUT_S = 60.0
"""Longest time in which a client takes nothing of a body that it asked for."""
MIN_ANSWER_RATE = 8 * 1024
"""Bytes a second that a client must take on average, once the longest time is over. Only its own time counts."""
RETRY_AFTER_S = 1
"""What a client is told to wait when a part of the platform is down."""


def refusal_response(refusal: Refusal, cause: BaseException, request_id: str, raw_path: bytes, method: str) -> Response:
    """The error document of a refusal; without a body where HTTP allows none."""
    if method == "HEAD" or refusal.s3.status == NOT_MODIFIED:
        response = Response(refusal.s3.status)
    else:
        response = xml(render("Error", _document(refusal, request_id, raw_path), namespace=""), refusal.s3.status)
    _add_headers(response, cause)
    if "Region" in refusal.details:  # what clients go by where there is no document to read
        response.add("x-amz-bucket-region", refusal.details["Region"])
    if refusal.s3.status == 503:
        response.add("retry-after", cause.retry_after_s if isinstance(cause, Throttled) else RETRY_AFTER_S)
    return response


def _document(refusal: Refusal, request_id: str, raw_path: bytes) -> list[Node]:
    nodes: list[Node] = [("Code", refusal.s3.name), ("Message", refusal.message), *refusal.details.items()]
    if refusal.hint:
        nodes.append(("Hint", refusal.hint))
    return [*nodes, ("Resource", raw_path.decode("latin-1")), ("RequestId", request_id)]


def _add_headers(response: Response, cause: BaseException) -> None:
    if isinstance(cause, store.NotModified):
        response.add("etag", f'"{cause.etag}"')
        response.add("last-modified", http_date(cause.last_modified))
    elif isinstance(cause, store.IsDeleteMarker):
        response.add("x-amz-delete-marker", "true")
        response.add("x-amz-version-id", cause.version_id)
        if cause.named:
            response.add("allow", "DELETE")
            response.add("last-modified", http_date(cause.last_modified))
    elif isinstance(cause, NexusError) and cause.code == store.NO_SUCH_KEY:
        response.add("x-amz-delete-marker", "false")
    elif isinstance(cause, store.RangeNotSatisfiable):
        response.add("content-range", f"bytes */{cause.size}")


async def send_response(
    send: Send, response: Response, request_id: str, *, close: bool, stall_s: float = STALL_TIMEOUT_S
) -> None:
    """Send an answer. Raises what the body raises, and TimeoutError for a client that takes it too slowly or not at all."""
    headers = response.headers
    headers.append((b"x-amz-request-id", request_id.encode()))
    body = response.body
    length = response.length if response.length is not None else len(cast(bytes, body))
    if response.status not in (204, NOT_MODIFIED):
        headers.append((b"content-length", str(length).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if isinstance(body, bytes) or not length:
        await send({"type": "http.response.body", "body": body if isinstance(body, bytes) else b""})
        return
    await _stream(send, cast("AsyncGenerator[bytes | bytearray]", body), length, stall_s)


async def _stream(send: Send, body: AsyncGenerator[bytes | bytearray], length: int, stall_s: float) -> None:
    clock, taken, waited = asyncio.get_running_loop().time, 0, 0.0
    async with aclosing(body) as chunks:
        with closing(Patience()) as client:
            async for chunk in chunks:
                # A byte now and then keeps no connection: what may still be waited for grows with what was taken.
                patience, start = min(stall_s, stall_s + taken / MIN_ANSWER_RATE - waited), clock()
                taken += len(chunk)
                # The engine takes a copy before `send` returns, so that a piece may be lent.
                message = {"type": "http.response.body", "body": chunk, "more_body": taken < length}
                await client.wait(send(message), patience)
                waited += clock() - start
