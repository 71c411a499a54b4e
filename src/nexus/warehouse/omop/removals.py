"""`removed.csv`: what a delivery of changes takes away, by the keys of the source's own tables."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.warehouse.omop.delivery import mark_of
from nexus.warehouse.omop.source import Source, SourceTable

REMOVED: Final = "removed.csv"
_COLUMNS: Final = ["table", "key"]


@dataclass(frozen=True, slots=True)
class Removal:
    """A key of a table, written as `accumulating` writes it."""

    table: str
    key: str


def is_there(folder: Path) -> bool:
    """Whether a delivery says that something is removed: then it is no whole one."""
    return any(path.name.lower() == REMOVED for path in folder.rglob("*.csv"))


def removals(source: Source, folder: Path) -> list[Removal]:
    """All of them. Raises Invalid, with file and line, on a table without keys, or a key that is none of its table."""
    found = (path for path in sorted(folder.rglob("*.csv")) if path.name.lower() == REMOVED)
    return [removal for path in found for removal in _read(source, path)]


def _read(source: Source, path: Path) -> Iterator[Removal]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.reader(stream)
        if [cell.strip().lower() for cell in next(rows, [])] != _COLUMNS:
            raise _wrong(1, "its columns are not TABLE and KEY")
        for row in rows:
            if row:
                yield _removal(source, rows.line_num, row)


def _removal(source: Source, line: int, row: Sequence[str]) -> Removal:
    if len(row) != len(_COLUMNS):
        raise _wrong(line, "it has not two fields")
    stem = row[0].strip().lower()
    table = next((table for table in source.tables if table.row and table.is_called(stem)), None)
    if table is None:
        raise _wrong(line, "no table of this name has keys by which rows could be removed")
    return Removal(table.name, _key(table, stem, row[1].strip(), line))


def _key(table: SourceTable, stem: str, written: str, line: int) -> str:
    if len(table.row) > 1 and len(written.split("/")) != len(table.row):
        raise _wrong(line, f"a key of this table is {'/'.join(table.row)}")
    return f"{mark_of(stem, table)}|/{written}"


def _wrong(line: int, what: str) -> Invalid:
    return Invalid(
        f"{REMOVED}, line {line}: {what}",
        code="omop.removed",
        hint="which tables have which keys: docs/reference/omop-sources.md",
    )
