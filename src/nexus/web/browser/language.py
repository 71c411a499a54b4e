"""French or English: what a reader chose, else what the browser asks for, else English."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from starlette.requests import HTTPConnection

T = TypeVar("T")

MAX_WISHES = 20
"""Languages of an `Accept-Language` that are looked at."""


class Language(StrEnum):
    """What people are spoken to in; the value is the language tag of the page."""

    ENGLISH = "en"
    FRENCH = "fr"


@dataclass(frozen=True, slots=True)
class Bilingual(Generic[T]):
    """The same texts in both languages: a sentence, or a record of them. One type, so that none can be missing."""

    en: T
    fr: T

    def of(self, language: Language) -> T:
        """The texts in this language."""
        return self.fr if language is Language.FRENCH else self.en


def chosen(request: HTTPConnection, cookie: str) -> Language:
    """The language of a request. `cookie`: the name of the one that keeps a choice."""
    return remembered(request, cookie) or _asked_for(request.headers.get("accept-language", ""))


def remembered(request: HTTPConnection, cookie: str) -> Language | None:
    """What the reader chose here before, if anything."""
    kept = request.cookies.get(cookie, "")
    return Language(kept) if kept in {language.value for language in Language} else None


def _asked_for(header: str) -> Language:
    wishes = [_wish(part) for part in header.split(",")[:MAX_WISHES]]
    known = [(weight, tag) for weight, tag in wishes if weight > 0 and tag in {"en", "fr"}]
    return Language(max(known, key=lambda wish: wish[0])[1]) if known else Language.ENGLISH


def _wish(part: str) -> tuple[float, str]:
    """(weight, two letters) of one wish; what cannot be read weighs nothing."""
    tag, _, weight = part.strip().partition(";q=")
    try:
        return (float(weight) if weight else 1.0), tag[:2].lower()
    except ValueError:
        return 0.0, ""
