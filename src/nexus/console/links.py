"""Numbers that lead somewhere: whose page it is says the number itself."""

import re
from collections.abc import Mapping
from typing import Final

PAGES: Final[Mapping[str, str]] = {
    "int": "/approvals/{}",
    "key": "/keys/{}",
    "mac": "/machines/{}",
    "op": "/audit?operation={}",
    "per": "/people/{}",
}
"""Prefix of an id -> the page that shows it."""
_ID: Final = re.compile(r"\A([a-z]{2,4})_[0-9a-z]{26}\Z")


def link_of(text: str) -> str | None:
    """The page of what an id names, or None where the text is no id or its kind has no page."""
    found = _ID.match(text)
    return PAGES[found[1]].format(text) if found and found[1] in PAGES else None
