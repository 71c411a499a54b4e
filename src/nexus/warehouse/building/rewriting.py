"""Rows of an extract with pseudonyms in the place of identifiers, written as Parquet: all that a build puts on a disk.

Of each file only the columns that the source's mappings read are written. A column that names a person holds her pseudonym, a
column that names a thing a keyed name; any other column that was agreed to identify is left empty, but for the date of birth.
The line of a record is still that of the delivery: rows keep their order, and those of resources say it, as do those of a file of
which later changes may have taken some.
"""

import hashlib
import hmac
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nexus.kernel.secret import Secret
from nexus.warehouse.building import fhir_reading
from nexus.warehouse.building.composing import EVERYTHING, Standing
from nexus.warehouse.building.form import TABULAR, Form, LeftOut, OfPerson, OfThing
from nexus.warehouse.building.identities import Naming, record_names
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.building.ports import Contents
from nexus.warehouse.intake.agreement import IdentifierKind
from nexus.warehouse.omop.delivery import MARK
from nexus.warehouse.omop.source import LINE, SourceTable

NAME_BYTES: Final = 16
_STRANGER: Final = "unknown person"
_REMOVED: Final = "removed"
LOST: Final = "lost"
"""Beside the tables of a file that changes may have taken rows from: how many, and which keys."""


class Lost(msgspec.Struct):
    """What changes took from a file. `removed`: keyed names of the keys that were there and are removed."""

    rows: int = 0
    removed: set[str] = msgspec.field(default_factory=set)


def lost(folder: Path) -> Lost:
    """What changes took from all files below a folder."""
    every = [msgspec.json.decode(path.read_bytes(), type=Lost) for path in sorted(folder.rglob(LOST))]
    return Lost(sum(each.rows for each in every), {name for each in every for name in each.removed})


class Rewriting:
    """The files of one extract."""

    def __init__(
        self, contents: Contents, extract: Extract, naming: Naming, key: Secret, *, standing: Standing = EVERYTHING
    ) -> None:
        """`key`: of the keyed names. `standing`: which rows changes have left."""
        self._contents = contents
        self._extract = extract
        self._naming = naming
        self._key = key
        self._standing = standing

    def write(self, file: File, into: Path, progress: Callable[[int], None]) -> None:
        """One file as a folder of its tables, whole or not at all. `progress` is told how many rows are behind it."""
        new = into.with_name(f".{into.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        tables = {table.name: table for table in file.of}
        lines = self._standing.may_lose(self._extract, file)
        lost = Lost()
        with ExitStack() as opened:
            writers = {
                table.name: opened.enter_context(
                    pq.ParquetWriter(
                        new / f"{_stem(file, table, self._extract.form)}.parquet",
                        _schema(table, lines=lines),
                        compression="zstd",
                    )
                )
                for table in file.of
            }
            rows = 0
            for found, count in self._read(file, lost):
                for name, batch in found.items():
                    writers[name].write_batch(self._rewritten(file, tables[name], batch))
                rows += count
                progress(rows)
        if lines:
            (new / LOST).write_bytes(msgspec.json.encode(lost))
        new.replace(into)

    def _read(self, file: File, lost: "Lost") -> Iterator[tuple[Mapping[str, pa.RecordBatch], int]]:
        """Rows by table, and how many of the file's are behind with them."""
        if file.agreed.kind not in TABULAR:
            yield from fhir_reading.batches(self._contents, self._extract, file)
            return
        (table,) = file.of
        for rows in self._standing.rows(self._contents, self._extract, file, self._wanted(table)):
            lost.rows += rows.read - rows.batch.num_rows
            lost.removed |= {self._name(_REMOVED, "\x1f".join((*of, key))) for of, key in rows.gone}
            yield {table.name: rows.batch}, rows.read

    def _wanted(self, table: SourceTable) -> set[str]:
        cells = (self._extract.form.cells.get((table.name, column)) for column in table.every_column)
        by = {name for cell in cells if isinstance(cell, OfPerson) for name in cell.by}
        return {*table.every_column, *by} - {MARK}

    def _rewritten(self, file: File, table: SourceTable, batch: pa.RecordBatch) -> pa.RecordBatch:
        identifying = {
            column.name.lower()
            for column in file.agreed.columns
            if column.identifier not in (None, IdentifierKind.BIRTH_DATE)
        }
        cells = self._extract.form.cells
        nobody, schema = self._nobodies(table, batch), _schema(table, lines=LINE in batch.schema.names)
        made = []
        for name in schema.names:
            cell = cells.get((table.name, name))
            if name not in batch.schema.names or isinstance(cell, LeftOut) or (cell is None and name in identifying):
                made.append(pa.nulls(batch.num_rows, pa.string()))
            elif isinstance(cell, OfPerson):
                made.append(self._persons(batch, cell))
            elif isinstance(cell, OfThing):
                named = _mapped(batch.column(name), partial(self._name, cell.kind))
                made.append(named if nobody is None else _without(named, nobody))
            else:
                made.append(batch.column(name))
        return pa.RecordBatch.from_arrays(made, schema=schema)

    def _nobodies(self, table: SourceTable, batch: pa.RecordBatch) -> pa.Array | None:
        """Of a table of persons: which rows are about somebody who has no pseudonym."""
        form = self._extract.form
        if table.name != form.people:
            return None
        return pa.array([name not in self._naming.pseudonyms for name in record_names(batch, form.record).to_pylist()])

    def _persons(self, batch: pa.RecordBatch, cell: OfPerson) -> pa.Array:
        return _mapped(record_names(batch, cell.by), self._person)

    def _person(self, text: str) -> str | None:
        """A pseudonym; nothing for a number that two people have; a keyed name for one that nobody has."""
        if text in self._naming.pseudonyms:
            return self._naming.pseudonyms[text]
        return None if not text or text in self._naming.known else self._name(_STRANGER, text)

    def _name(self, kind: str, text: str) -> str:
        """What a thing of a provider is called here: 128 bits of a keyed hash."""
        told = "\x1f".join((self._extract.provider, kind, text))
        return hmac.digest(self._key.reveal(), told.encode(), hashlib.sha256)[:NAME_BYTES].hex()


def _schema(table: SourceTable, *, lines: bool) -> pa.Schema:
    """What is written of a table. `lines`: its rows say theirs, which is not their place; those of a resource always do."""
    last = [(LINE, pa.int64())] if lines or table.resource else []
    return pa.schema([*((name, pa.string()) for name in table.every_column if name != MARK), *last])


def _stem(file: File, table: SourceTable, form: Form) -> str:
    """What a table's file is called: the agreed name says what stands in the place of MARK."""
    return table.name if table.resource else form.prefix + file.agreed.name


def _mapped(column: Any, rule: Callable[[str], str | None]) -> pa.Array:
    """A column with other values in the place of each; asked once for each value."""
    coded = column.dictionary_encode()
    values = pa.array([None if value is None else rule(value) for value in coded.dictionary.to_pylist()], pa.string())
    return values.take(coded.indices)


def _without(column: pa.Array, rows: pa.Array) -> pa.Array:
    return pc.if_else(rows, pa.scalar(None, pa.string()), column)
