"""Of files that were compared as lines, a refresh stages the lines that it reads, and no others."""

from pathlib import Path

from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.lines import Lines
from nexus.warehouse.omop.slices import Staged
from nexus.warehouse.omop.staged_files import StagedFiles


class Narrowed:
    """`StagedFiles` of which only rows about `affected` are read; whole where files were not compared as lines."""

    def __init__(self, staged: StagedFiles, lines: Lines, local: DuckdbEngine, affected: Path) -> None:
        self._staged, self._lines, self._local, self._affected = staged, lines, local, affected
        self._excerpts: dict[int, tuple[Path, int]] = {}
        self._tables: set[str] = set()

    def of(self, table: str) -> list[Staged]:
        return [self._narrow(each) for each in self._staged.of(table)]

    def place(self, staged: Staged) -> Path | str:
        if staged.excerpt is None:
            return self._staged.place(staged)
        name = f"_excerpt_{staged.file.id}"
        if name not in self._tables:
            self._lines.stage(staged.file, self._excerpts[staged.file.id][0], name)
            self._tables.add(name)
        return name

    def let_go(self) -> None:
        """Before a mapping: what others have read makes room."""
        while self._tables:
            self._local.drop(self._tables.pop())

    def _narrow(self, staged: Staged) -> Staged:
        file = staged.file
        if not self._lines.has(file.table):
            return staged
        if file.id not in self._excerpts:
            self._excerpts[file.id] = self._lines.excerpt(file, self._affected)
        return Staged(file, staged.rows, staged.unreadable, self._excerpts[file.id][1])
