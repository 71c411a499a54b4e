"""A request as it came over HTTP and the response that goes back: bytes, headers and limits; no S3 yet."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_HEADER_BYTES = 16 * 1024
"""Bytes of all header names and values together."""
MAX_HEADERS = 100
"""Header lines of a request: as many as the HTTP engine in front takes, which ends a connection that sends more (431)."""
MAX_URI_BYTES = 16 * 1024
"""Bytes of path and query together, as sent."""
MAX_PARAMETERS = 64
"""Query parameters of a request."""

_METADATA = "x-amz-meta-"
_REPEATABLE = frozenset({"accept", "accept-encoding", "accept-language", "cache-control", "connection", "via", "te"})
_BAD_PERCENT = re.compile(rb"%(?![0-9a-fA-F]{2})")
_UNSAFE_VALUE = re.compile(r"[^\x20-\x7e\x80-\xff\t]")


class Request(msgspec.Struct, frozen=True):
    """What a client sent, but its body. `headers` have lower-case names and latin-1 text; `query` is decoded text."""

    method: str
    path: bytes
    """As sent, still percent-encoded."""
    parameters: list[tuple[bytes, bytes]]
    """Decoded, in the order sent."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    client: str
    """Network address."""
    secure: bool
    """Came over TLS."""


def read(scope: Scope) -> Request:
    """The request of an ASGI scope. Raises Refusal if it breaks a limit or repeats what may come once only."""
    raw_path: bytes = scope["raw_path"]
    raw_query: bytes = scope["query_string"]
    if len(raw_path) + len(raw_query) > MAX_URI_BYTES:
        raise Refusal(errors.URI_TOO_LONG)
    headers = _headers(scope["headers"])
    _require_plain_framing(headers, scope.get("http_version", ""))
    parameters = _parameters(raw_query) if raw_query else []
    return Request(
        method=scope["method"],
        path=raw_path,
        parameters=parameters,
        query=_query(parameters),
        headers=headers,
        client=client_of(scope),
        secure=scope["scheme"] == "https",
    )


def client_of(scope: Scope) -> str:
    """The client's network address, or `unknown` where the server cannot tell."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def has_body(scope: Scope) -> bool:
    """Whether the request announces a body."""
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


def _require_plain_framing(headers: Mapping[str, str], version: str) -> None:
    """Refuse a body of which a proxy in front could see another end, and a request that names nobody whom it asks."""
    if not headers.get("host") and version == "1.1":
        raise Refusal(errors.INVALID_REQUEST, "Missing required header for this request: host")
    coding = headers.get("transfer-encoding")
    if coding is None:
        return
    if "content-length" in headers:
        raise Refusal(errors.INVALID_REQUEST, "A length and a transfer encoding do not go together")
    if coding.strip().lower() != "chunked":
        raise Refusal(
            errors.NOT_IMPLEMENTED,
            "A header you provided implies functionality that is not implemented",
            Header="Transfer-Encoding",
        )


def expects_continue(scope: Scope) -> bool:
    """Whether the client waits for leave to send its body."""
    return any(name == b"expect" for name, _ in scope["headers"])


def percent_decode(raw: bytes) -> bytes:
    """Exact: every byte but a well-formed %XX stands for itself. Raises Refusal on a malformed escape."""
    if b"%" not in raw:
        return raw
    if _BAD_PERCENT.search(raw):
        raise Refusal(errors.INVALID_URI)
    return unquote_to_bytes(raw)


def _headers(lines: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    total = count = 0
    for raw_name, raw_value in lines:
        total += len(raw_name) + len(raw_value)
        count += 1
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name.startswith(_METADATA) or name in _REPEATABLE:
            headers[name] = f"{headers[name]},{value}"
        else:
            raise Refusal(errors.INVALID_REQUEST, f"the header {name[:64]} is given twice")
    if total > MAX_HEADER_BYTES or count > MAX_HEADERS:
        raise Refusal(errors.REQUEST_HEADER_SECTION_TOO_LARGE)
    return headers


def _parameters(raw: bytes) -> list[tuple[bytes, bytes]]:
    parameters = []
    for item in raw.split(b"&", MAX_PARAMETERS):
        if item:
            name, _, value = item.replace(b"+", b"%20").partition(b"=")
            parameters.append((percent_decode(name), percent_decode(value)))
    if len(parameters) > MAX_PARAMETERS:
        raise Refusal(errors.INVALID_ARGUMENT, f"more than {MAX_PARAMETERS} query parameters")
    return parameters


def _query(parameters: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    query: dict[str, str] = {}
    for raw_name, raw_value in parameters:
        try:
            name, value = raw_name.decode(), raw_value.decode()
        except UnicodeDecodeError as error:
            raise Refusal(errors.INVALID_URI, "a query parameter is not UTF-8") from error
        if name in query:
            raise Refusal(errors.INVALID_ARGUMENT, "a query parameter is given twice")
        query[name] = value
    return query


def fits_header(text: str) -> bool:
    """Whether the text stays one header, byte for byte."""
    if text.isascii() and text.isprintable():
        return True
    return _UNSAFE_VALUE.search(text) is None


Headers: TypeAlias = "list[tuple[bytes, bytes]]"


@dataclass(slots=True)
class Response:
    """What goes back. A streamed body needs `length`, its exact number of bytes; its pieces may be lent until the next is asked for."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: bytes | AsyncIterator[bytes | bytearray] = b""
    length: int | None = None

    def add(self, name: str, value: str | int | None) -> None:
        """Add a header; None adds nothing. Raises Refusal on a value that would not stay one header."""
        if value is None:
            return
        text = value if isinstance(value, str) else str(value)
        if not fits_header(text):
            raise Refusal(errors.INVALID_ARGUMENT, f"the value of {name} cannot be a header")
        self.headers.append((name.encode("latin-1"), text.encode("latin-1")))


def xml(body: bytes, status: int = 200) -> Response:
    """A response that is an XML document."""
    return Response(status, [(b"content-type", b"application/xml")], body)
