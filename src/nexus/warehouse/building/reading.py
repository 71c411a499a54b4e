"""Tables of an extract as they come from the store: batches of text, of those columns that somebody needs."""

import io
from collections.abc import Collection, Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from nexus.kernel.errors import Damaged
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.building.ports import Contents
from nexus.warehouse.intake import parquet_apart
from nexus.warehouse.intake.agreement import FileKind
from nexus.warehouse.intake.report import FaultyError

BLOCK_BYTES: Final = 8 << 20
"""Of a CSV file, parsed at once."""


def batches(contents: Contents, extract: Extract, file: File, wanted: Collection[str]) -> Iterator[pa.RecordBatch]:
    """Rows in order, each field text without blanks around it, or NULL; columns in lower case, those of `wanted` that there are.

    Raises Damaged if the file is not what intake accepted.
    """
    there = {column.name.lower(): column.name for column in file.agreed.columns}
    named = {name: there[name] for name in sorted(wanted) if name in there}
    read = _parquet if file.agreed.kind is FileKind.PARQUET else _separated
    try:
        for batch in read(contents, extract, file, list(named.values())):
            yield pa.RecordBatch.from_arrays([_clean(batch.column(name)) for name in named.values()], names=list(named))
    except (pa.ArrowInvalid, FaultyError) as error:
        raise Damaged(
            f"{file.said.name} of {extract.provider} is not what was accepted",
            code="building.file",
            hint="look at the object store: `nexus fsck --read`",
        ) from error


def _separated(contents: Contents, extract: Extract, file: File, names: list[str]) -> Iterator[pa.RecordBatch]:
    agreed = file.agreed
    text = dict.fromkeys((column.name for column in agreed.columns), pa.string())
    source = pa.PythonFile(_Stream(contents.stream(extract, file)), mode="r")
    reader = pyarrow.csv.open_csv(
        source,
        read_options=pyarrow.csv.ReadOptions(encoding=agreed.encoding.value, block_size=BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(delimiter=agreed.separator, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=text,
            include_columns=names,
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
        ),
    )
    yield from reader


def _parquet(contents: Contents, extract: Extract, file: File, names: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in parquet_apart.batches(contents.anywhere(extract, file), file.agreed, names):
        yield pa.RecordBatch.from_arrays([batch.columns[name] for name in names], names=names)


def _clean(column: Any) -> pa.Array:
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


class _Stream(io.RawIOBase):
    """Chunks as a file that is read forwards."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._held = memoryview(chunk)
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count
