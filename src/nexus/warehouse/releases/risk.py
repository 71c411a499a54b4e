"""How few share what could point at them: k-anonymity, l-diversity and small cells of one table, before it leaves.

A class is everybody with the same values of the columns by which somebody might be recognised. k is the size of the smallest class,
in persons; l is the smallest number of different values of a sensitive column within a class. A value that is missing is a value.
Counts of persons are masked like any other, but k and l: it says how bad it is, not who it is.
"""

# ruff: noqa: S608 - statements are put together from names that the table itself has

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import msgspec
from msgspec import Struct

from nexus.kernel.errors import Damaged, Invalid
from nexus.warehouse.cohorts.masking import LEAST, chain

MAX_COLUMNS: Final = 12
_PERSON: Final = "person_id"


class Diversity(Struct, frozen=True, kw_only=True):
    """Of a sensitive column: the fewest different values in a class, and how many classes have a single one."""

    column: str
    least: int
    uniform: int
    """Classes in which everybody has the same value: who is known to be in one is known to have it."""


class Risk(Struct, frozen=True, kw_only=True):
    """What was found. Counts of persons from one to ten are None, and so is what would give one away."""

    columns: tuple[str, ...]
    persons: int | None
    classes: int
    k: int
    """Persons in the smallest class; 0 of an empty table."""
    least: int
    """How many a class should have."""
    small_classes: int
    persons_in_small_classes: int | None
    diversity: tuple[Diversity, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether every class is large enough."""
        return self.k == 0 or self.k >= self.least


def assess(
    files: Sequence[Path | str], columns: Sequence[str], sensitive: Sequence[str] = (), *, least: int = LEAST
) -> Risk:
    """Look at the rows of some Parquet files. Persons are told apart by `person_id` where there is one, else each row is one.

    Raises Invalid if a column is not there, or too many are named; Damaged if a file cannot be read.
    """
    if not columns or len(columns) + len(sensitive) > MAX_COLUMNS:
        raise Invalid(f"name one to {MAX_COLUMNS} columns", code="release.risk-columns")
    if least < 2:
        raise Invalid("a class of one person protects nobody", code="release.risk-least")
    with duckdb.connect() as connection:
        try:
            rows = connection.read_parquet([str(file) for file in files])
            return _assess(connection, rows, columns, sensitive, least)
        except duckdb.Error as error:
            raise Damaged("a file cannot be read", code="release.file") from error


def _assess(
    connection: duckdb.DuckDBPyConnection, rows: duckdb.DuckDBPyRelation, columns: Sequence[str],
    sensitive: Sequence[str], least: int,
) -> Risk:  # fmt: skip
    missing = [name for name in (*columns, *sensitive) if name not in rows.columns]
    if missing:
        raise Invalid(f"the table has no {', '.join(missing)}", code="release.risk-columns")
    rows.create_view("given")
    counted = f"count(DISTINCT {_PERSON})" if _PERSON in rows.columns else "count(*)"
    by = ", ".join(f'"{name}"' for name in columns)
    # count(DISTINCT …) leaves a missing value out: it is added as a value of its own.
    varied = ", ".join(
        f'count(DISTINCT "{name}") + CAST(count(*) > count("{name}") AS INTEGER) AS varied_{place}'
        for place, name in enumerate(sensitive)
    )
    connection.execute(
        f"CREATE TEMP TABLE classes AS SELECT {counted} AS persons{', ' + varied if varied else ''} FROM given GROUP BY {by}"
    )
    classes, k, small, in_small = _row(
        connection,
        "SELECT count(*), coalesce(min(persons), 0), count(*) FILTER (persons < ?),"
        " coalesce(sum(persons) FILTER (persons < ?), 0) FROM classes",
        [least, least],
    )
    persons = _row(connection, f"SELECT {counted} FROM given", [])[0]
    shown, shown_in_small = chain([persons, in_small]) if in_small <= persons else (None, None)
    return Risk(
        columns=tuple(columns),
        persons=shown,
        classes=classes,
        k=k,
        least=least,
        small_classes=small,
        persons_in_small_classes=shown_in_small,
        diversity=tuple(_diversity(connection, place, name) for place, name in enumerate(sensitive)),
    )


def _diversity(connection: duckdb.DuckDBPyConnection, place: int, name: str) -> Diversity:
    fewest, uniform = _row(
        connection, f"SELECT coalesce(min(varied_{place}), 0), count(*) FILTER (varied_{place} = 1) FROM classes", []
    )
    return Diversity(column=name, least=fewest, uniform=uniform)


def _row(connection: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object]) -> tuple[int, ...]:
    found = connection.execute(sql, values).fetchone()
    assert found is not None
    return tuple(int(value) for value in found)


def encode(risk: Risk) -> bytes:
    """The form that is kept."""
    return msgspec.json.format(msgspec.json.encode(risk), indent=1)
