"""Numbers beside a database file, shared by its processes: they change with what others remember, and asking them costs no statement.

A process that remembers what it read (a row, or a snapshot) must not go on with it once somebody was told that it has changed.
Asking the database each time is safe, and costs a statement. This file says whether it has to be asked. Each change has a
number, higher than those before it, and leaves it in the places that it concerns: one place for whatever calls
`kernel_moved()`, and many that names are dealt out to.

- Writers. The transaction whose statements called `kernel_moved()` (a trigger does), or that announced names, makes the numbers of
  its places odd just before it commits, and even again, higher than any was, just after; nobody is told of the commit before that.
  A lock on the file, held in between, keeps any other such writer out. A connection that does not know `kernel_moved()`
  cannot make such a change at all; whoever changes what is announced by name does so in one file (`Transaction.announce`).
- Readers. What was read while a number stood at the same even value before and after is good for as long as it stands
  there. A snapshot that was begun after `last` was read shows every change up to that number. While a number is odd, they
  ask the database.

A writer that is killed in between leaves numbers odd: everybody asks the database, which is slower and right, until the
next such change, or the next process that opens the file under the lock, makes them even. A loss of power may take
numbers back; those who remembered anything under them are gone then. The file belongs to the database as its `-wal` does: whoever
removes it from under a running platform breaks it.
"""

import fcntl
import mmap
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final
from zlib import crc32

WATCHED: Final = 0
"""The place of what calls `kernel_moved()`."""
NAMES: Final = 4_096
"""Places that names are dealt out to: two that share one are only asked for more often than they would be."""
_LAST: Final = 1
_FIRST_NAME: Final = 2
SIZE: Final = 8 * (_FIRST_NAME + NAMES)
"""Bytes: unsigned numbers, in the order of this machine, which alone uses them."""


def place_of(name: bytes) -> int:
    """The place of a name."""
    return _FIRST_NAME + crc32(name) % NAMES


class Generation:
    """The numbers, mapped into this process. Made by whoever needs them first. Raises OSError where they cannot be."""

    def __init__(self, path: Path) -> None:
        self._open: Collection[int] = ()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if (known := os.fstat(self._file).st_size) < SIZE:
                # room on the disk, now: a store into a hole would end the process
                os.pwrite(self._file, bytes(SIZE - known), known)
            self._map = mmap.mmap(self._file, SIZE)
            self._numbers = memoryview(self._map).cast("Q")  # one load, one store: never half a number
            self._heal()  # nobody is in between: we hold the lock
            fcntl.flock(self._file, fcntl.LOCK_UN)
        except BaseException:
            os.close(self._file)
            raise

    def now(self, place: int = WATCHED) -> int:
        """The number of a place; odd while a change commits, or since a writer was killed at that."""
        return self._numbers[place]

    def last(self) -> int:
        """The number of the last change that has committed."""
        return self._numbers[_LAST]

    def opens(self, places: Collection[int] = (WATCHED,)) -> None:
        """Called before a change of these places commits, by whoever keeps other writers of the database out."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._open = places
        for place in places:
            self._numbers[place] = self._numbers[_LAST] + 1

    def closes(self) -> None:
        """Called once it has committed, or come to nothing."""
        number = self._numbers[_LAST] + 2
        for place in self._open:
            self._numbers[place] = number
        self._numbers[_LAST] = number
        self._open = ()
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.release()
        self._map.close()
        os.close(self._file)

    def _heal(self) -> None:
        """Make every number even, and the last the highest of them."""
        for place, number in enumerate(self._numbers):
            if number & 1:
                self._numbers[place] = number + 1
        self._numbers[_LAST] = max(self._numbers)
