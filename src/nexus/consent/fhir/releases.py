"""The two releases of FHIR that are spoken, and the structure of their resources.

Structure is checked by fhir.resources, which has R5 and R4B but no plain R4. R4 is checked with R4B's classes: what is
exchanged here (Consent, AuditEvent, Bundle, Parameters, OperationOutcome, CapabilityStatement) did not change from R4
(4.0.1) to R4B (4.3.0).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from nexus.consent.fhir.troubles import Issue, Misfit

MAX_ISSUES: Final = 20
"""Faults of structure named in one answer."""


class Release(StrEnum):
    """A FHIR release; its value stands in the path."""

    R4 = "r4"
    R5 = "r5"


@dataclass(frozen=True, slots=True)
class Facts:
    """What sets a release apart."""

    version: str
    """`CapabilityStatement.fhirVersion`."""
    short: str
    """What the media type's parameter `fhirVersion` says."""
    package: str
    """Where fhir.resources keeps it."""


FACTS: Final[Mapping[Release, Facts]] = {
    Release.R4: Facts("4.0.1", "4.0", "fhir.resources.R4B"),
    Release.R5: Facts("5.0.0", "5.0", "fhir.resources"),
}


@cache
def _class(release: Release, type_: str) -> type[BaseModel]:
    module = import_module(f"{FACTS[release].package}.{type_.lower()}")
    found: type[BaseModel] = getattr(module, type_)
    return found


def check_structure(release: Release, type_: str, document: Mapping[str, Any]) -> None:
    """Return if `document` is a resource of this type in this release; raise Misfit, naming each element, if not.

    Messages quote no value: a value in the wrong place may be a person's.
    """
    try:
        _class(release, type_).model_validate(dict(document))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise Misfit(400, [_issue(type_, each["type"], each["loc"]) for each in found[:MAX_ISSUES]]) from error


def _issue(type_: str, kind: str, place: Iterable[int | str]) -> Issue:
    path = type_ + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place if part != "__root__")
    return Issue("required" if kind == "missing" else "structure", f"not the structure of a {type_}", path)
