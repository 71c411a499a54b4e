"""Checks of keys and of what refers elsewhere: each field is grouped once, however many rows the table has."""

# ruff: noqa: S608 - statements are put together from the lines of facts/dqd54.csv, which are names and numbers

from collections.abc import Iterable, Sequence
from typing import Final

from nexus.warehouse.quality.cdm import Cdm
from nexus.warehouse.quality.checks import Check, Kind
from nexus.warehouse.quality.counts import Count, Counts, Missing

REFERENCE_KINDS: Final = frozenset({Kind.FOREIGN_KEY, Kind.DOMAIN, Kind.CLASS, Kind.STANDARD})
CONCEPT: Final = "concept.concept_id"
_CONCEPT_FIELDS: Final = ("concept_id", "domain_id", "concept_class_id", "standard_concept", "invalid_reason")


def count_references(cdm: Cdm, table: str, field: str, checks: Sequence[Check]) -> Counts:
    """Count checks of what one field refers to."""
    if not cdm.has(table, field):
        return dict.fromkeys(checks, Missing(f"{table}.{field}"))
    found: dict[Check, Count | Missing] = {}
    of_concepts = [check for check in checks if check.kind is not Kind.FOREIGN_KEY or check.parameter == CONCEPT]
    if of_concepts:
        found.update(_concepts(cdm, table, field, of_concepts))
    for check in checks:
        if check not in found:
            found[check] = _foreign(cdm, check)
    return found


def _concepts(cdm: Cdm, table: str, field: str, checks: Sequence[Check]) -> Counts:
    if not cdm.has("concept", *_CONCEPT_FIELDS):
        return dict.fromkeys(checks, Missing("concept"))
    columns = ", ".join(f"coalesce(sum(g.rows) FILTER (WHERE {_wrong(check)}), 0)" for check in checks)
    looked_at, *violated = cdm.row(
        f"SELECT coalesce(sum(g.rows), 0), {columns} FROM"
        f' (SELECT "{field}" AS id, count(*) AS rows FROM "{table}" GROUP BY 1) g'
        " LEFT JOIN concept c ON c.concept_id = try_cast(g.id AS BIGINT)"
    )
    return {check: Count(int(count), int(looked_at)) for check, count in zip(checks, violated, strict=True)}


def _wrong(check: Check) -> str:
    match check.kind:
        case Kind.FOREIGN_KEY:
            return "g.id IS NOT NULL AND c.concept_id IS NULL"
        case Kind.DOMAIN:
            return f"c.concept_id <> 0 AND c.domain_id <> '{check.parameter}'"
        case Kind.CLASS:
            return f"c.concept_id <> 0 AND c.concept_class_id <> '{check.parameter}'"
        case Kind.STANDARD:
            invalid = "coalesce(c.invalid_reason, '') <> ''"
            return f"c.concept_id <> 0 AND (coalesce(c.standard_concept, '') <> 'S' OR {invalid})"
        case _:
            raise ValueError(f"{check.kind} refers to nothing")


def _foreign(cdm: Cdm, check: Check) -> Count | Missing:
    table, field = check.parameter.split(".")
    if not cdm.has(table, field):
        return Missing(table)
    looked_at, violated = cdm.row(
        f"SELECT coalesce(sum(g.rows), 0), coalesce(sum(g.rows) FILTER (WHERE g.id IS NOT NULL AND f.id IS NULL), 0)"
        f' FROM (SELECT "{check.field}" AS id, count(*) AS rows FROM "{check.table}" GROUP BY 1) g'
        f' LEFT JOIN (SELECT DISTINCT "{field}" AS id FROM "{table}") f ON CAST(f.id AS VARCHAR) = CAST(g.id AS VARCHAR)'
    )
    return Count(int(violated), int(looked_at))


def count_primary_key(cdm: Cdm, check: Check) -> Count | Missing:
    """Rows that share their key with another."""
    if not cdm.has(check.table, check.field):
        return Missing(f"{check.table}.{check.field}")
    looked_at, violated = cdm.row(
        "SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE n > 1), 0) FROM"
        f' (SELECT count(*) AS n FROM "{check.table}" GROUP BY "{check.field}")'
    )
    return Count(int(violated), int(looked_at))


def count_source_values(cdm: Cdm, check: Check) -> Count | Missing:
    """Distinct source values that no standard concept stands for."""
    if not cdm.has(check.table, check.field, check.parameter):
        return Missing(f"{check.table}.{check.field}")
    looked_at, violated = cdm.row(
        "SELECT count(*), count(*) FILTER (WHERE unmapped) FROM"
        f' (SELECT "{check.field}", bool_or("{check.parameter}" = 0) AS unmapped'
        f' FROM "{check.table}" WHERE "{check.field}" IS NOT NULL GROUP BY 1)'
    )
    return Count(int(violated), int(looked_at))


def fields_that_refer(checks: Iterable[Check]) -> dict[str, list[Check]]:
    """Checks of what refers elsewhere, by field."""
    found: dict[str, list[Check]] = {}
    for check in checks:
        if check.kind in REFERENCE_KINDS:
            found.setdefault(check.field, []).append(check)
    return found
