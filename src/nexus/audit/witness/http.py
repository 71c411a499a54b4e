"""The tlog-witness protocol over HTTP: two routes, plain text."""

import re

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nexus.audit.witness.service import MAX_REQUEST_BYTES, OtherSize, WitnessService
from nexus.kernel.errors import Damaged, Denied, Invalid, NexusError, NotFound

SIZE_TYPE = "text/x.tlog.size"

_STATUS: tuple[tuple[type[NexusError], int], ...] = ((Invalid, 400), (Denied, 403), (NotFound, 404), (Damaged, 422))
_DIGEST = re.compile(r"[0-9a-f]{64}")


def witness_app(service: WitnessService) -> Starlette:
    """The ASGI application of a witness. TLS and the socket are the caller's."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            return PlainTextResponse(await service.add_checkpoint(await _body(request)))
        except OtherSize as other:
            return Response(f"{other.size}\n", 409, headers={"content-type": SIZE_TYPE})
        except NexusError as error:
            return _refusal(error)

    async def checkpoint(request: Request) -> Response:
        digest = request.path_params["digest"]
        try:
            if not _DIGEST.fullmatch(digest):
                raise NotFound("an origin hash is 64 lowercase hex digits", code="witness.never-seen")
            return PlainTextResponse(service.latest(digest), headers={"cache-control": "no-cache"})
        except NexusError as error:
            return _refusal(error)

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{digest}/checkpoint", checkpoint, methods=["GET"]),
        ]
    )


async def _body(request: Request) -> bytes:
    """The body, of bounded size."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_REQUEST_BYTES:
                raise Invalid(f"a request has at most {MAX_REQUEST_BYTES} bytes", code="witness.too-large")
    except ClientDisconnect:
        raise Invalid("the request ended early", code="witness.form") from None
    return bytes(body)


def _refusal(error: NexusError) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 503)
    return PlainTextResponse(f"{error.message}\n", status)
