"""A number beside a database file, shared by its processes: it changes with what they remember, and asking it costs no statement.

A process that remembers a row (the version of all rights) must not go on with it once somebody was told that it has changed.
Asking the database each time is safe, and costs a statement. This file says whether it has to be asked:

- Writers. The transaction whose statements called `kernel_moved()` (a trigger does) makes the number odd just before it commits,
  and even again, higher than it ever was, just after; nobody is told of the commit before that. A lock on the file, held in
  between, keeps any other such writer out. A connection that does not know `kernel_moved()` cannot make such a change at all.
- Readers. What was read while the number stood at the same even value before and after is good for as long as it stands
  there. While it is odd, they ask the database.

A writer that is killed in between leaves the number odd: everybody asks the database, which is slower and right, until the
next such change, or the next process that opens the file under the lock, makes it even. A loss of power may take
the number back; those who remembered anything under it are gone then. The file belongs to the database as its `-wal` does: whoever
removes it from under a running platform breaks it.
"""

import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

SIZE: Final = 8
"""Bytes: one unsigned number, in the order of this machine, which alone uses it."""


class Generation:
    """The number, mapped into this process. Made by whoever needs it first. Raises OSError where it cannot be."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if os.fstat(self._file).st_size < SIZE:
                os.pwrite(
                    self._file, bytes(SIZE), 0
                )  # room on the disk, now: a store into a hole would end the process
            self._map = mmap.mmap(self._file, SIZE)
            self._number = memoryview(self._map).cast("Q")  # one load, one store: never half a number
            self._make_even()  # nobody is in between: we hold the lock
            fcntl.flock(self._file, fcntl.LOCK_UN)
        except BaseException:
            os.close(self._file)
            raise

    def now(self) -> int:
        """The number; odd while a change commits, or since a writer was killed at that."""
        return self._number[0]

    def opens(self) -> None:
        """Called before a change commits, by whoever keeps other writers of the database out."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._number[0] |= 1

    def closes(self) -> None:
        """Called once it has committed, or come to nothing."""
        self._make_even()
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        self._number.release()
        self._map.close()
        os.close(self._file)

    def _make_even(self) -> None:
        self._number[0] += self._number[0] & 1
