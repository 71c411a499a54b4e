"""The process that reads one delivered Parquet file and dies: `python -m nexus.warehouse.intake.parquet_child SIZE`, apart
(`kernel.apart`), because there are files that make Arrow end the process it runs in. It is given what is wanted (`Asked`, JSON) and says:

    R  some rows as text, as an Arrow record batch     in order; columns in the order that was asked
    H  what is wrong with the columns: problems        a JSON list
    E  why it goes no further: a problem               JSON
    D  that was all
"""

import sys
from collections.abc import Iterator
from typing import Final

import msgspec
import pyarrow

from nexus.kernel.apart import Apart
from nexus.warehouse.intake.agreement import Table

BATCH_BYTES: Final = 64 << 20
"""Of the rows that are told together, unless one row alone has more."""


class Asked(msgspec.Struct, frozen=True):
    """The agreed table, and those of its columns that are read."""

    table: Table
    names: tuple[str, ...]


def main() -> None:
    """Read what stands on the other end; the argument says how many bytes it has."""
    apart = Apart()
    asked = msgspec.json.decode(apart.given(), type=Asked)
    names = list(asked.names)
    from nexus.warehouse.intake import parquet_rows
    from nexus.warehouse.intake.csv_rows import HeaderError
    from nexus.warehouse.intake.report import FaultyError

    try:
        for batch in parquet_rows.batches(apart.file(int(sys.argv[1])), asked.table, names):
            told = pyarrow.RecordBatch.from_arrays([batch.columns[name] for name in names], names)
            for piece in pieces(told):
                apart.tell(b"R", memoryview(piece.serialize()))
        apart.tell(b"D")
    except HeaderError as error:
        apart.tell(b"H", msgspec.json.encode(error.problems))
    except FaultyError as error:
        apart.tell(b"E", msgspec.json.encode(error.problem))


def pieces(batch: pyarrow.RecordBatch) -> Iterator[pyarrow.RecordBatch]:
    """Rows that are told together."""
    if batch.nbytes <= BATCH_BYTES or batch.num_rows < 2:
        yield batch
        return
    half = batch.num_rows // 2
    yield from pieces(batch.slice(0, half))
    yield from pieces(batch.slice(half))


if __name__ == "__main__":
    main()
