"""Slices: which staged rows one piece of one mapping reads, and how it reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import ibis.expr.types as ir

from nexus.warehouse.omop.changes import Only
from nexus.warehouse.omop.delivery import Delivered
from nexus.warehouse.omop.engine import Engine
from nexus.warehouse.omop.excluding import Exclusion
from nexus.warehouse.omop.source import LINE, Source

_LAST_LINE: Final = 1 << 62


class Stages(Protocol):
    """What reading asks of staged files (`staged_files`)."""

    def of(self, table: str) -> Sequence["Staged"]:
        """The files of a table, counted."""

    def place(self, staged: "Staged") -> Path | str:
        """Where a file's rows lie, as `Engine.staged` takes it; they stay there until the next mapping begins."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One file that was staged: rows that were read, and lines that could not be."""

    file: Delivered
    rows: int
    unreadable: tuple[int, ...]
    excerpt: int | None = None
    """How many of the rows are staged, if not all are."""

    @property
    def held(self) -> int:
        return self.rows if self.excerpt is None else self.excerpt


@dataclass(frozen=True, slots=True)
class Slice:
    """Whole files, or of one file the lines from `first` to before `last`."""

    files: tuple[Staged, ...]
    first: int = 0
    last: int | None = None

    @property
    def rows(self) -> int:
        """About how many, for a progress bar."""
        rows = sum(each.held for each in self.files)
        return rows if self.last is None else min(rows - self.first, self.last - self.first)


def slices(files: Sequence[Staged], size: int, *, whole: bool) -> Iterator[Slice]:
    """Files of at most so many rows together, or a range of lines of one that has more."""
    if whole:
        yield Slice(tuple(files))
        return
    together: list[Staged] = []
    for each in files:
        if each.held > size:
            for first in range(0, each.rows, size):
                yield Slice((each,), first, first + size if first + size < each.rows else _LAST_LINE)
        elif sum(one.held for one in together) + each.held > size:
            yield Slice(tuple(together))
            together = [each]
        else:
            together.append(each)
    if together:
        yield Slice(tuple(together))


@dataclass(frozen=True, slots=True)
class Reading:
    """What one piece of one mapping reads (`source.Inputs`)."""

    engine: Engine
    source: Source
    stages: Stages
    codes: ir.Table
    of: str
    """The driver."""
    slice: Slice
    exclusion: Exclusion
    only: Only | None = None
    """Persons whose rows are read; everybody's if None."""

    def driver(self) -> ir.Table:
        """The rows of this piece."""
        return self._read(self.of, self.every_row())

    def every_row(self) -> ir.Table:
        """The rows of this piece, of persons who are excluded too: to count them."""
        columns = self.source.table(self.of).every_column
        rows = self.engine.staged("driver", [self.stages.place(each) for each in self.slice.files], columns)
        if self.slice.last is None:
            return rows
        return rows.filter((rows[LINE] >= self.slice.first) & (rows[LINE] < self.slice.last))

    def whole(self, table: str) -> ir.Table:
        """Another staged table, entire."""
        places = [self.stages.place(each) for each in self.stages.of(table)]
        rows = self.engine.staged(table, places, self.source.table(table).every_column)
        return self._read(table, rows)

    def _read(self, table: str, rows: ir.Table) -> ir.Table:
        declared = self.source.table(table)
        rows = self.exclusion.others(self.engine, rows, declared.person)
        return rows if self.only is None else self.only.rows(self.engine, rows, declared)

    def concepts(self, vocabulary: str) -> ir.Table:
        """The code map of one vocabulary; of a code with several standard concepts, the first."""
        chosen = self.codes.filter((self.codes.vocabulary_id == vocabulary) & (self.codes.position == 0))
        return chosen.select("map_code", "source_concept_id", "concept_id", "domain_id")
