"""Passwords that are known from breaches: a file that the installation brings, looked up without loading it.

The file is a sorted list of SHA-1 digests in hexadecimal, one a line, with or without `:count` behind it: the form in
which the large public collections are given out. It may have tens of gigabytes: a look-up reads about forty lines of it.
Nothing leaves the machine, not even a part of a digest.
"""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Final

from nexus.kernel.errors import Unavailable
from nexus.kernel.secret import Secret

DIGEST_CHARS: Final = 40
MAX_LINE: Final = 64
"""Bytes of a line: digest, colon, count, line end."""


class BreachedPasswords:
    """A list of digests in a file, or no list."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    def holds(self, password: Secret) -> bool:
        """Whether the password is on the list. Blocks for a few disk reads. Raises Unavailable if there is no reading it."""
        if self._file is None:
            return False
        wanted = hashlib.sha1(password.reveal(), usedforsecurity=False).hexdigest().upper().encode()
        try:
            with self._file.open("rb") as lines:
                return _search(lines, lines.seek(0, os.SEEK_END), wanted)
        except OSError as error:
            raise Unavailable(
                "the list of breached passwords cannot be read",
                code="iam.breached-list",
                hint="`nexus doctor` names the file; correct the setting breached_passwords or bring the file back",
            ) from error


def _search(lines: BinaryIO, size: int, wanted: bytes) -> bool:
    """Binary search over byte positions: the first line that begins at or behind a position decides where to go on."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        found = _line_from(lines, middle)
        if found and found < wanted:
            low = middle + 1
        else:
            high = middle
    return _line_from(lines, low) == wanted


def _line_from(lines: BinaryIO, position: int) -> bytes:
    """The digest of the first line that begins at or behind `position`; empty at the end."""
    lines.seek(max(0, position - 1))
    if position:
        lines.readline(MAX_LINE)  # the rest of the line before, or just its end
    return lines.readline(MAX_LINE)[:DIGEST_CHARS].upper()
