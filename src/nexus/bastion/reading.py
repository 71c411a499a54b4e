"""Recordings, read: replayed, followed while they grow, and compared with the log."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from nexus.bastion import chunks
from nexus.bastion.model import ShellSession
from nexus.bastion.ports import LoggedChunk, LoggedSession
from nexus.bastion.requests import Excerpt, Fault, RecordingCheck
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.errors import Damaged
from nexus.kernel.secret import Secret

PAGE_CHUNKS: Final = 32
"""Chunks of one excerpt at most: 2 MiB."""
MAX_FAULTS: Final = 20


class Recordings:
    """The folder of recordings. Every method blocks: call it on a thread."""

    def __init__(self, folder: Path, opening_key: Callable[[], OpeningKey]) -> None:
        """`opening_key`: gives the audit log's private key; raises Sealed while it is not there."""
        self._folder = folder
        self._opening_key = opening_key

    def excerpt(self, session: ShellSession, after: int) -> Excerpt:
        """Lines from chunk `after` on, of those that the log has. Raises Damaged where a chunk is not what it was."""
        upto = min(session.chunks, after + PAGE_CHUNKS)
        sealed = list(islice(chunks.read(self._path(session), first=after), max(0, upto - after)))
        if after + len(sealed) < upto:
            raise Damaged("the recording is cut short", code="bastion.recording-cut")
        key = self._key(session)
        try:
            opened = [chunks.open_chunk(key.reveal(), session.id, after + at, chunk) for at, chunk in enumerate(sealed)]
        finally:
            key.wipe()
        reached = after + len(sealed)
        return Excerpt(
            cast=b"".join(opened).decode(), next=reached, more=reached < session.chunks, open=session.is_open
        )

    def check(self, session: ShellSession, logged: LoggedSession) -> RecordingCheck:
        """Compare the file with the log, in the steps of docs/formats/recording.md."""
        faults = list(islice(self._faults(session, logged), MAX_FAULTS))
        entries = logged.chunks
        broken = {fault.chunk for fault in faults}
        return RecordingCheck(
            sound=not faults,
            open=session.is_open,
            chunks=sum(1 for entry in entries if entry.number not in broken),
            logged=len(entries),
            first_entry=entries[0].index if entries else None,
            last_entry=entries[-1].index if entries else None,
            faults=tuple(faults),
        )

    def _faults(self, session: ShellSession, logged: LoggedSession) -> Iterator[Fault]:
        yield from _gaps(session, logged)  # 1. what the log says fits together
        key, chain, number = self._key(session), chunks.chain_start(session.id), 0
        try:
            for sealed in chunks.read(self._path(session)):
                if number == len(logged.chunks):  # 5. nothing is there that the log does not know
                    if not session.is_open:
                        yield Fault(code="extra", chunk=number, message="the file goes on where the log ends")
                    return
                chain = chunks.chain_next(chain, chunks.digest_of(sealed))
                fault = _differs(sealed, chain, logged.chunks[number])  # 2., 3. digest and chain are the logged ones
                yield from fault or _does_not_open(key, session.id, number, sealed)  # 4. and it opens
                if fault:
                    return  # every chain after it differs too
                number += 1
        except Damaged as error:
            yield Fault(code="cut", chunk=number, message=error.message)
            return
        finally:
            key.wipe()
        if number < len(logged.chunks):  # 5.
            yield Fault(code="missing", chunk=number, message="the file ends before the log does")

    def _key(self, session: ShellSession) -> Secret:
        return self._opening_key().open(session.sealed_key, chunks.key_info(session.id))

    def _path(self, session: ShellSession) -> Path:
        return chunks.path_of(self._folder, session.id)


def _gaps(session: ShellSession, logged: LoggedSession) -> Iterator[Fault]:
    if not logged.chunks:
        yield Fault(code="unlogged", chunk=None, message="the log knows no chunk of this session")
    for number, entry in enumerate(logged.chunks):
        if entry.number != number:
            yield Fault(code="gap", chunk=number, message="the log lacks the entry of a chunk")
            return
    if session.is_open:
        return
    if logged.closed is None:
        yield Fault(code="unclosed", chunk=None, message="the log lacks the end of this session")
        return
    count, chain = logged.closed
    if count != len(logged.chunks) or (logged.chunks and chain and chain != logged.chunks[-1].chain):
        yield Fault(code="end", chunk=None, message="the end in the log is not that of its last chunk")


def _differs(sealed: bytes, chain: bytes, entry: LoggedChunk) -> list[Fault]:
    if len(sealed) != entry.size or chunks.digest_of(sealed).hex() != entry.digest or chain.hex() != entry.chain:
        return [Fault(code="changed", chunk=entry.number, message="the chunk is not the one that the log names")]
    return []


def _does_not_open(key: Secret, session_id: str, number: int, sealed: bytes) -> list[Fault]:
    try:
        chunks.open_chunk(key.reveal(), session_id, number, sealed)
    except Damaged:
        return [Fault(code="sealed", chunk=number, message="the chunk does not open with the session's key")]
    return []
