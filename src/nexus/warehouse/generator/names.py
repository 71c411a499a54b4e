"""Names as French files hold them: accents, hyphens, particles, apostrophes, ligatures, names from elsewhere."""

import re
from importlib.resources import files
from typing import Final

import numpy

from nexus.warehouse.generator.model import Strings, Whole


def _read() -> dict[str, list[str]]:
    text = (files("nexus.warehouse.generator") / "facts" / "names.txt").read_text("utf-8")
    found = re.findall(r"^\[([a-z0-9-]+)\]\n([^\[]+)", text, re.MULTILINE)
    return {title: [name.replace("_", " ") for name in body.split()] for title, body in found}


_READ: Final = _read()
_MALE: Final = (_READ["men-0"], _READ["men-1"], _READ["men-2"])
_FEMALE: Final = (_READ["women-0"], _READ["women-1"], _READ["women-2"])
_COMPOSED: Final = [root + ending for root in _READ["roots"] for ending in _READ["ends"]]
FAMILY: Final[Strings] = numpy.array(list(dict.fromkeys(_READ["family"] + _COMPOSED)), dtype=object)
"""The most frequent first."""
GIVEN: Final[Strings] = numpy.array([name for pool in (*_MALE, *_FEMALE) for name in pool], dtype=object)
_POOL: Final = 26
"""Names in each pool: three generations of men, then three of women."""
_GENERATIONS: Final = (1965, 1998)
_SKEW: Final = 0.72
"""How much less frequent each next family name is: a Zipf law flatter than the one of words."""


def family_names(random: numpy.random.Generator, count: int) -> Whole:
    """Positions in `FAMILY`."""
    weights = numpy.arange(1, len(FAMILY) + 1, dtype=numpy.float64) ** -_SKEW
    edges = numpy.cumsum(weights) / weights.sum()
    return numpy.searchsorted(edges, random.random(count)).astype(numpy.int64)


def given_names(random: numpy.random.Generator, female: Whole, year: Whole) -> Whole:
    """Positions in `GIVEN`, as parents chose in the year of birth."""
    generation = numpy.searchsorted(_GENERATIONS, year, side="right")
    within = numpy.minimum((random.random(len(year)) ** 1.5 * _POOL).astype(numpy.int64), _POOL - 1)
    found: Whole = (female * len(_MALE) + generation) * _POOL + within
    return found
