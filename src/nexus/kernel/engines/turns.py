"""Whose turn it is to write, among the processes that share a file: nobody is overtaken for long.

SQLite gives its lock to whoever asks at the right moment. A process with much to write asks again a moment after each commit, and
who sleeps between two attempts may miss that moment a hundred times. So who has waited for a while takes the turn: until the
lock is his, the others do not ask for it. Before that he may be overtaken, which costs less where processors are scarce: to hand a lock
over, somebody must be woken.

A courtesy, no more: if a turn lasts too long, the others go on without one, and SQLite's lock decides as ever.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

STEP_S: Final = 0.000_5
"""Between two attempts."""
OVERTAKEN_S: Final = 0.003
"""How long others may go first: about one commit."""
TURN_S: Final = 2.0
"""Longest respect for a turn: whoever has it may have been stopped."""
PATIENCE_S: Final = 10.0
"""How long a process waits for others' commits before it gives up."""


class Turns:
    """The turns of one database file, as one process takes them. Used from one thread."""

    def __init__(self, path: Path) -> None:
        """`path`: the database's; its turns are a lock on an empty file beside it."""
        self.overtaken_s, self.turn_s, self.patience_s = OVERTAKEN_S, TURN_S, PATIENCE_S
        self._fd = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)

    def until(self, attempt: Callable[[], bool]) -> bool:
        """Try again and again; whether it succeeded in time."""
        began = time.monotonic()
        while True:
            mine, waited = self._take(), time.monotonic() - began
            try:
                while mine or waited > self.turn_s:
                    if attempt():
                        return True
                    waited = time.monotonic() - began
                    if waited < self.overtaken_s or waited > self.patience_s:
                        break
                    time.sleep(STEP_S)
            finally:
                if mine:
                    self._give()
            if waited > self.patience_s:
                return False
            time.sleep(STEP_S)

    def close(self) -> None:
        os.close(self._fd)

    def _give(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _take(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
