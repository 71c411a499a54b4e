"""Parquet with agreed columns. It is read in pieces from where it lies: its description stands at its end.

There are files that make Arrow end the process it runs in: nothing but `parquet_child` reads what somebody delivered.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet
import pyarrow.types as kinds

from nexus.warehouse.intake.agreement import ColumnType, Table
from nexus.warehouse.intake.batches import ROWS, Batch
from nexus.warehouse.intake.csv_rows import HeaderError, compared
from nexus.warehouse.intake.report import Fault, FaultyError, Problem, faulty

MAX_ROW_GROUP_BYTES: Final = 1 << 30
"""Of one column in one row group, unpacked: what is held in memory at a time."""
MAX_VALUE_BYTES: Final = 1 << 20
MAX_FOOTER_BYTES: Final = 64 << 20

_FITS: Final = {
    ColumnType.TEXT: (kinds.is_string, kinds.is_large_string),
    ColumnType.CODE: (kinds.is_string, kinds.is_large_string, kinds.is_integer),
    ColumnType.INTEGER: (kinds.is_integer,),
    ColumnType.DECIMAL: (kinds.is_floating, kinds.is_decimal, kinds.is_integer),
    ColumnType.DATE: (kinds.is_date,),
    ColumnType.TIMESTAMP: (kinds.is_timestamp,),
    ColumnType.BOOLEAN: (kinds.is_boolean,),
}


class Readable(Protocol):
    """A file that can be read from anywhere in it."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


def batches(file: Readable, table: Table, names: Sequence[str] | None = None) -> Iterator[Batch]:
    """Rows of a Parquet file, of some columns or of all; a line is the number of a row. Raises FaultyError."""
    try:
        texts = [column.name for column in table.columns if column.type in (ColumnType.TEXT, ColumnType.CODE)]
        with pyarrow.parquet.ParquetFile(
            file, read_dictionary=texts, pre_buffer=False, thrift_container_size_limit=MAX_FOOTER_BYTES
        ) as opened:
            _require(opened, table)
            first = 1
            for batch in opened.iter_batches(batch_size=ROWS, columns=names, use_threads=False):
                if len(batch):
                    columns = {
                        name: _texts(values) for name, values in zip(batch.schema.names, batch.columns, strict=True)
                    }
                    yield Batch(range(first, first + len(batch)), columns)
                first += len(batch)
    except (pyarrow.ArrowException, OSError, ValueError):
        raise unreadable() from None


def unreadable() -> FaultyError:
    """The refusal of a file that is none, or broken, or made to do harm."""
    return faulty(Fault.UNREADABLE, "this is no Parquet file, or it is broken: write it again")


def _require(opened: pyarrow.parquet.ParquetFile, table: Table) -> None:
    found = opened.schema_arrow
    problems = list(compared(found.names, [column.name for column in table.columns]))
    for column in table.columns:
        if column.name in found.names and not _fits(column.type, found.field(column.name).type):
            hint = f"agreed is {column.type.value}; the file's type is another one"
            problems.append(Problem(fault=Fault.COLUMN_TYPE, column=column.name, hint=hint))
    if problems:
        raise HeaderError(problems)
    for group in range(opened.metadata.num_row_groups):
        described = opened.metadata.row_group(group)
        for each in map(described.column, range(described.num_columns)):
            if each.total_uncompressed_size > MAX_ROW_GROUP_BYTES:
                hint = f"a row group has more than {MAX_ROW_GROUP_BYTES >> 20} MiB of one column: write smaller ones"
                raise faulty(Fault.TOO_LARGE, hint, column=each.path_in_schema)


def _fits(agreed: ColumnType, found: Any) -> bool:
    if kinds.is_dictionary(found):
        found = found.value_type
    return any(fits(found) for fits in _FITS[agreed])


def _texts(values: pyarrow.Array) -> pyarrow.Array:
    """Values as text, null where they are empty. Days and moments as ISO 8601 writes them."""
    if kinds.is_dictionary(values.type):
        longest = pc.max(pc.binary_length(values.dictionary)).as_py() or 0
        if longest > MAX_VALUE_BYTES:
            raise faulty(Fault.TOO_LARGE, f"a value has more than {MAX_VALUE_BYTES >> 20} MiB")
        values = values.dictionary_decode()
    if kinds.is_timestamp(values.type):
        values = pc.strftime(values, format="%Y-%m-%dT%H:%M:%S")
    texts = values.cast(pyarrow.string())
    return pc.if_else(pc.equal(texts, ""), None, texts)
