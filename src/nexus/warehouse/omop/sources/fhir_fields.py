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
UNKNOWN: Final = "FHIR"
"""What a code is of whose system OMOP has no name for."""
RACE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"


def text(*paths: str) -> Element:
    """The first of these elements that is there. A number in a path is a place in a list."""
    return lambda resource: next((str(found) for path in paths if (found := _at(resource, path)) is not None), None)


def reference(*paths: str) -> Element:
    """The id of what is referred to: of `Patient/1`, `urn:uuid:1`, `Patient?identifier=system|1`."""

    def read(resource: Resource) -> str | None:
        found = text(*(f"{path}.reference" for path in paths))(resource)
        if found is None:
            return None
        if "?" in found:
            return found.rpartition("|")[2] or None
        found = found.partition("/_history/")[0].removeprefix("urn:uuid:")
        return found.rpartition("/")[2].removeprefix("#") or None

    return read


def code(path: str) -> Element:
    """The code of a concept; where it has no coding, its text."""
    return lambda resource: _chosen(resource, path)[0]


def system(path: str) -> Element:
    """What OMOP calls the system of that code."""
    return lambda resource: _chosen(resource, path)[1]


def extension(url: str) -> Element:
    """The code of an extension of US Core that holds a category."""

    def read(resource: Resource) -> str | None:
        found = [each for each in _list(resource, "extension") if each.get("url") == url]
        parts = [part for each in found for part in _list(each, "extension")]
        return next(
            (part["valueCoding"].get("code") for part in parts if isinstance(part.get("valueCoding"), dict)), None
        )

    return read


def identified(resource: Resource) -> str | None:
    """What references by identifier name a resource by: its first identifier, else its id."""
    return text("identifier.0.value", "id")(resource)


def components(observation: Resource) -> Iterator[Resource]:
    """An observation, if it has a value of its own or no parts; and each part of it as one. `_part` tells them apart."""
    parts = [each for each in _list(observation, "component") if isinstance(each, dict)]
    if not parts or any(name.startswith("value") for name in observation):
        yield observation
    shared = {name: value for name, value in observation.items() if not name.startswith(("value", "component"))}
    for number, part in enumerate(parts, start=1):
        yield {**shared, **part, "_part": str(number)}


def itself(resource: Resource) -> Iterator[Resource]:
    """One row for one resource."""
    yield resource


def _chosen(resource: Resource, path: str) -> tuple[str | None, str | None]:
    concept = _at(resource, path)
    if not isinstance(concept, dict):
        return None, None
    codings = [each for each in _list(concept, "coding") if isinstance(each, dict) and each.get("code")]
    for address, name in SYSTEMS.items():
        for coding in codings:
            if coding.get("system") == address:
                return str(coding["code"]), name
    if codings:
        return str(codings[0]["code"]), UNKNOWN
    return (str(concept["text"]), UNKNOWN) if concept.get("text") else (None, None)


def _at(node: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        elif isinstance(node, dict):
            node = node.get(step)
        else:
            return None
    return node


def _list(node: Resource, name: str) -> list[Any]:
    found = node.get(name)
    return found if isinstance(found, list) else []
