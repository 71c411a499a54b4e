"""A provision of ours as FHIR writes one, the same in R4 and R5 but for one name."""

from dataclasses import dataclass
from typing import Any

from nexus.consent.fhir import codes
from nexus.consent.fhir.dates import period_of
from nexus.consent.fhir.directive import ConsentStatus
from nexus.consent.fhir.narrowing import CATEGORY_ELEMENT
from nexus.consent.fhir.releases import Release
from nexus.consent.model import Provision, Scan
from nexus.iam.model import Purpose


@dataclass(frozen=True, slots=True)
class Told:
    """What a Consent says beside its rules, as FHIR writes it."""

    status: ConsentStatus
    patient: str
    decider: str
    site: str
    decided: str
    scan: Scan | None


_MEANING_OF = {prefix: meaning for meaning, prefix in codes.MEANINGS.items()}


def provision_of(release: Release, given: Provision) -> dict[str, Any]:
    """The provision, complete by itself, without its type."""
    said: dict[str, Any] = {"purpose": purposes_of(given)}
    if recipients := _recipients(given):
        said["actor"] = recipients
    labels = [coding(codes.CODE_OF_SENSITIVITY[each]) for each in given.sensitivities]
    labelled = not labels and all(each in codes.CODE_OF_LABEL for each in given.categories)
    if labelled:
        labels = [coding(codes.CODE_OF_LABEL[each]) for each in given.categories]
    elif given.categories:
        said[CATEGORY_ELEMENT[release]] = [coding((codes.CATEGORY, each.value)) for each in given.categories]
    if labels:
        said["securityLabel"] = labels
    if given.references:
        said["data"] = [_data(each) for each in given.references]
    for name, period in (("dataPeriod", given.collected), ("period", given.valid)):
        if (written := period_of(period)) is not None:
            said[name] = written
    if modifiers := _modifiers(given):
        said["modifierExtension"] = modifiers
    return said


def coding(code: tuple[str, str]) -> dict[str, str]:
    """A Coding."""
    return {"system": code[0], "code": code[1]}


def _research_in_projects(given: Provision) -> bool:
    return bool(given.projects) and given.purposes == (Purpose.RESEARCH,)


def purposes_of(given: Provision) -> list[dict[str, str]]:
    """The purposes of a provision."""
    if given.emergency:
        return [coding(codes.BREAK_GLASS)]
    if _research_in_projects(given):
        return [coding((codes.PROJECT, project)) for project in given.projects]
    return [coding(codes.CODE_OF_PURPOSE[Purpose(each)]) for each in given.purposes]


def _recipients(given: Provision) -> list[dict[str, Any]]:
    sites = () if given.persons else given.sites
    named = [f"Organization/{site}" for site in sites] + [person_reference(each) for each in given.persons]
    role = {"coding": [coding(codes.RECIPIENT)]}
    return [{"role": role, "reference": {"reference": reference}} for reference in named]


def person_reference(person: str) -> str:
    """An identity, or a reference that was kept as it came."""
    return person if "/" in person else f"Practitioner/{person.replace('_', '-', 1)}"


def _data(reference: str) -> dict[str, Any]:
    prefix, _, name = reference.partition(":")
    return {"meaning": _MEANING_OF[prefix], "reference": {"reference": name}}


def _modifiers(given: Provision) -> list[dict[str, str]]:
    named = [(codes.SOURCE, source) for source in given.sources]
    if given.persons:
        named += [(codes.SITE, site) for site in given.sites]
    if not _research_in_projects(given):
        named += [(codes.IN_PROJECT, project) for project in given.projects]
    return [{"url": url, "valueString": value} for url, value in named]
