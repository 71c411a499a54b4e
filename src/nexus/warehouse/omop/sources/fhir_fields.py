"""Elements of FHIR resources as texts: by path, of references, of the coding that OMOP knows best."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nexus.warehouse.omop.source import Element

Resource = dict[str, Any]
SYSTEMS: Final[Mapping[str, str]] = {
    "http://snomed.info/sct": "SNOMED",
    "http://loinc.org": "LOINC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://www.whocc.no/atc": "ATC",
    "http://unitsofmeasure.org": "UCUM",
}
"""Of code systems by their addresses, OMOP's names. Of several codings, the first in this order is taken; else the first."""
IDENTIFIED: Final = frozenset({"Organization", "Practitioner"})
"""Kinds of resources that have an identifier as their name; others have their id."""
UNKNOWN: Final = "FHIR"
"""What a code is of whose system OMOP has no name for."""
_OF_PART: Final = ("code", "value", "referenceRange", "component")
"""What a part of an observation tells for itself; all else, its number too, is that of the whole."""
RACE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"


def text(*paths: str) -> Element:
    """The first of these elements that is there. A number in a path is a place in a list."""
    return lambda resource: next((found for path in paths if (found := _text(_at(resource, path))) is not None), None)


def reference(kind: str, *paths: str) -> Element:
    """What is referred to, if it is of this kind: the id in `Patient/1`, `https://…/Patient/1/_history/2`, `urn:uuid:1`; of what is
    called by its identifier (`identified`), that in `Practitioner?identifier=system|1`. What lies inside a resource is none: nothing.
    """

    def read(resource: Resource) -> str | None:
        found = text(*(f"{path}.reference" for path in paths))(resource)
        return None if found is None else _referred(found, kind)

    return read


def _referred(found: str, kind: str) -> str | None:
    if found.startswith("#"):
        return None
    if found.startswith("urn:uuid:"):
        return found.removeprefix("urn:uuid:") or None
    named, conditional, question = found.partition("?")
    if conditional:
        by_identifier = named.rpartition("/")[2] == kind and kind in IDENTIFIED
        return (question.rpartition("|")[2] or None) if by_identifier else None
    named, _, name = named.partition("/_history/")[0].rpartition("/")
    return (name or None) if named.rpartition("/")[2] in (kind, "") else None


def code(path: str) -> Element:
    """The code of a concept; where it has no coding, its text."""
    return lambda resource: _chosen(resource, path)[0]


def system(path: str) -> Element:
    """What OMOP calls the system of that code."""
    return lambda resource: _chosen(resource, path)[1]


def extension(url: str) -> Element:
    """The code of an extension of US Core that holds a category."""

    def read(resource: Resource) -> str | None:
        parts = [part for each in extensions(resource, url) for part in dicts(each, "extension")]
        return next((code for part in parts if (code := text("valueCoding.code")(part)) is not None), None)

    return read


def extensions(node: Resource, url: str) -> Iterator[Resource]:
    """The extensions of this kind that an element has."""
    return (each for each in dicts(node, "extension") if each.get("url") == url)


def identified(resource: Resource) -> str | None:
    """What references by identifier name a resource by: its first identifier, else its id."""
    return text("identifier.0.value", "id")(resource)


def components(observation: Resource) -> Iterator[Resource]:
    """An observation, if it has a value of its own or no parts; and each part of it as one. `_part` tells them apart."""
    parts = dicts(observation, "component")
    if not parts or any(name.startswith("value") for name in observation):
        yield observation
    shared = {name: value for name, value in observation.items() if not name.startswith(_OF_PART)}
    for number, part in enumerate(parts, start=1):
        told = {name: value for name, value in part.items() if name.startswith(_OF_PART)}
        yield {**shared, **told, "_part": str(number)}


def itself(resource: Resource) -> Iterator[Resource]:
    """One row for one resource."""
    yield resource


def _chosen(resource: Resource, path: str) -> tuple[str | None, str | None]:
    concept = _at(resource, path)
    if not isinstance(concept, dict):
        return None, None
    codings = [each for each in dicts(concept, "coding") if _text(each.get("code"))]
    for address, name in SYSTEMS.items():
        for coding in codings:
            if coding.get("system") == address:
                return str(coding["code"]), name
    if codings:
        return str(codings[0]["code"]), UNKNOWN
    said = _text(concept.get("text"))
    return (said, UNKNOWN) if said else (None, None)


def _at(node: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        elif isinstance(node, dict):
            node = node.get(step)
        else:
            return None
    return node


def _text(found: Any) -> str | None:
    """Of an element that holds one value. What holds others may hold anything, and is nobody's text."""
    return str(found) if isinstance(found, str | int | float) else None


def dicts(node: Resource, name: str) -> list[Resource]:
    """The members of a list of elements."""
    found = node.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
