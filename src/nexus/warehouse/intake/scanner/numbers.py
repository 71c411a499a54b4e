"""NIR and telephone numbers. Pure.

In the middle of a text a number of this form is one. Alone in its cell it is taken for what its column is (`columns`): one
in forty-three numbers of 15 digits has the form of a NIR by chance, and one in eleven of 10 digits that of a telephone.

The key of a NIR never decides against it: in real files many are wrong.
"""

import re
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.identity import NirKey, nir

CANDIDATE: Final = r"[0-9][0-9AB .\-/]{7,}[0-9]"
"""For engines without look-around: whatever has no match holds no number of these kinds."""

_NIR: Final = re.compile(
    r"(?<![\w.,])[1-478][ .\-]?\d\d[ .\-]?\d\d[ .\-]?(?:\d\d|2[AB])[ .\-]?\d{3}[ .\-]?\d{3}(?:[ .\-/]?\d\d)?(?![\w]|[.,]\d)",
    re.ASCII,
)
_BORN: Final = re.compile(r"[12]\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[1-8]\d|9[0-9]|2[AB])\d{6}(?:\d\d)?", re.ASCII)
"""As the register writes nearly everybody: sex 1 or 2, a month of the year, a department."""
_FRENCH: Final = re.compile(r"(?<![\w.,+\-])0[1-9]([ .\-]?)\d\d(?:\1\d\d){3}(?![\w]|[.,\-]\d)", re.ASCII)
_ABROAD: Final = re.compile(
    r"(?<![\w+.,])(?:\+|00 ?)(?:3\d|4\d)\d?(?:[ .\-]?\(0\))?(?:[ .\-]?\d){7,11}(?![\w])", re.ASCII
)
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+[.,][0-9]+(?:[eE][+-]?[0-9]+)?", re.ASCII)
_DOTS: Final = (0, 4, 5, 6)
"""Between the parts of a NIR: none, or all; a single one is of a decimal number."""
_DIGITS: Final = re.compile(r"[0-9]+|[0-9]{6}[AB][0-9]+", re.ASCII)

_SEPARATORS: Final = re.compile(r"[ .\-/]+")
NIR_LENGTHS: Final = (13, 15)
PHONE_LENGTHS: Final = (10, 11, 12, 13)


def is_bare(cell: str) -> bool:
    """Whether a cell is a number and nothing else, without any separator."""
    return _DIGITS.fullmatch(cell) is not None


def is_decimal(cell: str) -> bool:
    """Whether a cell is a measure: its digits say nothing of anybody."""
    return _DECIMAL.fullmatch(cell) is not None


def looks_like_nir(digits: str) -> bool:
    """Whether a bare number has the form of a NIR: that of nearly everybody, or a rarer one with its key right."""
    if len(digits) not in NIR_LENGTHS:
        return False
    return _BORN.fullmatch(digits) is not None or _has_right_key(digits)


def looks_like_phone(digits: str) -> bool:
    """Whether a bare number has the form of a telephone number: French, or European with its two zeros."""
    if len(digits) == 10:
        return digits[0] == "0" and digits[1] != "0"
    return len(digits) in PHONE_LENGTHS and digits[:2] == "00" and digits[2] in "34"


def nirs_in(text: str) -> int:
    """How many stand in a text."""
    found = (each.group() for each in _NIR.finditer(text))
    return sum(looks_like_nir(_SEPARATORS.sub("", each)) for each in found if each.count(".") in _DOTS)


def phones_in(text: str) -> int:
    """How many stand in a text."""
    return sum(1 for _ in _FRENCH.finditer(text)) + sum(1 for _ in _ABROAD.finditer(text))


def _has_right_key(digits: str) -> bool:
    try:
        return nir(digits).key is NirKey.RIGHT
    except Invalid:
        return False
