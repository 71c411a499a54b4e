"""Parquet files with flat columns, read and written a bounded piece at a time.

What is written holds the values of the rows and nothing else of the file that was read: no key-value metadata, no statistics, no
value of a dictionary that no row uses, no index, no Bloom filter. Columns keep their Parquet types.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds

from nexus.kernel.errors import Invalid

MAX_FOOTER_BYTES: Final = 64 << 20
MAX_COLUMNS: Final = 2_000
MAX_ROWS: Final = 500_000_000
"""Of a file: a few bytes can say that a value is repeated without end."""
MAX_CHUNK_BYTES: Final = 1 << 30
"""Of one column in one row group, unpacked, as the file says it."""
MAX_VALUE_BYTES: Final = 1 << 20
MAX_BATCH_BYTES: Final = 256 << 20
"""Of the rows that are held at a time, unpacked: the values of a dictionary count as often as they are used."""
GROUP_BYTES: Final = 32 << 20
"""Gathered before a row group is written."""
GROUP_ROWS: Final = 122_880
_BUFFER_BYTES: Final = 1 << 20

_TEXTS: Final = (kinds.is_string, kinds.is_large_string)
_BYTES: Final = (kinds.is_binary, kinds.is_large_binary)
_KEPT: Final = (
    kinds.is_null,
    kinds.is_boolean,
    kinds.is_integer,
    kinds.is_floating,
    kinds.is_decimal128,
    kinds.is_decimal256,
    kinds.is_date,
    kinds.is_time,
    kinds.is_timestamp,
    kinds.is_fixed_size_binary,
)


class FlatTable:
    """A file that was looked at and may be read. `schema`: its columns as they are given."""

    def __init__(self, file: io.RawIOBase) -> None:
        """Raises Invalid: broken, encrypted, nested, or more than is read here."""
        try:
            first = pq.ParquetFile(file, pre_buffer=False, thrift_container_size_limit=MAX_FOOTER_BYTES)
            self.schema = _flat(first.schema_arrow, first.metadata)
            _bound(first.metadata)
            # a text that a dictionary repeats stays one text until its size is known
            coded = [field.name for field in self.schema if _is_any(field.type, (*_TEXTS, *_BYTES))]
            self._file = pq.ParquetFile(
                file, metadata=first.metadata, read_dictionary=coded, pre_buffer=False, buffer_size=_BUFFER_BYTES
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise broken() from error

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Its rows in order, so many at a time, with the columns of `schema`. Raises Invalid."""
        try:
            for batch in self._file.iter_batches(batch_size=rows, use_threads=False):
                yield self._given(batch)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise broken() from error

    def _given(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        left = MAX_BATCH_BYTES
        columns = []
        for column, field in zip(batch.columns, self.schema, strict=True):
            left -= _unpacked(column)
            if left < 0:
                raise _too_large(f"{batch.num_rows:,} rows have more than {MAX_BATCH_BYTES >> 20} MiB")
            columns.append(column if column.type == field.type else column.cast(field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


class Written:
    """A Parquet file that is made piece by piece. Whatever metadata the schema carries stays out of it."""

    def __init__(self, schema: pa.Schema) -> None:
        self._sink = _Sink()
        self._schema = pa.schema([pa.field(field.name, field.type, field.nullable) for field in schema])
        self._writer = pq.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._gathered: list[pa.RecordBatch] = []

    def add(self, columns: Sequence[pa.Array]) -> bytes:
        """What can be handed over once these rows are there; often nothing yet."""
        self._gathered.append(pa.RecordBatch.from_arrays(list(columns), schema=self._schema))
        rows = sum(each.num_rows for each in self._gathered)
        if rows >= GROUP_ROWS or sum(each.nbytes for each in self._gathered) >= GROUP_BYTES:
            self._write()
        return self._sink.taken()

    def end(self) -> bytes:
        """The rest of the file."""
        if self._gathered:
            self._write()
        self._writer.close()
        return self._sink.taken()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._gathered, self._schema), row_group_size=GROUP_ROWS)
        self._gathered = []


class _Sink(io.RawIOBase):
    """Takes bytes and keeps them until they are handed over."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._before = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._before + len(self._held)

    def write(self, piece: Any) -> int:
        self._held += piece
        return len(piece)

    def taken(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        self._before += len(held)
        return held


def _flat(found: pa.Schema, metadata: Any) -> pa.Schema:
    """The columns as they are kept. Raises Invalid without the name of a column: it is a text of the file."""
    if metadata.num_columns > MAX_COLUMNS:
        raise _too_large(f"there are more than {MAX_COLUMNS:,} columns")
    if len(set(found.names)) < len(found.names):
        raise Invalid("two columns of this file have one name", code="pseudonyms.column")
    fields = []
    for place, field in enumerate(found, 1):
        kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
        if kinds.is_nested(kind):
            raise Invalid(
                f"column {place} is nested",
                code="pseudonyms.nested",
                hint="have lists and structures written as tables of their own: one value in each field",
            )
        if _is_any(kind, _TEXTS):
            kind = pa.string()
        elif _is_any(kind, _BYTES):
            kind = pa.binary()
        elif not _is_any(kind, _KEPT) or (kinds.is_fixed_size_binary(kind) and kind.byte_width > MAX_VALUE_BYTES):
            raise Invalid(
                f"column {place} has a type that is not kept",
                code="pseudonyms.column-type",
                hint="text, bytes, numbers, booleans, days, times and moments are",
            )
        fields.append(pa.field(field.name, kind, field.nullable))
    return pa.schema(fields)


def _bound(metadata: Any) -> None:
    if metadata.num_rows > MAX_ROWS:
        raise _too_large(f"there are more than {MAX_ROWS:,} rows")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if any(group.column(place).total_uncompressed_size > MAX_CHUNK_BYTES for place in range(group.num_columns)):
            raise _too_large(f"a row group has more than {MAX_CHUNK_BYTES >> 20} MiB of one column")


def _unpacked(column: pa.Array) -> int:
    """Bytes that a column takes once every row has its own value. Raises Invalid on a value that is too long."""
    if not kinds.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    if (pc.max(lengths).as_py() or 0) > MAX_VALUE_BYTES:
        raise _too_large(f"a value has more than {MAX_VALUE_BYTES >> 20} MiB")
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def _is_any(kind: pa.DataType, those: Sequence[Any]) -> bool:
    return any(is_one(kind) for is_one in those)


def broken() -> Invalid:
    """What a file is that cannot be read, for one reason or another."""
    return Invalid(
        "this is no Parquet file, or it is broken, encrypted by a key of its own, or more than can be read",
        code="pseudonyms.file",
        hint="write it again in smaller row groups, without Parquet's encryption: the store encrypts whatever it keeps",
    )


def _too_large(what: str) -> Invalid:
    return Invalid(f"this Parquet file is too large: {what}", code="pseudonyms.file", hint="write smaller row groups")
