"""Words as names are compared: in capitals, without accents, hyphens and apostrophes; and the lists of names."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.identity import plain_name

WORD: Final = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
"""A word as written: letters, with hyphens and apostrophes inside."""
SHORTEST_NAME: Final = 3
ORDINARY: Final = frozenset(
    [
        "BARON",
        "BERGER",
        "BLANC",
        "BOUCHER",
        "BOULANGER",
        "BOURGEOIS",
        "BRUN",
        "CARRE",
        "CHEVALIER",
        "COUSIN",
        "FONTAINE",
        "FOURNIER",
        "GARNIER",
        "LACROIX",
        "LEGER",
        "MARCHAND",
        "MARECHAL",
        "MARTIN",
        "MERCIER",
        "MEUNIER",
        "MOULIN",
        "NOEL",
        "PARIS",
        "PETIT",
        "PICARD",
        "ROCHE",
        "ROUX",
        "ROY",
        "RENARD",
        "RIVIERE",
        "ROSE",
        "AMBRE",
        "BASSE",
        "BON",
        "BONNE",
        "COURT",
        "DROIT",
        "GAUCHE",
        "GRAND",
        "GRANDE",
        "GROS",
        "HAUT",
        "JEUNE",
        "LONG",
        "MOREL",
        "NOIR",
        "PAGE",
        "ROUGE",
        "SAGE",
        "VERT",
        "VIEUX",
        "CLEMENT",
        "CONSTANT",
        "FRANC",
        "GENTIL",
        "JOLY",
        "LAMBERT",
        "LEBLANC",
        "LION",
        "MAI",
        "MARIN",
        "PRUDENT",
        "SERRE",
        "VIDAL",
        "VIOLETTE",
        "VOISIN",
        "ANGE",
        "AVRIL",
        "CARDIAQUE",
        "DOULEUR",
        "LAVAL",
        "BOIS",
        "CHAMP",
        "COTE",
        "DENT",
        "DOS",
        "MAIN",
        "OS",
        "PIED",
        "SANG",
        "SEIN",
        "VEINE",
    ]
)
"""Names that are words besides: alone, in small letters, they are taken for the word."""


@lru_cache(maxsize=1 << 17)
def plain(word: str) -> str:
    """A word as names are compared; empty if it has no Latin letter."""
    try:
        return plain_name(word)
    except Invalid:
        return ""


def words(text: str) -> Iterator[str]:
    """Every word of a text, as names are compared, and each part of one with a hyphen."""
    for written in WORD.findall(text):
        yield plain(written)
        if "-" in written:
            yield from (plain(part) for part in written.split("-"))


@cache
def given_names() -> frozenset[str]:
    """The most frequent given names of the country."""
    return _listed("given-names.txt")


@cache
def family_names() -> frozenset[str]:
    """The most frequent family names of the country."""
    return _listed("family-names.txt")


def _listed(name: str) -> frozenset[str]:
    text = files("nexus.warehouse.intake.scanner").joinpath(name).read_text("utf-8")
    return frozenset(map(plain, text.split()))
