"""Delivered Parquet files, read by a process of their own (`parquet_child`), by intake and by a build alike: one that ends it is
refused, and stops nobody else.
"""

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Final

import msgspec
import pyarrow

from nexus.kernel.anywhere import BLOCK_BYTES
from nexus.kernel.apart import LENGTH_BYTES
from nexus.warehouse.intake.agreement import Table
from nexus.warehouse.intake.batches import Batch
from nexus.warehouse.intake.csv_rows import HeaderError
from nexus.warehouse.intake.parquet_child import BATCH_BYTES, Asked
from nexus.warehouse.intake.parquet_rows import Readable, unreadable
from nexus.warehouse.intake.report import Fault, FaultyError, Problem, faulty

MAX_MESSAGE_BYTES: Final = 8 * BATCH_BYTES
"""A single row may have more than `BATCH_BYTES`."""


def batches(file: Readable, table: Table, names: Sequence[str] | None = None) -> Iterator[Batch]:
    """Rows of a Parquet file, of some columns or of all; a line is the number of a row. Blocks.

    Raises FaultyError, and what the file raises.
    """
    size = file.seek(0, io.SEEK_END)
    wanted = tuple(column.name for column in table.columns if names is None or column.name in names)
    schema = pyarrow.schema([(name, pyarrow.string()) for name in wanted])
    with _started(size) as process:
        try:
            reading = _Reading(process, file, size)
            reading.give(msgspec.json.encode(Asked(table, wanted)))
            first = 1
            for body in reading.rows():
                batch = _looked_at(body, schema)
                yield Batch(range(first, first + batch.num_rows), dict(zip(schema.names, batch.columns, strict=True)))
                first += batch.num_rows
        finally:
            process.kill()


def _started(size: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "nexus.warehouse.intake.parquet_child", str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what a library says in its last moment may quote the file
        env={},  # a setting of the platform is none of its business
    )


def _looked_at(body: bytes, schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    """Rows as the process told them, which a file may have taken over: they are of the agreed columns, and whole."""
    try:
        batch = pyarrow.ipc.read_record_batch(pyarrow.py_buffer(body), schema)
        batch.validate(full=True)
    except (pyarrow.ArrowException, OSError, ValueError):
        raise unreadable() from None
    return batch


class _Reading:
    """What the process says, and what it is given."""

    def __init__(self, process: "subprocess.Popen[bytes]", file: Readable, size: int) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._asked: IO[bytes] = process.stdin
        self._told: IO[bytes] = process.stdout
        self._file = file
        self._size = size

    def give(self, body: bytes) -> None:
        """Answer it. That it is gone is heard from its next message."""
        try:
            self._asked.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
            self._asked.flush()
        except BrokenPipeError:
            pass

    def rows(self) -> Iterator[bytes]:
        """Record batches, in order; blocks that are asked for meanwhile are given. Raises FaultyError."""
        while True:
            kind, body = self._message()
            if kind == b"R":
                yield body
            elif kind == b"B":
                self.give(self._block(int.from_bytes(body, "big")))
            elif kind == b"D":
                return
            else:
                raise _refusal(kind, body)

    def _message(self) -> tuple[bytes, bytes]:
        head = self._exactly(1 + LENGTH_BYTES)
        length = int.from_bytes(head[1:], "big")
        if length > MAX_MESSAGE_BYTES:
            raise faulty(Fault.TOO_LARGE, f"a row has more than {MAX_MESSAGE_BYTES >> 20} MiB")
        return head[:1], self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        body = self._told.read(count)
        if len(body) < count:
            raise unreadable()
        return body

    def _block(self, number: int) -> bytes:
        first = number * BLOCK_BYTES
        if not 0 <= first < self._size:
            raise unreadable()
        self._file.seek(first)
        return self._file.read(min(BLOCK_BYTES, self._size - first))


def _refusal(kind: bytes, body: bytes) -> FaultyError:
    try:
        if kind == b"H":
            return HeaderError(msgspec.json.decode(body, type=list[Problem]))
        if kind == b"E":
            return FaultyError(msgspec.json.decode(body, type=Problem))
    except (msgspec.MsgspecError, IndexError):
        pass
    return unreadable()
