"""Writing a recording, so that the log is never more than one chunk behind what happened.

Each chunk, in this order: sealed, appended to the file, flushed to the disk, and then entered in the audit log with its
digest and the chain up to it. Whoever records stops listening to both sides until that entry is durable; if it cannot be
written, `write` raises and the session must end.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nexus.bastion import chunks, store
from nexus.bastion.model import CHUNK_BYTES, MAX_RECORDING_BYTES, RECORD, ShellSession, session_resource
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NexusError, Unavailable
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret


class RecordingFull(NexusError):
    """The recording has reached its longest length."""

    kind = "conflict"


class Recording:
    """The recording of one session."""

    def __init__(
        self,
        folder: Path,
        session_id: str,
        key: Secret,
        database: Database,
        operation: Callable[[], Operation],
        *,
        max_bytes: int = MAX_RECORDING_BYTES,
    ) -> None:
        """`operation`: makes the operation under which the platform enters each chunk in the log."""
        self._session_id = session_id
        self._key = key
        self._database = database
        self._operation = operation
        self._max_bytes = max_bytes
        self._path = chunks.path_of(folder, session_id)
        self._descriptor = -1
        self._chain = chunks.chain_start(session_id)
        self._pending = bytearray()
        self.count = 0
        self.size = 0

    @property
    def chain(self) -> str:
        """The chain up to the last chunk."""
        return self._chain.hex()

    async def begin(self, header: bytes) -> None:
        """Create the file and write the first chunk. Raises Unavailable, and what the log raises."""
        try:
            self._descriptor = await asyncio.to_thread(self._create)
        except OSError as error:
            raise _disk(error) from error
        await self.write(header)

    async def write(self, content: bytes) -> None:
        """Seal, store and enter whole lines, after what an attempt that failed has left over.

        Raises RecordingFull, Unavailable, and what the log raises.
        """
        self._pending += content
        while self._pending:
            cut = len(self._pending)
            if cut > CHUNK_BYTES:
                cut = self._pending.rindex(b"\n", 0, CHUNK_BYTES) + 1
            await self._write_chunk(bytes(self._pending[:cut]))
            del self._pending[:cut]
        if self.size > self._max_bytes:
            raise RecordingFull("the recording is full", code="bastion.recording-full")

    def close(self) -> None:
        """Let go of the file and forget the key."""
        self._key.wipe()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def _write_chunk(self, content: bytes) -> None:
        number = self.count
        sealed = chunks.seal(self._key.reveal(), self._session_id, number, content)
        digest = chunks.digest_of(sealed)
        length = len(chunks.MAGIC) + self.size + number * chunks.FRAME_BYTES
        try:
            await asyncio.to_thread(self._append, chunks.framed(sealed), length)
        except OSError as error:
            raise _disk(error) from error
        chain = chunks.chain_next(self._chain, digest)
        size = self.size + len(sealed)
        entry = self._operation().allowed(
            RECORD,
            session_resource(self._session_id),
            number=number,
            size=len(sealed),
            sha256=digest.hex(),
            chain=chain.hex(),
        )

        def work(tx: Transaction) -> Recorded[None]:
            store.count_chunk(tx, self._session_id, number + 1, size)
            return Recorded(None, entry)

        await self._database.write(work)
        self._chain, self.count, self.size = chain, number + 1, size

    def _create(self) -> int:
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        os.write(descriptor, chunks.MAGIC)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return descriptor

    def _append(self, framed: bytes, length: int) -> None:
        """Behind `length` bytes: what an attempt that failed has left beyond them goes."""
        os.ftruncate(self._descriptor, length)
        rest = memoryview(framed)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fdatasync(self._descriptor)


def trim(folder: Path, session: ShellSession) -> None:
    """Take away what a bastion that died wrote beyond the last chunk in the log: it was never acknowledged."""
    path = chunks.path_of(folder, session.id)
    length = len(chunks.MAGIC) + session.size + session.chunks * chunks.FRAME_BYTES
    with suppress(FileNotFoundError):
        if path.stat().st_size > length:
            os.truncate(path, length)


def _disk(error: OSError) -> Unavailable:
    return Unavailable(f"the recording could not be written: {error.strerror}", code="bastion.recording-disk")
