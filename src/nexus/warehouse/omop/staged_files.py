"""Staged files, made when they are first asked for: most are read by one mapping, so that few need a place on disk."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nexus.warehouse.omop.delivery import Delivered, shape
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.slices import Staged
from nexus.warehouse.omop.staging import stage
from nexus.warehouse.omop.steps import Steps

KEPT: Final = 1 << 30
"""Bytes of files that are kept as tables of the engine, between mappings. A file that is larger lies on disk, as Parquet."""
PACKED: Final = 8
"""How often smaller a packed file is, about."""


class StagedFiles:
    """The files of a delivery. `keeps`: whether what maps is the engine that stages, which can keep tables then."""

    def __init__(
        self,
        engine: DuckdbEngine,
        files: Sequence[Delivered],
        folder: Path,
        steps: Steps,
        *,
        encoding: str,
        keeps: bool,
        progress: Callable[[str], None],
    ) -> None:
        self._engine, self._files, self._folder, self._steps = engine, files, folder, steps
        self._encoding, self._keeps, self._progress = encoding, keeps, progress
        self._kept: dict[int, int] = {}

    def check(self) -> None:
        """Raises Invalid, with file and line, on the first header that is not its table's: before anything is read."""
        for file in self._files:
            if file.form == "csv":
                shape(file, self._encoding)

    def all(self) -> list[Staged]:
        """Every file, counted."""
        return [self._counted(file) for file in self._files]

    def of(self, table: str) -> list[Staged]:
        return [self._counted(file) for file in self.files(table)]

    def files(self, table: str) -> list[Delivered]:
        """The files of a table, before anything of them is read."""
        return [file for file in self._files if file.table.name == table]

    def plain(self, file: Delivered) -> bool:
        """Whether each row of a file is one line, behind its header. It has been staged."""
        return bool(self._steps.counted(_step(file))["plain"])

    def read_as_lines(self, file: Delivered, rows: int) -> None:
        """A file was read without being staged, and is plain."""
        if self._steps.counted(_step(file)) is None:
            self._steps.done(_step(file), {"rows": rows, "unreadable": [], "plain": True})

    def place(self, staged: Staged) -> Path | str:
        return self._place(staged.file)

    def let_go(self) -> None:
        """Before a mapping: what was used longest ago makes room."""
        total = sum(self._kept.values())
        for number in tuple(self._kept):
            if total > KEPT:
                total -= self._kept.pop(number)
                self._engine.drop(_name(number))

    def _counted(self, file: Delivered) -> Staged:
        counted = self._steps.counted(_step(file))
        if counted is None:
            self._place(file)
            counted = self._steps.counted(_step(file))
        return Staged(file, counted["rows"], tuple(counted["unreadable"]))

    def _place(self, file: Delivered) -> Path | str:
        size = file.bytes * (PACKED if file.path.suffix.lower() in (".gz", ".parquet") else 1)
        if self._keeps and size <= KEPT and file.form != "fhir":
            if file.id not in self._kept:
                self._stage(file, _name(file.id))
            self._kept[file.id] = self._kept.pop(file.id, size)
            return _name(file.id)
        path = self._folder / file.table.name / f"{file.id}.parquet"
        if not path.exists() or self._steps.counted(_step(file)) is None:
            self._stage(file, path)
        return path

    def _stage(self, file: Delivered, place: Path | str) -> None:
        self._progress(f"read {file.name}")
        self._steps.done(_step(file), stage(self._engine, file, place, self._encoding)._asdict())


def _step(file: Delivered) -> str:
    return f"staged-{file.id}"


def _name(number: int) -> str:
    return f"_staged_{number}"
