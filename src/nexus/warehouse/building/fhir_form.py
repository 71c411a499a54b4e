"""FHIR R4: what a Patient says of who somebody is, as FR Core writes it, and what becomes of ids and references.

Elements that the mappings read are those of `omop.sources.fhir`, and no others are written.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nexus.warehouse.building.form import Cell, Form, LeftOut, OfPerson, OfThing
from nexus.warehouse.omop.sources.fhir import FHIR
from nexus.warehouse.omop.sources.fhir_fields import Resource, dicts, extensions, text
from nexus.warehouse.omop.staging_fhir import ENTRY

OWN_NUMBER: Final = "urn:oid:1.2.250.1.213.1.4.8"
WAITING_NUMBER: Final = "urn:oid:1.2.250.1.213.1.4.9"
"""Whose `system` an identifier has that is a NIR, or a number of waiting (NIA). Numbers for tests have others: they are no identity."""
BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
COMMUNE: Final = (
    "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code",
    "http://interopsante.org/fhir/StructureDefinition/FrAddressInseeCode",
)
"""Of an address: the code of the commune, or of the country abroad. The second is what the first was called before."""
OF_PATIENT: Final = frozenset({"PI", "MR"})
"""Types (v2-0203) of an identifier that a site gave to its patient."""
DIVIDER: Final = "\x1f"
"""Between numbers in one column."""


def number(patient: Resource) -> str | None:
    """Her NIR, else her number of waiting. Of several that differ, a text that is none: nobody can tell which is hers."""
    for system in (OWN_NUMBER, WAITING_NUMBER):
        found = {"".join(value.split()) for each, value in _identifiers(patient) if each.get("system") == system}
        if found:
            return "|".join(sorted(found))
    return None


def site_numbers(patient: Resource) -> str | None:
    """By what the site may have registered her: her id, and identifiers of the type of a patient's number; all if none has it."""
    every = [(each, value) for each, value in _identifiers(patient)]
    typed = [value for each, value in every if _is_of_patient(each)]
    own = [value for each, value in every if each.get("system") not in (OWN_NUMBER, WAITING_NUMBER)]
    numbers = {value.strip() for value in (text("id")(patient), *(typed or own)) if value}
    return DIVIDER.join(sorted(numbers - {""})) or None


def _identifiers(patient: Resource) -> Iterator[tuple[Resource, str]]:
    """Identifiers that are in use, and their values."""
    for each in dicts(patient, "identifier"):
        value = text("value")(each)
        if value and each.get("use") != "old":
            yield each, value


def _is_of_patient(identifier: Resource) -> bool:
    kind = identifier.get("type")
    codings = dicts(kind, "coding") if isinstance(kind, dict) else []
    return any(text("code")(coding) in OF_PATIENT for coding in codings)


def given(patient: Resource) -> str | None:
    """The first given name."""
    return text("given.0")(_name(patient, "official", "usual", None))


def used(patient: Resource) -> str | None:
    """The family name that she uses."""
    return text("family")(_name(patient, "usual", "official", None))


def at_birth(patient: Resource) -> str | None:
    """The family name at birth, where it is told apart: as maiden name, or as the official one beside the one in use."""
    maiden = text("family")(_name(patient, "maiden"))
    usual = text("family")(_name(patient, "usual"))
    return maiden or (text("family")(_name(patient, "official")) if usual else None)


def _name(patient: Resource, *uses: str | None) -> Resource:
    """The first name of the first of these uses that there is."""
    names = dicts(patient, "name")
    return next((name for use in uses for name in names if name.get("use") == use), {})


def birth_place(patient: Resource) -> str | None:
    """The official code of the place of birth."""
    places: list[Any] = [each.get("valueAddress") for each in extensions(patient, BIRTH_PLACE)]
    for place in (each for each in places if isinstance(each, dict)):
        for owner in (each for each in (place, place.get("_city")) if isinstance(each, dict)):
            for url in COMMUNE:
                code = next((text("valueCoding.code")(each) for each in extensions(owner, url)), None)
                if code:
                    return code
    return None


def sex(patient: Resource) -> str | None:
    """As linkage reads it."""
    return {"male": "M", "female": "F"}.get(text("gender")(patient) or "")


_IDENTITY: Final = {
    "ssn": number,
    "gender": sex,
    "birthdate": text("birthDate"),
    "first": given,
    "last": used,
    "maiden": at_birth,
    "birthplace": birth_place,
    "birth_rank": text("multipleBirthInteger"),
}


def _cells() -> Mapping[tuple[str, str], Cell]:
    things = {"encounter": "encounter", "organization": "organization", "practitioner": "practitioner"}
    things["medication"] = "medication"
    cells: dict[tuple[str, str], Cell] = {
        (table.name, column): OfThing(kind)
        for table in FHIR.tables
        for column, kind in {**things, "id": table.name}.items()
        if column in table.every_column
    }
    cells |= {(table.name, table.person): OfPerson((table.person,)) for table in FHIR.tables if table.person}
    cells["practitioner", "name"] = LeftOut()
    return cells


RESOURCES: Final = Form(
    FHIR,
    "patient",
    ("id",),
    tuple(_IDENTITY),
    _cells(),
    also="entry",
    numbers="numbers",
    elements={"id": text("id"), **_IDENTITY, "entry": text(ENTRY), "numbers": site_numbers},
)
