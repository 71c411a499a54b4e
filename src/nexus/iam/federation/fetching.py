"""What is fetched from an outside issuer: small JSON documents over TLS, no redirection followed, no proxy of the machine."""

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from nexus.kernel.errors import Unavailable

MAX_DOCUMENT: Final = 256 * 1024
"""Bytes of an answer."""
TIMEOUT_S: Final = 10.0
"""For each step of an exchange: connecting, sending, each piece of the answer."""

Transport = Callable[[str], httpx.AsyncBaseTransport]
"""A way to the issuers whose TLS comes from this authority (a file; empty: those that the machine trusts)."""


def over_the_network(authority: str) -> httpx.AsyncBaseTransport:
    """TLS 1.2 or newer, verified."""
    return httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=authority or None), trust_env=False)


async def get_document(transport: httpx.AsyncBaseTransport, url: str) -> dict[str, Any]:
    """A JSON object. Raises Unavailable."""
    return await _document(transport, "GET", url)


async def post_form(
    transport: httpx.AsyncBaseTransport, url: str, form: Mapping[str, str], auth: tuple[str, str] | None
) -> dict[str, Any]:
    """The JSON object that answers a form. Raises Unavailable, also where the issuer refuses."""
    return await _document(transport, "POST", url, data=dict(form), auth=httpx.BasicAuth(*auth) if auth else None)


async def _document(transport: httpx.AsyncBaseTransport, method: str, url: str, **request: Any) -> dict[str, Any]:
    if not url.startswith("https://"):
        raise _unavailable("it names an address without TLS")
    try:
        async with (
            httpx.AsyncClient(transport=_Kept(transport), timeout=TIMEOUT_S, trust_env=False) as http,
            http.stream(method, url, headers={"Accept": "application/json"}, **request) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise _unavailable(f"it answers {answer.status_code}")
            document = msgspec.json.decode(await _bounded(answer))
    except (httpx.HTTPError, OSError) as error:
        raise _unavailable(f"it cannot be reached ({type(error).__name__})") from error
    except msgspec.DecodeError as error:
        raise _unavailable("its answer is no JSON") from error
    if not isinstance(document, dict):
        raise _unavailable("its answer is no object")
    return document


async def _bounded(answer: httpx.Response) -> bytes:
    body = b""
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MAX_DOCUMENT:
            raise _unavailable("its answer is too long")
    return body


class _Kept(httpx.AsyncBaseTransport):
    """A transport that outlives the client which uses it for one request, so that connections are kept."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand the request on."""
        return await self._transport.handle_async_request(request)


def _unavailable(what: str) -> Unavailable:
    return Unavailable(
        f"the outside issuer: {what}", code="iam.federation-unavailable", hint="sign in here, or try again later"
    )
