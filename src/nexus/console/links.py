"""Numbers that lead somewhere: whose page it is says the number itself."""

import re
from collections.abc import Mapping
from typing import Final

PAGES: Final[Mapping[str, tuple[str, str]]] = {
    "int": ("/approvals/{}", ""),
    "key": ("/keys/{}", "kms.key.list"),
    "mac": ("/machines/{}", "iam.machine.list"),
    "op": ("/audit?operation={}", "audit.entry.list"),
    "per": ("/people/{}", "iam.person.list"),
}
"""Prefix of an id -> the page that shows it, and the operation without which that page is of no use."""
_ID: Final = re.compile(r"\A([a-z]{2,4})_[0-9a-z]{26}\Z")


def is_id(text: str) -> bool:
    """Whether a text is the number of something."""
    return _ID.match(text) is not None


def link_of(text: str, offered: frozenset[str], me: str) -> str | None:
    """The page of what an id names, or None where the text is no id, its kind has no page, or the reader no right to it."""
    found = _ID.match(text)
    if not found or found[1] not in PAGES:
        return None
    page, needs = PAGES[found[1]]
    return page.format(text) if not needs or needs in offered or text == me else None
