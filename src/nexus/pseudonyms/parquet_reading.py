"""Parquet files read by a process of their own (`parquet_child`): one that ends it refuses the file, and stops nobody else."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
import pyarrow as pa

from nexus.kernel.anywhere import BLOCK_BYTES
from nexus.kernel.apart import LENGTH_BYTES
from nexus.kernel.errors import Invalid
from nexus.pseudonyms.flat_tables import MAX_BATCH_BYTES, broken
from nexus.pseudonyms.ports import Body

MAX_MESSAGE_BYTES: Final = 2 * MAX_BATCH_BYTES
_PIPE_BYTES: Final = 1 << 20


class ReadApart:
    """A file that is being read. `schema`: its columns."""

    def __init__(self, process: Process, source: Body) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._asked, self._told = process.stdin, process.stdout
        self._source = source
        self.schema = pa.schema([])

    async def open(self) -> None:
        """Wait until its columns are known. Raises Invalid, and what the store raises."""
        kind, body = await self._next()
        if kind != b"S":
            raise broken()
        try:
            self.schema = pa.ipc.read_schema(pa.py_buffer(body))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise broken() from error

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Its rows, in order. Raises Invalid, and what the store raises."""
        while True:
            kind, body = await self._next()
            if kind == b"D":
                return
            if kind != b"R":
                raise broken()
            batch = await asyncio.to_thread(self._looked_at, body)
            if batch.num_rows:
                yield batch

    def _looked_at(self, body: bytes) -> pa.RecordBatch:
        try:
            batch = pa.ipc.read_record_batch(pa.py_buffer(body), self.schema)
            batch.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise broken() from error
        return batch

    async def _next(self) -> tuple[bytes, bytes]:
        """The next message that is about the table; blocks that are asked for meanwhile are given."""
        while True:
            try:
                kind, body = await self._message()
            except (asyncio.IncompleteReadError, ConnectionError):
                raise broken() from None
            if kind == b"E":
                code, message, hint = msgspec.json.decode(body, type=tuple[str, str, str])
                raise Invalid(message, code=code, hint=hint)
            if kind != b"B":
                return kind, body
            block = await self._block(int.from_bytes(body, "big"))
            with suppress(ConnectionError):  # it is gone: the next message says so
                self._asked.write(len(block).to_bytes(LENGTH_BYTES, "big") + block)
                await self._asked.drain()

    async def _message(self) -> tuple[bytes, bytes]:
        head = await self._told.readexactly(1 + LENGTH_BYTES)
        length = int.from_bytes(head[1:], "big")
        if length > MAX_MESSAGE_BYTES:
            raise broken()
        return head[:1], await self._told.readexactly(length)

    async def _block(self, number: int) -> bytes:
        first = number * BLOCK_BYTES
        if not 0 <= first < self._source.size:
            raise broken()
        return await self._source.part(first, min(BLOCK_BYTES, self._source.size - first))


@asynccontextmanager
async def read_apart(source: Body, rows: int) -> AsyncIterator[ReadApart]:
    """A Parquet file, so many rows at a time; its process ends with the block. Raises Invalid, and what the store raises."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "nexus.pseudonyms.parquet_child", str(source.size), str(rows)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,  # what a library says in its last moment may quote the file
        limit=_PIPE_BYTES,
        env={},  # a setting of the platform is none of its business
    )
    try:
        read = ReadApart(process, source)
        await read.open()
        yield read
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
