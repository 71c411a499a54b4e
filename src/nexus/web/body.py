"""Reading a request's body without trusting its sender: bounded in size and in time, of the declared kind and nothing else."""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from nexus.kernel.errors import Invalid

MAX_BODY_BYTES: Final = 256 * 1024
"""The longest request is an imported key with its attributes; objects come through the S3 door."""
BODY_TIMEOUT_S: Final = 15
"""From the first look at the body until its last byte."""


async def read_json_body(request: Request, *, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The body's bytes, or empty. Raises Invalid if it is too large, too slow, cut short or not declared as JSON."""
    return await read_body(request, "application/json", timeout_s=timeout_s)


async def read_body(request: Request, media_type: str, *, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The same for a body of `media_type`."""
    body = await read_bounded(request, timeout_s=timeout_s)
    if body:
        _check_media_type(request, media_type)
    return body


async def read_bounded(request: Request, *, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The body's bytes, whatever they are declared as: that is for the caller to check."""
    _check_declared_length(request.headers.get("content-length"))
    try:
        async with asyncio.timeout(timeout_s):
            body = await _read(request)
    except TimeoutError as error:
        raise Invalid(f"the body did not arrive within {timeout_s:g} seconds", code="web.slow-body") from error
    except ClientDisconnect as error:
        raise Invalid("the client left before its body ended", code="web.body-cut") from error
    return body


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _check_declared_length(declared: str | None) -> None:
    if declared is None:
        return
    if not (declared.isascii() and declared.isdigit()):
        raise Invalid("Content-Length is not a number", code="web.content-length")
    if len(declared) > 18 or int(declared) > MAX_BODY_BYTES:
        raise _too_large()


def _check_media_type(request: Request, wanted: str) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != wanted or charset not in ("", "utf-8"):
        raise Invalid(f"a body must be {wanted} in UTF-8", code="web.media-type")
    if "content-encoding" in request.headers:
        raise Invalid("a body must not be compressed", code="web.media-type")


def _too_large() -> Invalid:
    return Invalid(f"the body is larger than {MAX_BODY_BYTES} bytes", code="web.body-too-large")
