"""A recording on disk: sealed chunks in a file, and the chain of their hashes. docs/formats/recording.md.

file    "nexus-recording/1\\n", then for each chunk its length (4 bytes) and the chunk
chunk   a FLOE message of one or two segments; associated data = domain, session id, number of the chunk
digest  SHA-256 of the chunk
chain   chain(0) = SHA-256(domain || session id); chain(n+1) = SHA-256(chain(n) || digest of chunk n)
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nexus.bastion.model import CHUNK_BYTES
from nexus.crypto import floe
from nexus.crypto.floe import Parameters
from nexus.kernel.errors import Damaged

MAGIC: Final = b"nexus-recording/1\n"
KEY_INFO: Final = b"nexus-recording/1 key\0"
"""With the session's id: what the sealed key of a recording is bound to."""
_CHUNK_DOMAIN: Final = b"nexus-recording/1 chunk\0"
_CHAIN_DOMAIN: Final = b"nexus-recording/1 chain\0"
SUFFIX: Final = ".recording"
FRAME_BYTES: Final = 4
"""Before each chunk: its length."""
SHAPE: Final = Parameters(CHUNK_BYTES + floe.SEGMENT_OVERHEAD_BYTES)
"""One segment holds the longest chunk."""
MAX_SEALED_BYTES: Final = SHAPE.sealed_length(CHUNK_BYTES)


def path_of(folder: Path, session_id: str) -> Path:
    """Where the recording of a session lies."""
    return folder / f"{session_id}{SUFFIX}"


def key_info(session_id: str) -> bytes:
    """What the key of a recording is sealed for."""
    return KEY_INFO + session_id.encode()


def seal(key: bytes, session_id: str, number: int, content: bytes) -> bytes:
    """One chunk."""
    return floe.seal(key, _associated(session_id, number), content, SHAPE)


def open_chunk(key: bytes, session_id: str, number: int, sealed: bytes) -> bytes:
    """The content of a chunk. Raises Damaged unless it is exactly this one."""
    return floe.open_all(key, _associated(session_id, number), sealed, SHAPE)


def framed(sealed: bytes) -> bytes:
    """As it stands in the file."""
    return len(sealed).to_bytes(FRAME_BYTES, "big") + sealed


def digest_of(sealed: bytes) -> bytes:
    """What the log holds of a chunk."""
    return hashlib.sha256(sealed).digest()


def chain_start(session_id: str) -> bytes:
    """The chain before the first chunk."""
    return hashlib.sha256(_CHAIN_DOMAIN + session_id.encode()).digest()


def chain_next(chain: bytes, digest: bytes) -> bytes:
    """The chain after one more chunk."""
    return hashlib.sha256(chain + digest).digest()


def read(path: Path, *, first: int = 0) -> Iterator[bytes]:
    """The sealed chunks of a file from the one numbered `first`. Raises Damaged where it is cut or is no recording.

    A chunk that is just being written is not there yet: the file ends before it, as for any reader of a file that grows.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise Damaged("the recording is missing", code="bastion.recording-missing") from None
    with file:
        if file.read(len(MAGIC)) != MAGIC:
            raise _cut()
        number = 0
        while head := file.read(FRAME_BYTES):
            length = int.from_bytes(head, "big")
            if len(head) != FRAME_BYTES or not 0 < length <= MAX_SEALED_BYTES:
                raise _cut()
            if number < first:
                file.seek(length, 1)
            else:
                sealed = file.read(length)
                if len(sealed) != length:
                    raise _cut()
                yield sealed
            number += 1


def _associated(session_id: str, number: int) -> bytes:
    return _CHUNK_DOMAIN + session_id.encode() + b"\0" + number.to_bytes(8, "big")


def _cut() -> Damaged:
    return Damaged("the recording is cut short or is none", code="bastion.recording-cut")
