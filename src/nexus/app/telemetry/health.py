"""What a process cannot work without, and whether it has it now."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from typing import Final

from nexus.kernel.errors import NexusError, Unavailable, anatomy

_log: Final = logging.getLogger("nexus.process")
LOOK_EVERY_S: Final = 1.0
"""However often somebody asks, nothing is looked at more often: whoever knocks at `/-/ready` costs nothing."""
HANGING_S: Final = 5.0
"""A disk that has not answered for so long is not there."""
RECENT_S: Final = 10.0
"""So long after a commit that was refused the database counts as not ready; then it is given another chance."""


class Component(StrEnum):
    """All that can be missing; nothing else is ever named to whoever asks."""

    STARTING = "starting"
    """It is not serving yet, or it is not running."""
    SILENT = "silent"
    """It runs and does not answer: its event loop is stuck."""
    KEYS = "keys"
    """The platform is sealed, or the key service does not answer."""
    DATABASE = "database"
    """It cannot be read, or it refused the last commit."""
    SCHEMA = "schema"
    """It is not of the version that this program needs."""
    BLOBS = "blobs"
    """Places of contents are away: fewer than the settings ask for."""
    DISK = "disk"
    """Next to no space is left."""
    LOG = "log"
    """The audit log is not being published."""


Check = Callable[[], None]
"""Returns when all is well; raises a NexusError (or OSError) when it is not."""


class Health:
    """The checks of one process. `missing` never waits."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._quick: dict[Component, Check] = {}
        self._slow: dict[Component, _Slow] = {}
        self._looked_at = float("-inf")
        self._missing: tuple[Component, ...] = ()

    def add(self, component: Component, check: Check) -> None:
        """A check that answers at once, from memory."""
        self._quick[component] = check

    def add_slow(self, component: Component, check: Check, thread: ThreadPoolExecutor | None = None) -> None:
        """A check of what may hang, a disk or a database server: in a thread, and what it last found counts.

        `thread`: shared by checks of the same thing.
        """
        thread = thread or ThreadPoolExecutor(1, thread_name_prefix=f"health {component.value}")
        self._slow[component] = _Slow(check, thread, self._now)

    def missing(self) -> tuple[Component, ...]:
        """What is missing now, in a fixed order; empty: ready."""
        now = self._now()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            found = {component for component, check in self._quick.items() if not _is_well(check)}
            found |= {component for component, slow in self._slow.items() if not slow.look()}
            self._missing = tuple(component for component in Component if component in found)
        return self._missing


class _Slow:
    def __init__(self, check: Check, thread: ThreadPoolExecutor, now: Callable[[], float]) -> None:
        self._check = check
        self._now = now
        self._thread = thread
        self._looking: Future[bool] | None = None
        self._since = 0.0
        self._well = True

    def look(self) -> bool:
        """Whether all was well when it was last seen, at most a few seconds ago."""
        if self._looking is not None and self._looking.done():
            self._well, self._looking = self._looking.result(), None
        if self._looking is None:
            self._since, self._looking = self._now(), self._thread.submit(_is_well, self._check)
            return self._well
        return self._well and self._now() - self._since < HANGING_S


def _is_well(check: Check) -> bool:
    try:
        check()
    except Exception as error:  # whatever keeps it from being well
        if not isinstance(error, NexusError | OSError):
            _log.error("a check of health failed: %s", anatomy(error))
        return False
    return True


class RefusedCommits:
    """Remembers that a commit was refused, until one succeeds or it is long ago: a door that gets no requests any more
    would never find out that the disk has room again.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refused_at = float("-inf")

    def settled(self, outcome: str) -> None:
        """How a commit ended, on the thread of the database."""
        if outcome == Unavailable.kind:
            self._refused_at = self._now()
        elif outcome == "ok":
            self._refused_at = float("-inf")

    def require(self) -> None:
        """Raises Unavailable."""
        if self._now() - self._refused_at < RECENT_S:
            raise Unavailable("the database refused the last commit", code="database.refused")
