"""The elements of a provision, in either release, as what they narrow. What is not known here is refused, never dropped."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from nexus.consent.fhir import codes
from nexus.consent.fhir.clauses import Narrowing, Uses
from nexus.consent.fhir.dates import period
from nexus.consent.fhir.elements import check_known, check_type
from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.terms import Terms
from nexus.consent.fhir.troubles import invalid, unsupported
from nexus.consent.model import COVERED, DataCategory, Effect, Sensitivity
from nexus.iam.model import Purpose
from nexus.kernel.ids import is_id

LITERAL: Final = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})")
"""A literal, relative reference. Absolute ones could point at another server's patient of the same id."""
CATEGORY_ELEMENT: Final[Mapping[Release, str]] = {Release.R4: "class", Release.R5: "documentType"}
MODIFIERS: Final[Mapping[str, str]] = {
    codes.SOURCE: "sources",
    codes.SITE: "within",
    codes.IN_PROJECT: "projects",
}
"""Our modifier extensions of a provision, and what each narrows."""
_Value = TypeVar("_Value")


def narrowing(release: Release, effect: Effect | None, given: Mapping[str, Any], place: str, terms: Terms) -> Narrowing:
    """What one provision names by itself. Raises Misfit, naming the element."""
    check_known(release, "provision", given, place)

    def read(name: str, reader: Callable[[Any, str], _Value]) -> _Value | None:
        return reader(given[name], f"{place}.{name}") if name in given else None

    uses = read("purpose", lambda value, path: _purposes(effect, value, path, terms))
    return Narrowing(
        uses=uses,
        recipients=read("actor", lambda value, path: _actors(release, uses, value, path, terms)),
        labels=read("securityLabel", _labels),
        kinds=read(CATEGORY_ELEMENT[release], _kinds),
        references=read("data", lambda value, path: _data(release, value, path)),
        collected=read("dataPeriod", _period),
        valid=read("period", _period),
        **_modifiers(given, place),
    )


def _purposes(effect: Effect | None, given: list[Any], path: str, terms: Terms) -> Uses:
    purposes: dict[Purpose, None] = {}
    projects: dict[str, None] = {}
    emergency = False
    with_care: list[str] = []
    for index, coding in enumerate(given):
        code = coding_of(coding, f"{path}[{index}]")
        if code == codes.BREAK_GLASS:
            emergency = True
        elif code in codes.PART_OF_CARE:
            with_care.append(f"{path}[{index}]")
            denied = codes.DENIED_TOO.get(code, ()) if effect is Effect.DENY else ()
            purposes.update(dict.fromkeys(denied))
        else:
            uses = _use(code, f"{path}[{index}]", terms)
            purposes.update(dict.fromkeys(uses.purposes))
            projects.update(dict.fromkeys(uses.projects))
    if with_care and Purpose.CARE not in purposes:
        raise unsupported(with_care[0], "this is done as care here and cannot be told from treatment (TREAT)")
    return Uses(tuple(purposes), tuple(projects), emergency)


def _use(code: tuple[str, str], path: str, terms: Terms) -> Uses:
    system, value = code
    if code in codes.PURPOSE_OF:
        return Uses(codes.PURPOSE_OF[code])
    if system == codes.PURPOSE and value in COVERED:
        return Uses((Purpose(value),))
    if system == codes.PROJECT:
        return Uses(projects=(value,))
    if code in terms.purposes:
        return terms.purposes[code]
    raise unsupported(path, "no purpose of this platform has this code")


