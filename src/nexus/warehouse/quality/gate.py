"""Runs every check over a CDM and says what may be released."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import Final

from nexus.kernel.clock import Instant
from nexus.warehouse.quality.cdm import Cdm
from nexus.warehouse.quality.checks import Check, Kind, checks
from nexus.warehouse.quality.concepts import CONCEPT_KINDS, count_concepts
from nexus.warehouse.quality.counts import Count, Counts, Missing
from nexus.warehouse.quality.persons import PERSON_KINDS, count_persons
from nexus.warehouse.quality.references import (
    count_primary_key,
    count_references,
    count_source_values,
    fields_that_refer,
)
from nexus.warehouse.quality.results import Result, Run, State, Table
from nexus.warehouse.quality.rows import by_row, count_rows

Progress = Callable[[str, int, int], None]
_PERCENT: Final = 100.0


def run(
    cdm: Cdm,
    name: str,
    at: Instant,
    progress: Progress = lambda table, done, total: None,
    *,
    only: Collection[str] = (),
) -> Run:
    """Every check, table by table; of some tables if `only` names them. `name`: what the CDM is called in results.

    Raises Damaged on unreadable files.
    """
    everything = [check for check in checks() if not only or check.table in only]
    results: list[Result] = []
    for table, group in groupby(sorted(everything, key=lambda check: check.table), key=lambda check: check.table):
        progress(table, len(results), len(everything))
        asked = list(group)
        counts = _counts(cdm, table, asked)
        results += [_result(check, counts[check]) for check in asked]
    progress("", len(everything), len(everything))
    return Run(cdm=name, at=at, results=tuple(results), tables=tuple(_tables(cdm)))


def _counts(cdm: Cdm, table: str, asked: Sequence[Check]) -> Counts:
    """The counts of every check of one table."""
    found: dict[Check, Count | Missing] = {check: _there(cdm, check) for check in asked if check.kind in _PRESENCE}
    if not cdm.has(table):
        return {check: found.get(check, Missing(table)) for check in asked}
    found.update(count_rows(cdm, table, by_row(asked)))
    for field, references in fields_that_refer(asked).items():
        found.update(count_references(cdm, table, field, references))
    for check in asked:
        if check.kind is Kind.PRIMARY_KEY:
            found[check] = count_primary_key(cdm, check)
        elif check.kind is Kind.SOURCE_VALUES:
            found[check] = count_source_values(cdm, check)
        elif check.kind in PERSON_KINDS:
            found[check] = count_persons(cdm, check)
    by_concept = [check for check in asked if check.kind in CONCEPT_KINDS]
    for field in {check.field for check in by_concept}:
        found.update(count_concepts(cdm, table, field, [check for check in by_concept if check.field == field]))
    return found


_PERSONS: Final = "person"
_PRESENCE: Final = frozenset({Kind.TABLE, Kind.FIELD})


def _there(cdm: Cdm, check: Check) -> Count | Missing:
    """A table that is not there fails as a table, and its fields are not looked at.

    So does a table of persons that holds nobody: every other check would have nothing to look at, and the run would pass.
    """
    if check.kind is Kind.TABLE:
        return Count(int(not cdm.has(check.table) or (check.table == _PERSONS and _is_empty(cdm, check.table))), 1)
    return Count(int(not cdm.has(check.table, check.field)), 1) if cdm.has(check.table) else Missing(check.table)


def _result(check: Check, count: Count | Missing) -> Result:
    if isinstance(count, Missing):
        return Result.of(check, State.NOT_APPLICABLE, missing=count.what)
    if count.looked_at == 0:
        return Result.of(check, State.NOT_APPLICABLE)
    percent = _PERCENT * count.violated / count.looked_at
    state = State.FAILED if percent > check.threshold else State.PASSED
    return Result.of(check, state, violated=count.violated, looked_at=count.looked_at, percent=percent)


def _is_empty(cdm: Cdm, table: str) -> bool:
    (rows,) = cdm.row(f'SELECT count(*) FROM (SELECT 1 FROM "{table}" LIMIT 1)')  # noqa: S608 - a name of the CDM
    return bool(rows == 0)


def _tables(cdm: Cdm) -> Iterator[Table]:
    for name in sorted(cdm.tables):
        (rows,) = cdm.row(f'SELECT count(*) FROM "{name}"')  # noqa: S608 - a name of the CDM
        yield Table(name=name, rows=rows)
