"""Checks that look at persons: who has no record, whose periods overlap, whose conditions have no era."""

from typing import Final

from nexus.warehouse.quality.cdm import Cdm
from nexus.warehouse.quality.checks import Check, Kind
from nexus.warehouse.quality.counts import Count, Missing

PERSON_KINDS: Final = frozenset({Kind.PERSONS, Kind.CONDITION_ERAS, Kind.PERIODS})
_WITHOUT: Final = (
    "SELECT count(*), count(*) FILTER (WHERE o.person_id IS NULL)"
    ' FROM (SELECT DISTINCT person_id FROM "{all}") a'
    ' LEFT JOIN (SELECT DISTINCT person_id FROM "{some}") o USING (person_id)'
)
_OVERLAPPING: Final = (
    "SELECT count(DISTINCT person_id), count(DISTINCT person_id) FILTER (WHERE began <= before + INTERVAL 1 DAY) FROM"
    " (SELECT person_id, {began} AS began,"
    " max({ended}) OVER (PARTITION BY person_id"
    " ORDER BY {began}, {ended}"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM observation_period t)"
)
"""Periods that overlap, or follow each other without a day between: they are one period."""


def count_persons(cdm: Cdm, check: Check) -> Count | Missing:
    """Count one of these checks."""
    if not cdm.has(check.table, "person_id"):
        return Missing(check.table)
    match check.kind:
        case Kind.PERSONS:
            return _without(cdm, "person", check.table)
        case Kind.CONDITION_ERAS:
            return _without(cdm, "condition_occurrence", check.table)
        case Kind.PERIODS:
            if not cdm.has(check.table, "observation_period_start_date", "observation_period_end_date"):
                return Missing(check.table)
            began, ended = (cdm.date("t", check.table, f"observation_period_{side}_date") for side in ("start", "end"))
            looked_at, violated = cdm.row(_OVERLAPPING.format(began=began, ended=ended))
            return Count(violated, looked_at)
        case _:
            raise ValueError(f"{check.kind} does not look at persons")


def _without(cdm: Cdm, everybody: str, table: str) -> Count | Missing:
    if not cdm.has(everybody, "person_id"):
        return Missing(everybody)
    looked_at, violated = cdm.row(_WITHOUT.format(all=everybody, some=table))
    return Count(violated, looked_at)
