"""What becomes of each column that a permit names: as it is, made anew, or refused by name. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.projects.model import Scope
from nexus.warehouse.omop import spec
from nexus.warehouse.releases.tables import ROSTER, names, tables

PERSON: Final = "person_id"
KEYS: Final[Mapping[str, str]] = {
    **{f"{table}_id": table for table in spec.tables() if f"{table}_id" in spec.names(table)},
    "preceding_visit_occurrence_id": "visit_occurrence",
    "preceding_visit_detail_id": "visit_detail",
    "parent_visit_detail_id": "visit_detail",
    "matched_set": "matched_set",
}
"""Columns that name a record, and of which table. They are made anew from the pseudonym, so that no two projects share one."""
OF_NOBODY: Final = frozenset({"care_site", "provider", "location"})
"""Tables that are about no patient; their keys are made anew from the domain."""
OF_THE_DOMAIN: Final = OF_NOBODY | {"matched_set"}
"""What has a key that several persons share. A set's is not made from the pseudonym of its case: whoever refuses has none there."""
WITHOUT_KEYS: Final = frozenset({*spec.VOCABULARY, "cdm_source"})
"""Tables that are the same for everybody."""
DIRECT: Final = frozenset(
    {
        *("visit_source_value", "visit_detail_source_value", "provider_source_value", "provider_name", "npi", "dea"),
        *("address_1", "address_2", "zip", "location_source_value", "latitude", "longitude"),
        *("note_text", "note_title", "note_source_value", "snippet", "lexical_variant"),
        *("unique_device_id", "production_id", "care_site_name", "care_site_source_value", "specimen_source_id"),
        *("subject_id", "payer_source_value", "family_source_value", "sponsor_source_value"),
    }
)
"""Columns that hold, or may hold, what names a person, a stay or a place of a few people: no permit gives them."""


@dataclass(frozen=True, slots=True)
class Given:
    """A table as a project gets it."""

    table: str
    columns: tuple[spec.Field, ...]
    """In the order of the CDM."""
    day: str = ""
    """The column that the period is about; empty: none."""

    @property
    def about_persons(self) -> bool:
        return PERSON in names(self.table)


def given(scope: Scope) -> tuple[Given, ...]:
    """The tables of a permit, by name. Raises Invalid with the table and the column that cannot be given."""
    if ROSTER in scope.tables and not scope.cohort:
        raise _refused(ROSTER, "", "tells who is in a cohort, and the permit names none")
    return tuple(_given(table, columns) for table, columns in sorted(scope.tables.items()))


def _given(table: str, columns: tuple[str, ...]) -> Given:
    known = tables().get(table)
    if known is None or table in spec.RESULTS:
        raise _refused(table, "", "is no table of the CDM")
    for name in columns:
        field = next((field for field in known if field.name == name), None)
        if field is None:
            raise _refused(table, name, "is no column of the CDM")
        if name in DIRECT:
            raise _refused(table, name, "may name a person, a stay or a place: no permit gives it")
        if field.type == "int64" and name != PERSON and name not in KEYS:
            raise _refused(table, name, "refers to records of any table, and cannot be made anew")
    chosen = tuple(field for field in known if field.name in columns)
    if table in WITHOUT_KEYS or table in OF_NOBODY:
        return Given(table, chosen)
    if PERSON not in names(table):
        raise _refused(table, "", "has no person: nobody could be left out of it")
    if PERSON not in columns:
        raise _refused(table, PERSON, "is needed: what belongs to nobody cannot be withdrawn")
    dated = [field.name for field in known if field.type == "date"]
    if table != "person" and not dated:
        raise _refused(table, "", "has no date, and the permit has a period")
    return Given(table, chosen, "" if table == "person" else dated[0])


def _refused(table: str, column: str, why: str) -> Invalid:
    return Invalid(
        f"{table}{'.' + column if column else ''} {why}",
        code="release.column",
        hint="issue a permit that the release can be built of",
    )
