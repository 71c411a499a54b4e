"""CSV as RFC 4180 has it, in an agreed encoding, with an agreed separator and agreed columns in any order."""

import csv
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

import pyarrow

from nexus.warehouse.intake.agreement import Table
from nexus.warehouse.intake.batches import ROWS, Batch
from nexus.warehouse.intake.lines import lines
from nexus.warehouse.intake.report import Fault, FaultyError, Problem, faulty

SEPARATORS: Final = (",", ";", "\t", "|")
"""Tried where the agreed one does not separate, to say which one does."""


def batches(content: Iterator[bytes], table: Table) -> Iterator[Batch]:
    """Rows of a CSV file. Raises FaultyError at the first line that is not as agreed; several at the header."""
    read = lines(content, table.encoding)
    header = next(read, "")
    if not header.strip():
        raise faulty(Fault.EMPTY, "a table without rows still has its header", line=1)
    names = _header(header, table)
    width = len(names)
    for first, rows, even in _rows(csv.reader(read, delimiter=table.separator, strict=True)):
        at, kept = _lines(first, rows, even=even)
        _require_width(at, kept, width)
        if kept:
            yield Batch(at, {name: _texts(values) for name, values in zip(names, zip(*kept, strict=True), strict=True)})


class HeaderError(FaultyError):
    """A header with several faults; `problem` is the first of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0])
        self.problems = tuple(problems)


def _header(header: str, table: Table) -> list[str]:
    names = _split(header, table.separator)
    if problems := list(compared(names, [column.name for column in table.columns])):
        other = next((each for each in SEPARATORS if _agrees(header, each, table)), None)
        if other is not None:
            shown = "a tab" if other == "\t" else f"`{other}`"
            raise faulty(Fault.SEPARATOR, f"columns are separated by {shown}; agreed is `{table.separator}`", line=1)
        raise HeaderError(problems)
    return names


def _agrees(header: str, separator: str, table: Table) -> bool:
    return separator != table.separator and sorted(_split(header, separator)) == sorted(c.name for c in table.columns)


def _split(header: str, separator: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([header], delimiter=separator, strict=True), [])]
    except csv.Error:
        return []


def compared(found: Sequence[str], agreed: Sequence[str]) -> Iterator[Problem]:
    """What the columns of a file lack, have too many, or call by another name. Names that were not agreed are not quoted
    in full: a file without a header shows data there."""
    unknown = [name for name in found if name not in agreed]
    for name in agreed:
        if name not in found:
            near = get_close_matches(name.lower(), [each.lower() for each in unknown], n=1, cutoff=0.7)
            hint = "the file has a column of a similar name: was it renamed?" if near else "the file has no such column"
            yield Problem(fault=Fault.COLUMN_MISSING, line=1, column=name, hint=hint)
    for place, name in enumerate(found, start=1):
        if name not in agreed:
            yield Problem(fault=Fault.COLUMN_UNKNOWN, line=1, column=f"#{place}", hint="this column was not agreed")
        elif found.index(name) != place - 1:
            yield Problem(fault=Fault.COLUMN_TWICE, line=1, column=name, hint="two columns have this name")


def _rows(reader: Any) -> Iterator[tuple[int, list[list[str]], bool]]:
    """(line of the first row, rows, whether each takes one line). The reader has not seen line 1, the header."""
    while True:
        before = reader.line_num
        rows: list[list[str]] = []
        try:
            rows.extend(islice(reader, ROWS))
        except csv.Error:
            line = before + 2 + sum(_height(row) for row in rows)
            hint = "a quote stands in the middle of a value, or is not closed, or a value is longer than 131,072 characters"
            raise faulty(Fault.ROW_FORM, hint, line=line) from None
        if not rows:
            return
        yield before + 2, rows, reader.line_num - before == len(rows)


def _height(row: Sequence[str]) -> int:
    """Lines that a row takes: line ends inside of quotes are kept in its values."""
    return 1 + sum(value.count("\n") for value in row)


def _lines(first: int, rows: list[list[str]], *, even: bool) -> tuple[Sequence[int], list[list[str]]]:
    """The line of each row, and the rows. Empty lines are no rows."""
    if even and all(rows):
        return range(first, first + len(rows)), rows
    at, line = [], first
    for row in rows:
        at.append(line)
        line += _height(row)
    return [line for line, row in zip(at, rows, strict=True) if row], [row for row in rows if row]


def _require_width(at: Sequence[int], rows: Sequence[Sequence[str]], width: int) -> None:
    if set(map(len, rows)) <= {width}:
        return
    line, row = next((line, row) for line, row in zip(at, rows, strict=True) if len(row) != width)
    hint = f"{len(row)} values in this row, {width} columns: does a value hold the separator without quotes?"
    if len(row) < width:
        hint = f"{len(row)} values in this row, {width} columns: the file may have stopped here"
    raise faulty(Fault.ROW_FORM, hint, line=line)


def _texts(values: Sequence[str]) -> pyarrow.Array:
    """An array in which what is empty is null."""
    return pyarrow.array([value or None for value in values], pyarrow.string())
