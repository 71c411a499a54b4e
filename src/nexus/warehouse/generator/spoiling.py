"""Rows that cannot be used: a few in a thousand, each of them remembered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy
import pyarrow
import pyarrow.compute

from nexus.warehouse.generator.model import EPOCH, Badness, Whole

_BROKEN: Final = ("2021-02-30", "31/12/2020", "20210015", "0000-00-00", "n.d.")
_BEFORE_DAYS: Final = 400
_FUTURE_YEARS: Final = 40


@dataclass(frozen=True, slots=True)
class Bad:
    """A row of a table, counted from 0, the column that is wrong, and how."""

    row: int
    column: str
    reason: Badness


@dataclass(frozen=True, slots=True)
class Spoilable:
    """What of a table may go wrong: the column, and what is written there; dates need none."""

    dates: str
    others: Mapping[Badness, tuple[str, str]]
    """For each other badness, the column and its value."""


def spoil(
    random: numpy.random.Generator, table: pyarrow.Table, what: Spoilable, born: Whole, share: float
) -> tuple[pyarrow.Table, list[Bad]]:
    """The table with about this share of its rows spoilt. `born`: day of birth of the patient of each row."""
    rows = numpy.flatnonzero(random.random(table.num_rows) < share).tolist()
    kinds = [Badness.BROKEN_DATE, Badness.FUTURE, Badness.BEFORE_BIRTH, *sorted(what.others)]
    bad = []
    written: dict[str, list[tuple[int, str]]] = {}
    for row in rows:
        reason = kinds[int(random.integers(0, len(kinds)))]
        column, value = what.others.get(reason) or (what.dates, _date(random, reason, int(born[row])))
        if reason is not Badness.BROKEN_DATE and column == what.dates:
            value += str(table.column(column)[row].as_py() or "")[10:]  # the time of day stays as it was
        bad.append(Bad(row, column, reason))
        written.setdefault(column, []).append((row, value))
    for column, cells in written.items():
        table = _replaced(table, column, cells)
    return table, bad


def _date(random: numpy.random.Generator, reason: Badness, born: int) -> str:
    if reason is Badness.BROKEN_DATE:
        return _BROKEN[int(random.integers(0, len(_BROKEN)))]
    if reason is Badness.BEFORE_BIRTH:
        return (EPOCH + timedelta(days=born - _BEFORE_DAYS - int(random.integers(0, 3_000)))).isoformat()
    return date(EPOCH.year + 70 + int(random.integers(0, _FUTURE_YEARS)), 6, 15).isoformat()


def _replaced(table: pyarrow.Table, column: str, cells: list[tuple[int, str]]) -> pyarrow.Table:
    mask = numpy.zeros(table.num_rows, dtype=bool)
    mask[[row for row, _ in cells]] = True
    before = pyarrow.compute.cast(table.column(column).combine_chunks(), pyarrow.string())
    after = pyarrow.compute.replace_with_mask(before, pyarrow.array(mask), pyarrow.array([value for _, value in cells]))
    return table.set_column(table.schema.get_field_index(column), column, after)