def _actors(
    release: Release, uses: Uses | None, given: list[Any], path: str, terms: Terms
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    sites: dict[str, None] = {}
    persons: dict[str, None] = {}
    for index, actor in enumerate(given):
        place = f"{path}[{index}]"
        check_known(release, "provision.actor", actor, place)
        if "role" in actor and concept(actor["role"], f"{place}.role") != codes.RECIPIENT:
            raise unsupported(f"{place}.role", "only recipients (IRCP) are decided about")
        if "reference" not in actor:
            raise unsupported(place, "an actor without a reference would be anybody")
        reference = literal(actor["reference"], f"{place}.reference")
        if reference == codes.BREAK_GLASS_GROUP or reference in terms.break_glass:
            if uses is None or uses.purposes or uses.projects:
                raise unsupported(f"{place}.reference", "this group is known in an emergency (BTG) only")
        elif site := _site(reference, terms):
            sites[site] = None
        else:
            persons[_person(reference, f"{place}.reference", terms)] = None
    return tuple(sites), tuple(persons)


def _site(reference: str, terms: Terms) -> str | None:
    type_, _, name = reference.partition("/")
    return terms.sites.get(reference) or (name if type_ == "Organization" else None)


def _person(reference: str, path: str, terms: Terms) -> str:
    if reference in terms.persons:
        return terms.persons[reference]
    type_, _, name = reference.partition("/")
    identity = name.replace("-", "_", 1)
    if type_ == "Practitioner" and is_id(identity, "per"):
        return identity
    raise unsupported(path, "it names nobody whom the platform could recognise")


def _labels(given: list[Any], path: str) -> tuple[tuple[Sensitivity, ...], tuple[DataCategory, ...]]:
    degrees: dict[Sensitivity, None] = {}
    categories: dict[DataCategory, None] = {}
    for index, coding in enumerate(given):
        code = coding_of(coding, f"{path}[{index}]")
        if code in codes.SENSITIVITY_OF:
            degrees[codes.SENSITIVITY_OF[code]] = None
        elif code in codes.LABEL_OF:
            categories[codes.LABEL_OF[code]] = None
        else:
            raise unsupported(f"{path}[{index}]", "data carry no such label here")
    return tuple(degrees), tuple(categories)


def _kinds(given: list[Any], path: str) -> tuple[DataCategory, ...]:
    found: dict[DataCategory, None] = {}
    for index, value in enumerate(given):
        system, code = coding_of(value, f"{path}[{index}]")
        if system != codes.CATEGORY or code not in set(DataCategory):
            raise unsupported(f"{path}[{index}]", f"a category of data is one of {codes.CATEGORY}")
        found[DataCategory(code)] = None
    return tuple(found)


def _data(release: Release, given: list[Any], path: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for index, data in enumerate(given):
        place = f"{path}[{index}]"
        check_known(release, "provision.data", data, place)
        if data.get("meaning") not in codes.MEANINGS:
            raise unsupported(
                f"{place}.meaning", "data are known as an instance, by what they relate to, or by their author"
            )
        reference = literal(data.get("reference", {}), f"{place}.reference")
        found[f"{codes.MEANINGS[data['meaning']]}:{reference}"] = None
    return tuple(found)


def _period(given: Mapping[str, Any], path: str) -> Any:
    check_type("period", given, path)
    return period(given, path)


def _modifiers(given: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Our own modifiers. That of the provision's type is read by whoever reads the release."""
    found: dict[str, dict[str, None]] = {}
    for index, extension in enumerate(given.get("modifierExtension", ())):
        path = f"{place}.modifierExtension[{index}]"
        check_type("extension", extension, path)
        if extension["url"] == codes.PROVISION_TYPE:
            continue
        if extension["url"] not in MODIFIERS or set(extension) != {"url", "valueString"}:
            raise unsupported(path, "this modifier is not enforced here")
        found.setdefault(MODIFIERS[extension["url"]], {})[extension["valueString"]] = None
    return {name: tuple(values) for name, values in found.items()}


def coding_of(given: Mapping[str, Any], path: str) -> tuple[str, str]:
    """System and code of a Coding. Raises Misfit without both."""
    check_type("coding", given, path)
    if "system" not in given or "code" not in given:
        raise unsupported(path, "a code means something in its system only")
    return given["system"], given["code"]


def concept(given: Mapping[str, Any], path: str) -> tuple[str, str]:
    """The one code of a CodeableConcept. Raises Misfit where there is none, or several that could differ."""
    check_type("codeable", given, path)
    codings = given.get("coding", ())
    if len(codings) != 1:
        raise unsupported(path, "one code is expected")
    return coding_of(codings[0], f"{path}.coding[0]")


def literal(given: Mapping[str, Any], path: str) -> str:
    """A relative reference, `Type/id`. Raises Misfit on anything else."""
    check_type("reference", given, path)
    reference = given.get("reference")
    if reference is None or "identifier" in given or not LITERAL.fullmatch(reference):
        raise unsupported(path, "a literal, relative reference is expected: Type/id")
    if given.get("type", reference.partition("/")[0]) != reference.partition("/")[0]:
        raise invalid("type and reference differ", path)
    return str(reference)
