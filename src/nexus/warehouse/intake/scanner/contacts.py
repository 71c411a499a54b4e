"""E-mail addresses, streets, and dates of birth that a text calls so. Pure."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

EMAIL: Final = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.)+[A-Za-z]{2,24}(?![\w@])")
EMAIL_CANDIDATE: Final = "@"

_WAYS: Final = (
    "rue|avenue|av\\.|boulevard|bd\\.?|bld|all[ée]es?|chemin|impasse|place|quai|route|cours|square|faubourg|lotissement"
    "|r[ée]sidence|sentier|venelle|esplanade|promenade"
)
ADDRESS: Final = re.compile(
    rf"\b\d{{1,4}}(?: ?(?:bis|ter|quater|[a-d]))?,? +(?:{_WAYS})(?: +(?:de|du|des|de la|de l'|d'|la|le|les|l'))?[ ']+[^\W\d_]{{3,}}",
    re.IGNORECASE,
)
ADDRESS_CANDIDATE: Final = rf"(?i)[0-9].{{0,8}} (?:{_WAYS})"
_DAY: Final = r"(?:\d{4}-\d\d-\d\d|\d{1,2}[/.\- ]\d{1,2}[/.\- ]\d{2,4}|\d{1,2}(?:er)? [^\W\d_]{3,9} \d{4})"
BORN: Final = re.compile(
    rf"(?:\bn[ée]+(?:\(?e\)?)? +le|\bDDN\b|\bdate +de +naissance|\bborn(?: +on)?|\bD\.?O\.?B\.?)\s*:? *{_DAY}",
    re.IGNORECASE,
)
BORN_CANDIDATE: Final = r"(?i)(?:\bn[eé]|DDN|naissance|born|D\.?O\.?B)"
DAY_CANDIDATE: Final = r"[0-9]{1,4}[/.\- ][0-9]{1,2}[/.\- ][0-9]{2,4}|[0-9]{8}"
"""For engines without look-around: whatever has no match holds no day in digits."""


def spellings(day: date) -> Iterator[str]:
    """How people write a day."""
    yield day.isoformat()
    for mark in "/.- ":
        yield f"{day:%d}{mark}{day:%m}{mark}{day:%Y}"
    yield f"{day.day}/{day.month}/{day.year}"
    yield f"{day:%d%m%Y}"
    yield f"{day:%Y%m%d}"
