"""Where people are born and live: departments, communes of them, countries, and the region that each hospital serves."""

from typing import Final

import numpy

from nexus.warehouse.generator.model import Strings, Whole

_METROPOLITAN: Final = [f"{number:02d}" for number in range(1, 96) if number != 20]
_OVERSEAS: Final = ["971", "972", "973", "974", "976"]
_COUNTRIES: Final = ["352", "350", "351", "139", "109", "127", "134", "341", "326", "208", "243", "114", "216", "401"]
"""Codes of the countries that people come from, the most frequent first: Algeria, Morocco, Tunisia, Portugal, ..."""
COMMUNES: Final = 40
"""Communes of a department that somebody is born in: those with a maternity."""
CORSICA_SPLIT: Final = 1976
"""Who was born in Corsica before is numbered in department 20, afterwards in 2A or 2B."""
_CORSICA: Final = ["20", "2A", "2B"]

CODES: Final[Strings] = numpy.array(
    [
        *(f"{department}{1 + 7 * commune:03d}" for department in _METROPOLITAN for commune in range(COMMUNES)),
        *(f"{department}{1 + commune:02d}" for department in _OVERSEAS for commune in range(COMMUNES)),
        *(f"{department}{1 + 7 * commune:03d}" for department in _CORSICA for commune in range(COMMUNES)),
        *(f"99{country}" for country in _COUNTRIES),
    ],
    dtype=object,
)
"""Official geographic codes, five characters each: a position in it is a place."""
DEPARTMENTS: Final = len(_METROPOLITAN) + len(_OVERSEAS)
"""Those of them that a region may lie in; Corsica is drawn apart."""
_CORSICA_FROM: Final = DEPARTMENTS * COMMUNES
ABROAD_FROM: Final = _CORSICA_FROM + len(_CORSICA) * COMMUNES
"""From here on the places are countries."""
TOWNS: Final[Strings] = numpy.array(
    ["Saint-Denis", "Lyon", "Bœrsch", "L'Haÿ-les-Roses", "Nîmes", "Orléans", "Évreux", "Sète", "Bourg-la-Reine", "Aÿ"],
    dtype=object,
)
STREETS: Final[Strings] = numpy.array(
    [
        "rue de l'Église",
        "place du Marché",
        "rue Jean-Jaurès",
        "chemin des Prés",
        "avenue de la République",
        "quai Ouest",
    ],
    dtype=object,
)


def births_in_france(random: numpy.random.Generator, home: Whole, year: Whole) -> Whole:
    """Positions in `CODES` for people whose family lives in these departments (positions 0 to `DEPARTMENTS` - 1)."""
    count = len(home)
    elsewhere = random.random(count) < 0.15
    department = numpy.where(elsewhere, random.integers(0, DEPARTMENTS, count), home)
    commune = (random.random(count) ** 2 * COMMUNES).astype(numpy.int64)  # most are born in the largest town
    places = department * COMMUNES + commune
    corsican = random.random(count) < 0.02
    half = numpy.where(year < CORSICA_SPLIT, 0, 1 + random.integers(0, 2, count))
    return numpy.where(corsican, _CORSICA_FROM + half * COMMUNES + commune, places)


def births_abroad(random: numpy.random.Generator, count: int) -> Whole:
    """Positions in `CODES` that are countries, the first ones the most."""
    return ABROAD_FROM + (random.random(count) ** 2 * len(_COUNTRIES)).astype(numpy.int64)
