"""A graph as a tree of nodes: what the catalogue says, before it is Turtle or JSON-LD. Values only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PREFIXES: Final = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "dqv": "http://www.w3.org/ns/dqv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "oa": "http://www.w3.org/ns/oa#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
"""Prefix -> namespace, of every term that the catalogue uses."""


@dataclass(frozen=True, slots=True)
class Iri:
    """The name of something elsewhere. A whole address, without characters that an address has not."""

    value: str

    def __post_init__(self) -> None:
        if (
            not self.value.isascii()
            or any(sign in self.value for sign in ' <>"{}|\\^`')
            or not self.value.isprintable()
        ):
            raise ValueError("no IRI")


@dataclass(frozen=True, slots=True)
class Literal:
    """A text in a language, or a value of a datatype (a term such as `xsd:date`), or neither."""

    text: str
    language: str = ""
    datatype: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """Something, its classes, and what is said of it: pairs of a term such as `dct:title` and a value. Without a name it is blank."""

    classes: tuple[str, ...]
    said: tuple[tuple[str, "Iri | Literal | Node"], ...]
    name: str = ""

    def of(self, term: str) -> list["Iri | Literal | Node"]:
        """The values of a property."""
        return [value for said, value in self.said if said == term]

    def nodes(self) -> Iterator["Node"]:
        """It, and every node below it."""
        yield self
        for _, value in self.said:
            if isinstance(value, Node):
                yield from value.nodes()


Value = Iri | Literal | Node


def expand(term: str) -> str:
    """The address of a term. Raises KeyError for a prefix that is not known: a fault of ours."""
    prefix, _, name = term.partition(":")
    return PREFIXES[prefix] + name
