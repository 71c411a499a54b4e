"""Columns of tables, made of arrays."""

from dataclasses import dataclass
from typing import Any

import pyarrow

from nexus.warehouse.generator.model import Strings, Whole


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows of a table, in the file's order, and the day of birth of the patient of each."""

    name: str
    table: pyarrow.Table
    born: Whole


def local_numbers(values: Whole) -> pyarrow.Array:
    """Numbers of ten digits."""
    return pyarrow.array([f"{value:010d}" for value in values.tolist()], pyarrow.string())


def texts(values: Strings) -> pyarrow.Array:
    """Texts; null where they are empty."""
    return pyarrow.array([value or None for value in values], pyarrow.string())


def looked_up(values: list[Any], at: Whole) -> pyarrow.Array:
    """The values at these positions; -1 is the last one."""
    return pyarrow.array(values).take(pyarrow.array(at % len(values)))


def same(value: str, count: int) -> pyarrow.Array:
    """One text, so many times."""
    return pyarrow.repeat(value, count)


def table_of(**columns: pyarrow.Array | None) -> pyarrow.Table:
    """A table; columns that are None are empty."""
    rows = max(len(column) for column in columns.values() if column is not None)
    return pyarrow.table(
        {name: pyarrow.nulls(rows, pyarrow.string()) if column is None else column for name, column in columns.items()}
    )
