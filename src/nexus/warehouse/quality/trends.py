"""What people want to see beside the checks: records by month and domain, and the codes that nothing stands for."""

# ruff: noqa: S608 - statements are put together from the names of this file

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from nexus.warehouse.quality.cdm import Cdm

MONTHS: Final = 120
"""Months that are shown, the latest of them."""
UNMAPPED: Final = 12
"""Codes shown for each domain, the most frequent first."""
SMALLEST: Final = 11
"""Codes that occur less often are counted together: a rare code may point at a person."""

DOMAINS: Final = {
    "visit_occurrence": ("visit_start_date", "visit_source_value", "visit_concept_id"),
    "condition_occurrence": ("condition_start_date", "condition_source_value", "condition_concept_id"),
    "drug_exposure": ("drug_exposure_start_date", "drug_source_value", "drug_concept_id"),
    "procedure_occurrence": ("procedure_date", "procedure_source_value", "procedure_concept_id"),
    "measurement": ("measurement_date", "measurement_source_value", "measurement_concept_id"),
    "observation": ("observation_date", "observation_source_value", "observation_concept_id"),
    "device_exposure": ("device_exposure_start_date", "device_source_value", "device_concept_id"),
}
"""Domains by their table: when, by which code of the source, as which concept."""


class Month(Struct, frozen=True, kw_only=True):
    """How many records begin in a month (`2026-11`)."""

    month: str
    records: int


class Unmapped(Struct, frozen=True, kw_only=True):
    """A code of the source that is no standard concept, and how often it occurs."""

    code: str
    records: int


class Domain(Struct, frozen=True, kw_only=True):
    """One domain. `mapped` of `records` have a standard concept. `rare`: records of unmapped codes too rare to be shown."""

    table: str
    records: int
    mapped: int
    months: tuple[Month, ...]
    unmapped: tuple[Unmapped, ...]
    rare: int

    @property
    def percent_mapped(self) -> float:
        """Share of records with a standard concept, in per cent."""
        return 100.0 * self.mapped / self.records if self.records else 0.0


def domains(cdm: Cdm) -> Iterator[Domain]:
    """Every domain that the CDM has."""
    for table, (day, code, concept) in DOMAINS.items():
        if cdm.has(table, day, code, concept):
            yield _domain(cdm, table, day, code, concept)


def _domain(cdm: Cdm, table: str, day: str, code: str, concept: str) -> Domain:
    standard = f"coalesce({cdm.number('t', table, concept)}, 0)"
    records, mapped = cdm.row(f'SELECT count(*), count(*) FILTER (WHERE {standard} <> 0) FROM "{table}" t')
    when = cdm.date("t", table, day)
    months = cdm.rows(
        f"SELECT strftime({when}, '%Y-%m') AS month, count(*) FROM \"{table}\" t WHERE {when} IS NOT NULL"
        f" GROUP BY 1 ORDER BY 1 DESC LIMIT {MONTHS}"
    )
    codes = cdm.rows(
        f'SELECT CAST("{code}" AS VARCHAR), count(*) FROM "{table}" t WHERE {standard} = 0 AND "{code}" IS NOT NULL'
        f" GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    frequent = [Unmapped(code=text, records=count) for text, count in codes if count >= SMALLEST]
    return Domain(
        table=table,
        records=records,
        mapped=mapped,
        months=tuple(Month(month=month, records=count) for month, count in reversed(months)),
        unmapped=tuple(frequent[:UNMAPPED]),
        rare=sum(count for _, count in codes) - sum(each.records for each in frequent[:UNMAPPED]),
    )
