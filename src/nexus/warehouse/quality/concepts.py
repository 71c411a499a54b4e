"""Checks by concept: a diagnosis that only women have, a laboratory value in a unit that it is never given in."""

# ruff: noqa: S608 - statements are put together from the lines of facts/dqd54.csv, which are names and numbers

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nexus.warehouse.quality.cdm import Cdm
from nexus.warehouse.quality.checks import Check, Kind
from nexus.warehouse.quality.counts import Count, Counts, Missing
from nexus.warehouse.quality.rows import UNIT, VALUE

CONCEPT_KINDS: Final = frozenset({Kind.GENDER, Kind.GENDER_DESCENDANTS, Kind.UNITS})
NO_UNIT: Final = -1
"""Among the units of a check: a value without a unit is right."""

Tally = Mapping[Any, Mapping[Any, int]]


def count_concepts(cdm: Cdm, table: str, field: str, checks: Sequence[Check]) -> Counts:
    """Count checks of one concept field: one statement for genders, one for units, one for descendants."""
    if not cdm.has(table, field):
        return dict.fromkeys(checks, Missing(f"{table}.{field}"))
    found: dict[Check, Count | Missing] = {}
    for kind, count in ((Kind.GENDER, _genders), (Kind.GENDER_DESCENDANTS, _descendants), (Kind.UNITS, _units)):
        if asked := [check for check in checks if check.kind is kind]:
            found.update(count(cdm, table, field, asked))
    return found


def _genders(cdm: Cdm, table: str, field: str, checks: Sequence[Check]) -> Counts:
    if not cdm.has("person", "person_id", "gender_concept_id"):
        return dict.fromkeys(checks, Missing("person"))
    ids = _ids(checks)
    tally = _tally(
        cdm.rows(
            f'SELECT t."{field}", p.gender_concept_id, count(*) FROM "{table}" t'
            f' JOIN person p ON p.person_id = t.person_id WHERE t."{field}" IN ({ids}) GROUP BY 1, 2'
        )
    )
    return {check: _unlike(tally, check, {int(check.parameter)}) for check in checks}


def _descendants(cdm: Cdm, table: str, field: str, checks: Sequence[Check]) -> Counts:
    if not cdm.has("person", "person_id", "gender_concept_id"):
        return dict.fromkeys(checks, Missing("person"))
    if not cdm.has("concept_ancestor", "ancestor_concept_id", "descendant_concept_id"):
        return dict.fromkeys(checks, Missing("concept_ancestor"))
    tally = _tally(
        cdm.rows(
            f'SELECT a.ancestor_concept_id, p.gender_concept_id, count(*) FROM "{table}" t'
            " JOIN person p ON p.person_id = t.person_id"
            f' JOIN concept_ancestor a ON a.descendant_concept_id = t."{field}"'
            f" WHERE a.ancestor_concept_id IN ({_ids(checks)}) GROUP BY 1, 2"
        )
    )
    return {check: _unlike(tally, check, {int(check.parameter)}) for check in checks}


def _units(cdm: Cdm, table: str, field: str, checks: Sequence[Check]) -> Counts:
    if not cdm.has(table, UNIT, VALUE):
        return dict.fromkeys(checks, Missing(f"{table}.{UNIT}"))
    tally = _tally(
        cdm.rows(
            f'SELECT "{field}", coalesce(nullif({UNIT}, 0), {NO_UNIT}), count(*) FROM "{table}"'
            f' WHERE "{field}" IN ({_ids(checks)}) AND {VALUE} IS NOT NULL GROUP BY 1, 2'
        )
    )
    return {check: _unlike(tally, check, set(map(int, check.parameter.split()))) for check in checks}


def _unlike(tally: Tally, check: Check, right: set[int]) -> Count:
    """How many rows of the check's concepts have something else than what is right."""
    held = [pair for concept in check.concepts for pair in tally.get(concept, {}).items()]
    return Count(sum(count for value, count in held if value not in right), sum(count for _, count in held))


def _tally(rows: Sequence[tuple[Any, ...]]) -> Tally:
    found: dict[Any, dict[Any, int]] = defaultdict(dict)
    for concept, value, count in rows:
        found[concept][value] = count
    return found


def _ids(checks: Sequence[Check]) -> str:
    return ", ".join(str(concept) for concept in sorted({concept for check in checks for concept in check.concepts}))
