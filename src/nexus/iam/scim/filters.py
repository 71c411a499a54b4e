"""Filters: `attribute eq "value"`, joined by `and`. Anything else is refused: a filter that is half understood lies.

The value is one JSON string; nothing of it is ever put into a statement, it travels as a parameter.
"""

import json
import re
from collections.abc import Collection
from typing import Final

from nexus.kernel.errors import Invalid

MAX_FILTER: Final = 512
"""Characters of a filter."""
_COMPARISON: Final = re.compile(r'\s*([A-Za-z][A-Za-z0-9.:]*)\s+(?i:eq)\s+("(?:[^"\\]|\\.)*")\s*')
_AND: Final = re.compile(r"(?i:and)\s")


def parse(text: str, known: Collection[str]) -> dict[str, str]:
    """Attribute (in lower case) to value. Raises Invalid on anything but `eq` and `and` over known attributes."""
    if len(text) > MAX_FILTER:
        raise _refused(f"a filter has {MAX_FILTER} characters at most")
    asked: dict[str, str] = {}
    position = 0
    while True:
        found = _COMPARISON.match(text, position)
        if found is None:
            raise _refused('a filter is `attribute eq "value"`, joined by `and`')
        name, value = found[1].lower().rpartition(":")[2], _value(found[2])
        if name not in known or name in asked:
            raise _refused(f"filters know: {', '.join(sorted(known))}, each once")
        asked[name] = value
        position = found.end()
        if position == len(text):
            return asked
        joined = _AND.match(text, position)
        if joined is None:
            raise _refused("comparisons are joined by `and`")
        position = joined.end()


def _value(quoted: str) -> str:
    try:
        value: str = json.loads(quoted)
    except ValueError as error:
        raise _refused("the value is no JSON string") from error
    if not value or not value.isprintable():
        raise _refused("the value is empty or not printable")
    return value


def _refused(why: str) -> Invalid:
    return Invalid(f"this filter is not supported: {why}", code="scim.filter")
