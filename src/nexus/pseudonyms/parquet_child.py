"""The process that reads one Parquet file and dies: `python -m nexus.pseudonyms.parquet_child SIZE ROWS`, asked on its pipes.

Arrow is large, and there are files that make it end the process it runs in, or take all memory. So it reads in a process of its own,
within limits, which holds no secret, no database and no socket; what it hands over is looked at again by who asked.

A message is a letter, a length in eight bytes (big endian), and so many bytes:

    B  the number of a block (8 bytes); answered on its input with a length in eight bytes and the block
    S  the columns, as an Arrow schema          once, first
    R  some rows, as an Arrow record batch      in order
    E  why it goes no further: code, message, hint (a JSON list)
    D  that was all
"""

import os
import resource
import sys
from typing import BinaryIO, Final

import msgspec

from nexus.kernel.anywhere import Anywhere
from nexus.kernel.errors import Invalid

LENGTH_BYTES: Final = 8
MEMORY_BYTES: Final = 2 << 30
"""What it can allocate."""
CPU_S: Final = 3_600


def main() -> None:
    """Read what stands on the other end, as the arguments say it: bytes of the file, rows at a time."""
    size, rows = map(int, sys.argv[1:3])
    asked, told = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing that a library prints is a message
    _limited()
    from nexus.pseudonyms.flat_tables import FlatTable

    try:
        table = FlatTable(Anywhere(size, lambda number: _block(asked, told, number)))
        _tell(told, b"S", table.schema.serialize())
        for batch in table.batches(rows):
            _tell(told, b"R", batch.serialize())
        _tell(told, b"D", b"")
    except Invalid as error:
        _tell(told, b"E", msgspec.json.encode([error.code, error.message, error.hint]))


def _limited() -> None:
    """No memory dump, no file, bounded memory and time."""
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
    ):
        resource.setrlimit(limit, (value, value))


def _block(asked: BinaryIO, told: BinaryIO, number: int) -> bytes:
    _tell(told, b"B", number.to_bytes(LENGTH_BYTES, "big"))
    length = int.from_bytes(asked.read(LENGTH_BYTES), "big")
    block = asked.read(length)
    if len(block) < length or not length:
        raise SystemExit(1)  # whoever asked is gone
    return block


def _tell(told: BinaryIO, kind: bytes, body: object) -> None:
    view = memoryview(body)  # type: ignore[arg-type]
    told.write(kind + len(view).to_bytes(LENGTH_BYTES, "big"))
    told.write(view)
    told.flush()


if __name__ == "__main__":
    main()
