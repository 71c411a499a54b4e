"""A process of its own for what may end the process that does it, seen from within: what it may use, and how it speaks.

It holds no secret, no database and no socket, and speaks on its pipes only. A message is a letter, a length in eight bytes (big
endian), and so many bytes. `B` asks for a block of the file by its number (8 bytes) and is answered with a length in eight bytes
and the block; the other letters are for whoever starts it to name. What it says is looked at again by who asked.
"""

import os
import resource
import sys
from typing import Final

from nexus.kernel.anywhere import Anywhere

LENGTH_BYTES: Final = 8
MEMORY_BYTES: Final = 2 << 30
"""What it can allocate."""
CPU_S: Final = 3_600


class Apart:
    """The only one of its process: takes its pipes, and then the limits."""

    def __init__(self) -> None:
        self._asked, self._told = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing that a library prints is a message
        _limited()

    def file(self, size: int) -> Anywhere:
        """The file of so many bytes that stands on the other end."""
        return Anywhere(size, self._block)

    def given(self) -> bytes:
        """What the other end gives next."""
        length = int.from_bytes(self._asked.read(LENGTH_BYTES), "big")
        body = self._asked.read(length)
        if len(body) < length or not length:
            raise SystemExit(1)  # whoever asked is gone
        return body

    def tell(self, kind: bytes, body: bytes | memoryview = b"") -> None:
        """Say something."""
        self._told.write(kind + len(body).to_bytes(LENGTH_BYTES, "big"))
        self._told.write(body)
        self._told.flush()

    def _block(self, number: int) -> bytes:
        self.tell(b"B", number.to_bytes(LENGTH_BYTES, "big"))
        return self.given()


def _limited() -> None:
    """No memory dump, no file, bounded memory and time."""
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
    ):
        resource.setrlimit(limit, (value, value))
