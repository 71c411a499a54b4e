"""Slices: which staged rows one piece of one mapping reads, and how it reads them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import ibis.expr.types as ir

from nexus.warehouse.omop.changes import Only
from nexus.warehouse.omop.delivery import Delivered
from nexus.warehouse.omop.engine import Engine, Named
from nexus.warehouse.omop.excluding import Exclusion
from nexus.warehouse.omop.source import Source

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
    codes: Callable[[], ir.Table]
    of: str
    """The driver."""
    slice: Slice
    exclusion: Exclusion
    only: Only | None = None
    """Persons whose rows are read; everybody's if None."""
    asked: list[str] = field(default_factory=list)
    """Tables beside the driver that were read."""

    def driver(self) -> ir.Table:
        """The rows of this piece."""
        if not self._narrowed(self.of):
            return self._piece("driver")
        return self._chosen("driver", self.of, self.every_row())

    def every_row(self) -> ir.Table:
        """The rows of this piece, of persons who are excluded too: to count them."""
        return self._piece("every_driver")

    def whole(self, table: str) -> ir.Table:
        """Another staged table, entire."""
        if table not in self.asked:
            self.asked.append(table)
        places = [self.stages.place(each) for each in self.stages.of(table)]
        columns = self.source.table(table).every_column
        if not self._narrowed(table):
            return self.engine.staged(table, places, columns)
        return self._chosen(table, table, self.engine.staged(f"every_{table}", places, columns))

    def _piece(self, name: str) -> ir.Table:
        places = [self.stages.place(each) for each in self.slice.files]
        lines = None if self.slice.last is None else (self.slice.first, self.slice.last)
        return self.engine.staged(name, places, self.source.table(self.of).every_column, lines)

    def _narrowed(self, table: str) -> bool:
        """Whether not all rows of a table are read."""
        declared = self.source.table(table)
        return self.exclusion.concerns(declared.person) or (self.only is not None and bool(declared.tied))

    def _chosen(self, name: str, table: str, every: ir.Table) -> ir.Table:
        """Of all rows those that are read, under the name that mappings know: what they make of them is the same then."""
        declared, only = self.source.table(table), self.only
        without = self.exclusion.without(self.engine, declared.person)
        those = None if only is None else only.those(self.engine, declared)

        def make() -> ir.Table:
            rows = without(every)
            return rows if those is None else those(rows)

        how = "/without" * self.exclusion.concerns(declared.person) + "/only" * (only is not None)
        return self.engine.chosen(name, Named(f"{name} of {table}{how}", make), declared.every_column)

    def concepts(self, vocabulary: str) -> ir.Table:
        """The code map of one vocabulary; of a code with several standard concepts, the first."""
        codes = self.codes()
        chosen = codes.filter((codes.vocabulary_id == vocabulary) & (codes.position == 0))
        return chosen.select("map_code", "source_concept_id", "concept_id", "domain_id")
