"""Builds the parts of a release from a CDM: what the permit names, of whom allows it, with keys of the project."""

# ruff: noqa: S608 - statements are put together from names of the CDM, numbers and dates that were checked

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

import pyarrow as pa

from nexus.kernel.errors import Conflict, Invalid
from nexus.projects.model import Scope
from nexus.warehouse.omop import spec
from nexus.warehouse.quality import results
from nexus.warehouse.quality.cdm import Cdm
from nexus.warehouse.quality.checks import Severity
from nexus.warehouse.quality.results import Run
from nexus.warehouse.releases import columns as plan
from nexus.warehouse.releases.columns import Given
from nexus.warehouse.releases.manifest import COMMON, Part, Table
from nexus.warehouse.releases.parts import Parts, columns_of
from nexus.warehouse.releases.people import Person, as_table

PEOPLE: Final = "release_people"
_ARROW: Final = {
    "int32": pa.int32(), "int64": pa.int64(), "string": pa.string(), "date": pa.date32(),
    "timestamp": pa.timestamp("us"), "float64": pa.float64(),
}  # fmt: skip
Progress = Callable[[str, int, int], None]


def require_quality(run: Run, blocking: Sequence[Severity] = (Severity.FATAL,)) -> None:
    """Raises Conflict with the checks that stop a release."""
    stopping = results.blocking(run, blocking)
    if stopping:
        raise Conflict(
            f"the quality gate stops this release: {', '.join(result.id for result in stopping[:10])}",
            code="release.quality",
            hint="`nexus warehouse check` shows every failure",
        )


def known_persons(cdm: Cdm) -> dict[int, str]:
    """The warehouse's pseudonym of each person. Raises Invalid if the CDM holds none."""
    if not cdm.has("person", "person_id", "person_source_value"):
        raise Invalid("the CDM has no person with a pseudonym", code="release.no-pseudonym")
    return {person: value or "" for person, value in cdm.rows("SELECT person_id, person_source_value FROM person")}


def build(
    cdm: Cdm,
    scope: Scope,
    people: Sequence[Person],
    buckets: int,
    parts: Parts,
    *,
    progress: Progress = lambda table, done, total: None,
) -> tuple[Table, ...]:
    """Write every part; the tables of the manifest, by name. Raises Invalid (a column that cannot be given), Damaged."""
    wanted = plan.given(scope)
    cdm.put("release_given", as_table(people))
    cdm.rows(f"CREATE OR REPLACE TEMP TABLE {PEOPLE} AS SELECT * FROM release_given")
    made = []
    for number, given in enumerate(wanted):
        progress(given.table, number, len(wanted))
        made.append(_table(cdm, scope, given, buckets, parts))
    return tuple(made)


def _table(cdm: Cdm, scope: Scope, given: Given, buckets: int, parts: Parts) -> Table:
    schema = pa.schema([(field.name, _ARROW.get(field.type, pa.string())) for field in given.columns])
    if not cdm.has(given.table):
        raise Invalid(f"the CDM has no {given.table}", code="release.no-table")
    cdm.rows(f"CREATE OR REPLACE TEMP TABLE release_rows AS {_select(cdm, scope, given)}")
    names = ", ".join(f'"{field.name}"' for field in given.columns)
    made: list[Part] = []
    for bucket in range(buckets) if given.about_persons else (COMMON,):
        rows = cdm.arrow(f"SELECT {names} FROM release_rows WHERE nexus_bucket = {bucket} ORDER BY ALL")
        if given.about_persons and not rows.num_rows:
            continue
        made.append(parts.add(rows.cast(schema).combine_chunks(), bucket))
    cdm.rows("DROP TABLE release_rows")
    return Table(name=given.table, columns=columns_of(schema), parts=tuple(made))


def _select(cdm: Cdm, scope: Scope, given: Given) -> str:
    """All rows of a table as the project gets them, with their bucket, in the order of buckets."""
    chosen = ", ".join(f'{_column(cdm, scope, given, field)} AS "{field.name}"' for field in given.columns)
    if not given.about_persons:
        return f'SELECT {chosen}, {COMMON} AS nexus_bucket FROM "{given.table}" t'
    period = ""
    if given.table == "observation_period":
        start, end = (cdm.date("t", given.table, name) for name in _PERIOD)
        period = f" WHERE {start} <= {_day(scope.period_until)} AND {end} >= {_day(scope.period_from)}"
    elif given.day:
        day = cdm.date("t", given.table, given.day)
        period = f" WHERE {day} BETWEEN {_day(scope.period_from)} AND {_day(scope.period_until)}"
    return (
        f'SELECT {chosen}, p.bucket AS nexus_bucket FROM "{given.table}" t JOIN {PEOPLE} p ON p.cdm = t.person_id'
        f"{period} ORDER BY nexus_bucket"
    )


_PERIOD: Final = ("observation_period_start_date", "observation_period_end_date")


def _column(cdm: Cdm, scope: Scope, given: Given, field: spec.Field) -> str:
    """What a column becomes. A field that the CDM does not have is empty."""
    name = field.name
    if not cdm.has(given.table, name):
        return "NULL"
    if name == plan.PERSON:
        return "p.key"
    if name == "person_source_value":
        return "p.pseudonym"
    if given.table == "observation_period" and name in _PERIOD:
        day = cdm.date("t", given.table, name)
        return (
            f"greatest({day}, {_day(scope.period_from)})"
            if name == _PERIOD[0]
            else f"least({day}, {_day(scope.period_until)})"
        )
    if field.type == "int64" and given.table not in plan.WITHOUT_KEYS:
        kind = plan.KEYS[name]
        of_person = given.about_persons and kind not in plan.OF_THE_DOMAIN
        return _made_anew(f't."{name}"', kind, "p.pseudonym" if of_person else f"'{scope.pseudonym_domain}'")
    return f't."{name}"'


def _made_anew(column: str, kind: str, of: str) -> str:
    """A key of a record that no other project has: 63 bits of a hash of whose it is and what the warehouse calls it."""
    hashed = f"sha256(concat_ws(chr(31), 'nexus/release/key', {of}, '{kind}', CAST({column} AS VARCHAR)))"
    made = f"CAST(CAST('0x' || left({hashed}, 16) AS UBIGINT) >> 1 AS BIGINT)"
    return f"CASE WHEN {column} IS NULL THEN NULL ELSE {made} END"


def _day(text: str) -> str:
    return f"DATE '{date.fromisoformat(text).isoformat()}'"
