"""The process that reads one Parquet file and dies: `python -m nexus.pseudonyms.parquet_child SIZE ROWS`, asked on its pipes.

Arrow is large, and there are files that make it end the process it runs in, or take all memory: so it reads apart (`kernel.apart`).
It says:

    S  the columns, as an Arrow schema          once, first
    R  some rows, as an Arrow record batch      in order
    E  why it goes no further: code, message, hint (a JSON list)
    D  that was all
"""

import sys

import msgspec

from nexus.kernel.apart import Apart
from nexus.kernel.errors import Invalid


def main() -> None:
    """Read what stands on the other end, as the arguments say it: bytes of the file, rows at a time."""
    size, rows = map(int, sys.argv[1:3])
    apart = Apart()
    from nexus.pseudonyms.flat_tables import FlatTable

    try:
        table = FlatTable(apart.file(size))
        apart.tell(b"S", memoryview(table.schema.serialize()))
        for batch in table.batches(rows):
            apart.tell(b"R", memoryview(batch.serialize()))
        apart.tell(b"D")
    except Invalid as error:
        apart.tell(b"E", msgspec.json.encode([error.code, error.message, error.hint]))


if __name__ == "__main__":
    main()
