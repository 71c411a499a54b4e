"""Names beside numbers: which identities the documents of a page speak of, and what those are called."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

OPERATION: Final = "iam.identity.name"
MOST: Final = 200
"""Identities that are asked for at once; those beyond keep their number."""
_ID: Final = re.compile(r"\b(?:per|mac)_[0-9a-z]{26}\b")


@dataclass(frozen=True, slots=True)
class Known:
    """What something is called. `login` tells persons of one name apart; what has none is shown with its kind."""

    name: str
    login: str
    kind: str


def ids_in(documents: Iterable[Any]) -> list[str]:
    """The numbers of identities in what operations answered, the first `MOST` of them, each once."""
    return list(dict.fromkeys(_ids(list(documents))))[:MOST]


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _ID.findall(value)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _ids(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _ids(one)
