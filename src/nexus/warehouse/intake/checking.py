"""The check of one file: from its bytes to a report. Blocks; memory is bounded by a batch.

1. The bytes are those that the manifest names: size and SHA-256, of all of them, whatever else is wrong.
2. They unpack to what a file may become (`unpacking`).
3. They are rows as agreed: encoding, separator, columns, types (`csv_rows`, `parquet_apart`, `fhir_rows`).
4. Their values are of their columns' types and make sense in time (`values`).
5. Of changes: keys that are removed are keys of their tables, and none is told too (`removals`).
6. Nothing in undeclared columns says who a patient is (`scanner`).
7. There are as many rows as the manifest says.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from typing import Final, Protocol

import msgspec
import pyarrow
import pyarrow.compute as pc

from nexus.warehouse.intake import csv_rows, fhir_batches, fhir_rows, parquet_apart
from nexus.warehouse.intake.agreement import ColumnType, FileKind, Table
from nexus.warehouse.intake.batches import Batch
from nexus.warehouse.intake.csv_rows import HeaderError
from nexus.warehouse.intake.manifest import FileSaid
from nexus.warehouse.intake.parquet_rows import Readable
from nexus.warehouse.intake.removals import Removals
from nexus.warehouse.intake.report import Checked, Fault, FaultyError, FileReport, Problem, faulty
from nexus.warehouse.intake.scanner import patients
from nexus.warehouse.intake.scanner.scanning import Scanner
from nexus.warehouse.intake.unpacking import unpacked
from nexus.warehouse.intake.values import Values

Progress = Callable[[int], None]
"""Called with the bytes that were read since the last call; may raise to end the check."""

_SHORT: Final = "the file holds fewer bytes than the manifest says: the transfer stopped in the middle"
_OTHER: Final = "the file is not the one whose checksum the manifest gives: deliver it again"
_UNTYPED: Final = (ColumnType.TEXT, ColumnType.CODE, ColumnType.INTEGER)
"""Columns whose every value is scanned; of the others, those values that are not of the column's type."""


class Source(Protocol):
    """A delivered file, where it lies. The same bytes each time, or FaultyError `file-changed`."""

    def stream(self) -> Generator[bytes, None, None]:
        """All of it, in order. Whoever does not read to the end closes it."""

    @contextmanager
    def file(self) -> Iterator[Readable]:
        """It, to be read from anywhere."""


class _Seen:
    """Bytes as they go by: how many, and their SHA-256."""

    def __init__(self, chunks: Iterator[bytes], progress: Progress) -> None:
        self._chunks = chunks
        self._progress = progress
        self._digest = hashlib.sha256()
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.bytes += len(chunk)
            self._digest.update(chunk)
            self._progress(len(chunk))
            yield chunk

    def to_the_end(self) -> str:
        """Read what nobody has read, and give the SHA-256 of all."""
        for _ in self:
            pass
        return self._digest.hexdigest()


class _Content:
    """What is looked for in the rows of one file."""

    def __init__(self, said: FileSaid, table: Table, today: date, removals: Removals | None) -> None:
        self.removing = None if removals is None else removals.of(table)
        self.values = Values(said.name, table, today)
        self.scanner = Scanner(said.name, table.columns)
        self.rows = 0
        self._table = table

    def take(self, batches: Iterator[Batch]) -> None:
        """Look at every row of a table."""
        for batch in batches:
            self.rows += len(batch)
            if self.removing is not None:
                self.removing.look_at(batch)
            broken = self.values.look_at(batch)
            whose = patients.of_batch(self.scanner.declared, batch.columns, self._day)
            for column in self._table.columns:
                if column.identifier is None:
                    cells = batch.columns[column.name]
                    if column.type not in _UNTYPED:
                        cells = _where(cells, broken[column.name])
                    if cells.null_count < len(cells):
                        self.scanner.look_at(column.name, cells, batch.lines, whose)

    def take_resources(self, resources: Iterator[tuple[int, fhir_rows.Cells]]) -> None:
        """Look at every resource."""
        for batch in fhir_batches.batches(resources, self.scanner.declared):
            self.rows += batch.resources
            whose = patients.of_batch(self.scanner.declared, batch.declared, _iso_day)
            for path, column in batch.columns.items():
                rows = None if whose is None else whose.at(column.resource)
                self.scanner.look_at(path, column.values, column.lines, rows)

    def _day(self, text: str) -> date | None:
        try:
            return datetime.strptime(text.partition("T")[0], self._table.date_format).date()
        except ValueError:
            return None


def check(
    source: Source, said: FileSaid, table: Table, today: date, progress: Progress, *, removals: Removals | None = None
) -> Checked:
    """Everything that is wrong with a file, or nothing. Its stream is closed here, on the thread that read it.

    `removals`: of the delivery, if it holds changes.
    """
    with closing(source.stream()) as chunks:
        return _checked(source, _Seen(chunks, progress), said, table, _Content(said, table, today, removals))


def _checked(source: Source, seen: _Seen, said: FileSaid, table: Table, content: _Content) -> Checked:
    problems: list[Problem] = []
    try:
        if table.kind is FileKind.PARQUET:
            seen.to_the_end()
        _read(source, seen, said, table, content)
        if content.removing is not None:
            problems.extend(content.removing.problems())
        if content.rows != said.rows:
            hint = f"the manifest says {said.rows} rows, the file has {content.rows}"
            problems.append(Problem(fault=Fault.ROW_COUNT, hint=hint))
    except HeaderError as error:
        problems.extend(error.problems)
    except FaultyError as error:
        problems.append(error.problem)
    try:
        digest = seen.to_the_end()
    except FaultyError as error:
        problems.append(error.problem)
        digest = ""
    if seen.bytes < said.bytes:
        problems.insert(0, Problem(fault=Fault.TRUNCATED, hint=_SHORT))
    elif seen.bytes > said.bytes:
        problems.insert(0, Problem(fault=Fault.SIZE, hint="the file holds more bytes than the manifest says"))
    if digest != said.sha256:
        problems.insert(0, Problem(fault=Fault.CHECKSUM, hint=_OTHER))
    report = FileReport(
        name=said.name,
        table=table.name,
        bytes=seen.bytes,
        rows=content.rows,
        unusable=content.values.unusable,
        sha256=digest,
    )
    named = tuple(msgspec.structs.replace(problem, file=said.name) for problem in problems)
    return Checked(file=report, problems=named, findings=content.scanner.findings(), flags=content.values.flags())


def _read(source: Source, seen: _Seen, said: FileSaid, table: Table, content: _Content) -> None:
    if table.kind is FileKind.PARQUET:
        with source.file() as file:
            content.take(parquet_apart.batches(file, table))
        return
    if said.bytes == 0:
        raise faulty(Fault.EMPTY, "the file is empty; a table without rows still has its header")
    chunks = unpacked(iter(seen), said.compression)
    if table.kind is FileKind.CSV:
        content.take(csv_rows.batches(chunks, table))
    elif table.kind is FileKind.FHIR_NDJSON:
        content.take_resources(fhir_rows.ndjson(chunks, table))
    else:
        content.take_resources(fhir_rows.bundle(chunks, table))


def _where(values: pyarrow.Array, mask: pyarrow.Array) -> pyarrow.Array:
    """The values that a mask marks; null in the place of the others."""
    return pc.if_else(mask, values, None)


def _iso_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
