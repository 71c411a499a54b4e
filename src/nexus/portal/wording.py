"""Texts for people who are not of the trade, in both languages; French set as French is set.

French wants a narrow space that does not break before `; ! ?`, one that does not break before `:` and within `« »`, and the
apostrophe of print. Nobody types these: `spoken` sets them.
"""

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar

from nexus.web.browser.language import Bilingual

T = TypeVar("T")
NARROW: Final = "\u202f"
"""Narrow space that does not break."""
FIXED: Final = "\u00a0"
"""Space that does not break."""
_RULES: Final = (
    (re.compile(r"'"), "’"),
    (re.compile(r" (?=[;!?%€])"), NARROW),
    (re.compile(r" (?=[:»])"), FIXED),
    (re.compile(r"(?<=«) "), FIXED),
    (re.compile(r"(?<=\d) (?=\d{3}\b)"), NARROW),
)


def spoken(en: T, fr: T) -> Bilingual[T]:
    """The same in both languages: a sentence, or a record of sentences."""
    return Bilingual(en, _typeset(fr))


def typeset(text: str) -> str:
    """A French text with the spaces and apostrophes of print."""
    for pattern, sign in _RULES:
        text = pattern.sub(sign, text)
    return text


def _typeset(value: Any) -> Any:
    if isinstance(value, str):
        return typeset(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _typeset(getattr(value, field.name)) for field in fields(value)})
    if isinstance(value, tuple):
        return tuple(_typeset(one) for one in value)
    if isinstance(value, dict):
        return {name: _typeset(one) for name, one in value.items()}
    return value
