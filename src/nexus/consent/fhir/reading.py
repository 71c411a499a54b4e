"""A body from strangers as JSON: bounded in every direction, and read one way only.

Two readers of one JSON text must not see two different consents: an object that names a member twice is refused, so are
numbers that not every reader keeps, and texts that are no Unicode.
"""

import json
from typing import Any, Final, NoReturn

from starlette.requests import Request

from nexus.consent.fhir.troubles import Issue, Misfit, invalid
from nexus.web.binding import MAX_JSON_DEPTH, too_deep
from nexus.web.body import read_bounded

MAX_ITEMS: Final = 100
"""Elements of one array."""
MAX_MEMBERS: Final = 64
"""Members of one object."""
MAX_TEXT: Final = 4 * 1024
"""Characters of a text."""
MAX_NARRATIVE: Final = 64 * 1024
"""Characters of a narrative (`div`) or of an attachment's data."""
MAX_DIGITS: Final = 18
"""Digits of a number: what every reader keeps exactly."""
_LONG: Final = frozenset({"div", "data"})


async def read_resource(request: Request) -> dict[str, Any]:
    """The resource in a request's body. Raises Misfit, or Invalid where the body is too large or too slow."""
    return resource_of(await read_bounded(request))


def resource_of(body: bytes) -> dict[str, Any]:
    """JSON bytes as an object. Raises Misfit on anything else, or beyond the limits."""
    if too_deep(body):
        raise Misfit(400, [Issue("too-long", f"JSON nested deeper than {MAX_JSON_DEPTH} levels")])
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise invalid("the body is not JSON in UTF-8") from error
    if not isinstance(document, dict):
        raise invalid("a body is one resource")
    _check(document, "", "")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise invalid("an object names a member twice")
    return found


def _number(text: str) -> int | float:
    if sum(character.isdigit() for character in text) > MAX_DIGITS or "e" in text.lower():
        raise invalid("a number is too large, too precise or in exponential form")
    return float(text) if "." in text else int(text)


def _no_number(text: str) -> NoReturn:
    raise invalid("not a number")


def _check(value: Any, name: str, path: str) -> None:
    """Raise Misfit where a part is beyond the limits, or null (which FHIR has for primitive arrays only: refused)."""
    if value is None or value in ({}, []) or value == "":
        raise invalid("an element is empty", path)
    if isinstance(value, dict):
        _limit(len(value), MAX_MEMBERS, path)
        for key, item in value.items():
            _check(item, key, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        _limit(len(value), MAX_ITEMS, path)
        for index, item in enumerate(value):
            _check(item, name, f"{path}[{index}]")
    elif isinstance(value, str):
        _limit(len(value), MAX_NARRATIVE if name in _LONG else MAX_TEXT, path)
        if any(0xD800 <= ord(character) <= 0xDFFF or character == "\0" for character in value):
            raise invalid("a text is no Unicode", path)


def _limit(size: int, most: int, path: str) -> None:
    if size > most:
        raise Misfit(400, [Issue("too-long", f"more than {most}", path)])
