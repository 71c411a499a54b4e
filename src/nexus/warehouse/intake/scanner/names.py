"""Names in text: after a title, as a given and a family name side by side, or as the patient's own in the same row. Pure."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from nexus.warehouse.intake.scanner.words import ORDINARY, SHORTEST_NAME, WORD, family_names, given_names, plain, words

_TITLE: Final = re.compile(
    r"(?<![\w.])(?:M\.|MM\.|Mr\.?|Mme|Mlle|Monsieur|Madame|Mademoiselle|Dr\.?|Docteur|Pr|Professeur|MONSIEUR|MADAME|MME|MLLE)"
    r"\s+(?:[A-ZÀ-Þ]\.\s?)?(?P<name>[A-ZÀ-Þ](?:['’\-]?[^\W\d_])+)"
)
_SPECIES: Final = frozenset(
    [
        "TUBERCULOSIS",
        "AVIUM",
        "PNEUMONIAE",
        "LEPRAE",
        "BOVIS",
        "CATARRHALIS",
        "HOMINIS",
        "GENITALIUM",
        "FURFUR",
        "KANSASII",
        "ABSCESSUS",
        "XENOPI",
        "MORGANII",
        "MARINUM",
        "ULCERANS",
        "AFRICANUM",
        "FORTUITUM",
    ]
)
"""What stands after the M. of a genus."""
_EPONYMS: Final = frozenset(
    {("CLAUDE", "BERNARD"), ("PIERRE", "ROBIN"), ("PIERRE", "MARIE"), ("LOUIS", "BAR"), ("MARIE", "STRUMPELL")}
    | {("PAUL", "BERNARD"), ("ALBERT", "SCHWEITZER"), ("LOUIS", "PRADEL"), ("HENRI", "MONDOR"), ("GUY", "CHAULIAC")}
)
"""Syndromes, and hospitals that are called after somebody."""
SHORT_CANDIDATE: Final = r"^ *\p{L}[\p{L}'’]+(?:[ \-]\p{L}[\p{L}'’]+){0,2} *$"
"""For engines without look-around: cells of one to three words and nothing else."""
TEXT_CANDIDATE: Final = (
    r"\p{Lu}[\p{L}'’\-]+ \p{Lu}[\p{L}'’\-]|(?:\bM{1,2}\.|\bMr|\bM[Mm][Ee]|\bM[Ll][Ll][Ee]|onsieur|MONSIEUR|\bMad|MADAME"
    r"|\bDr|Docteur|\bPr)"
)
"""The same: cells that may hold a title, or two words side by side that begin with capitals."""


def titled(text: str) -> int:
    """How many names follow a title."""
    return sum(plain(found["name"]) not in _SPECIES for found in _TITLE.finditer(text))


def paired(text: str) -> int:
    """How many given and family names stand side by side, in either order, both written as names are."""
    written = [(each.group(), each.start(), each.end()) for each in WORD.finditer(text) if each.group()[0].isupper()]
    count = 0
    for (one, _, end), (other, start, _) in pairwise(written):
        if start - end == 1 and text[end] == " ":
            count += _is_pair(one, other)
    return count


def _is_pair(one: str, other: str) -> bool:
    first, second = plain(one), plain(other)
    if (first, second) in _EPONYMS:
        return False
    if (_is_given(first) and second in family_names()) or (first in family_names() and _is_given(second)):
        return True
    return _is_given(first) and other.isupper() and len(second) > SHORTEST_NAME and not one.isupper()


def _is_given(name: str) -> bool:
    """`Marie-Claude` is written as one name: each of its parts is one."""
    return name in given_names()


def is_listed(cell: str) -> bool:
    """Whether a whole cell is a name of the lists, or made of nothing else."""
    parts = [plain(part) for part in re.split(r"[\s\-]+", cell.strip()) if part]
    return 0 < len(parts) <= 3 and all(part in given_names() or part in family_names() for part in parts)


def own(text: str, family: Iterable[str], given: Iterable[str]) -> bool:
    """Whether a text holds a name of the patient whom its row is about. Names as they are compared, 3 letters and more."""
    found = set(words(text))
    families = [name for name in family if name in found]
    if not families:
        return False
    if any(name in found for name in given):
        return True
    return any(
        (name not in ORDINARY and len(name) > SHORTEST_NAME) or _written_as_name(text, name) for name in families
    )


def _written_as_name(text: str, name: str) -> bool:
    """An ordinary word counts where it is in capitals and its neighbours are not."""
    written = WORD.findall(text)
    shouted = [word for word in written if plain(word) == name and word.isupper()]
    return bool(shouted) and any(word.islower() for word in written)
