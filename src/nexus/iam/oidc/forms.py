"""Requests of the protocol, read without trusting their sender: bounded, each parameter once, plain characters."""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from nexus.iam.oidc.server import Asked

MAX_FORM_BYTES: Final = 32 * 1024
MAX_FIELDS: Final = 40
FORM_TIMEOUT_S: Final = 15
MAX_HEADER: Final = 1_024
"""Characters of an Authorization header with a client's secret."""
QUOTED: Final = frozenset({"response_type", "redirect_uri", "grant_type", "scope", "client_id", "response_mode"})
"""Parameters that refusals may quote: a quotation mark or a backslash has no place in them."""


class BadForm(Exception):
    """It is not a request of the protocol. `error` is the protocol's word for it."""

    def __init__(self, error: str = "invalid_request") -> None:
        super().__init__(error)
        self.error = error


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises BadForm."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise BadForm
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_FORM_BYTES:
                    raise BadForm
    except (TimeoutError, ClientDisconnect) as error:
        raise BadForm from error
    return parsed(body.decode("latin-1"))


def parsed(text: str) -> dict[str, str]:
    """The fields of a form or a query; empty ones count as left out (RFC 6749, 3.1). Raises BadForm."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise BadForm from error
    return checked(pairs)


def checked(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each parameter once, in printable ASCII. Raises BadForm."""
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields or not all(text.isascii() and text.isprintable() for text in (name, value)):
            raise BadForm
        if name in QUOTED and not {'"', "\\"}.isdisjoint(value):
            raise BadForm
        fields[name] = value
    return {name: value for name, value in fields.items() if value}


async def asked_of(request: Request) -> Asked:
    """A request of a program to an endpoint. Raises BadForm.

    One way of authentication a request: a client that tries two is refused.
    """
    fields = await read_form(request)
    headers = request.headers.getlist("authorization")
    if not headers:
        if "client_secret" in fields and "client_assertion" in fields:
            raise BadForm
        return Asked(fields)
    if len(headers) != 1 or not {"client_secret", "client_assertion"}.isdisjoint(fields):
        raise BadForm
    client_id = _basic(headers[0])
    if fields.get("client_id", client_id) != client_id:
        raise BadForm("invalid_client")
    return Asked(fields, headers[0])


def _basic(header: str) -> str:
    """The client's id in a Basic header of plain characters. Raises BadForm."""
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic" or len(header) > MAX_HEADER:
            raise ValueError("not Basic")
        client_id, colon, _ = b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (ValueError, binascii.Error) as error:
        raise BadForm("invalid_client") from error
    if not colon:
        raise BadForm("invalid_client")
    return client_id
