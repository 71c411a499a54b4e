"""Events of a definition as SQL over the CDM: person and day of each record that is meant."""

# ruff: noqa: S608 - statements are put together from names of the CDM, numbers, and codes that `definition.CODE` let through

from dataclasses import dataclass
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.warehouse.cohorts.definition import Event, Kind, Range
from nexus.warehouse.quality.cdm import Cdm


@dataclass(frozen=True, slots=True)
class Source:
    """Where the CDM keeps one kind of event."""

    table: str
    day: str
    concept: str
    code: str


SOURCES: Final = {
    Kind.CONDITION: Source(
        "condition_occurrence", "condition_start_date", "condition_concept_id", "condition_source_value"
    ),
    Kind.DRUG: Source("drug_exposure", "drug_exposure_start_date", "drug_concept_id", "drug_source_value"),
    Kind.PROCEDURE: Source("procedure_occurrence", "procedure_date", "procedure_concept_id", "procedure_source_value"),
    Kind.MEASUREMENT: Source("measurement", "measurement_date", "measurement_concept_id", "measurement_source_value"),
    Kind.OBSERVATION: Source("observation", "observation_date", "observation_concept_id", "observation_source_value"),
    Kind.DEVICE: Source("device_exposure", "device_exposure_start_date", "device_concept_id", "device_source_value"),
    Kind.VISIT: Source("visit_occurrence", "visit_start_date", "visit_concept_id", "visit_source_value"),
    Kind.DEATH: Source("death", "death_date", "cause_concept_id", "cause_source_value"),
}


def events(cdm: Cdm, event: Event) -> str:
    """A query that gives `person_id` and `day` of each record. Raises Invalid if the CDM lacks what it needs."""
    source = SOURCES[event.kind]
    needed = [source.day, "person_id"] + [source.concept] * bool(event.concepts) + [source.code] * bool(event.codes)
    needed += ["value_as_number"] * (event.value is not None) + ["unit_concept_id"] * bool(event.units)
    require(cdm, source.table, *needed)
    named = [part for part in (_by_concept(cdm, event, source), _by_code(event, source)) if part]
    conditions = [f"({' OR '.join(named)})"] if named else []
    if event.value is not None:
        conditions.append(between(cdm.number("t", source.table, "value_as_number"), event.value))
    if event.units:
        conditions.append(f"t.unit_concept_id IN ({_listed(event.units)})")
    day = cdm.date("t", source.table, source.day)
    where = " AND ".join([*conditions, f"{day} IS NOT NULL"])
    return f'SELECT t.person_id, {day} AS day FROM "{source.table}" t WHERE {where}'


def between(what: str, given: Range) -> str:
    """A condition on a number."""
    ends = [f"{what} >= {given.min!r}"] * (given.min is not None) + [f"{what} <= {given.max!r}"] * (
        given.max is not None
    )
    return " AND ".join(ends)


def require(cdm: Cdm, table: str, *fields: str) -> None:
    """Raises Invalid if the CDM has no such table, or not these fields."""
    if not cdm.has(table, *fields):
        missing = [field for field in fields if not cdm.has(table, field)]
        raise Invalid(
            f"the CDM has no {table}" + (f" with {', '.join(missing)}" if cdm.has(table) else ""),
            code="warehouse.cohort-data",
        )


def _by_concept(cdm: Cdm, event: Event, source: Source) -> str:
    if not event.concepts:
        return ""
    listed = _listed(event.concepts)
    meant = f"t.{source.concept} IN ({listed})"
    if event.descendants and cdm.has("concept_ancestor", "ancestor_concept_id", "descendant_concept_id"):
        meant += (
            f" OR t.{source.concept} IN (SELECT descendant_concept_id FROM concept_ancestor"
            f" WHERE ancestor_concept_id IN ({listed}))"
        )
    return meant


def _by_code(event: Event, source: Source) -> str:
    column = f"CAST(t.{source.code} AS VARCHAR)"
    whole = [code for code in event.codes if not code.endswith("*")]
    parts = [f"{column} IN ({', '.join(_quoted(code) for code in whole)})"] if whole else []
    parts += [f"starts_with({column}, {_quoted(code[:-1])})" for code in event.codes if code.endswith("*")]
    return " OR ".join(parts)


def _listed(concepts: tuple[int, ...]) -> str:
    return ", ".join(map(str, sorted(set(concepts))))


def _quoted(code: str) -> str:
    return f"'{code}'"
