"""Writers that wait for a commit: how they come together, how they are told of it (each event loop is woken once for a batch), how long they wait."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

NOBODY: Final = 1 << 62
"""More than will ever wait: the writer is not to be woken."""


@dataclass(slots=True)
class Job:
    """`future` belongs to `loop`, or (loop None) to whatever thread waits for it."""

    work: Callable[[Any], tuple[Any, Any]]
    future: "asyncio.Future[Any] | Future[Any]"
    loop: asyncio.AbstractEventLoop | None
    mark: Any = None
    """What the observer was told of it."""


class Queue:
    """Jobs on their way from any thread to the writer's. It is woken for its first job, and once more when as many are there as
    it waits for: whoever puts a job hardly ever wakes anybody, and a thread that sleeps needs neither processor nor
    interpreter.
    """

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._mutex = threading.Lock()
        self._bell = threading.Lock()  # held, but between the ring and the writer that hears it
        self._bell.acquire()
        self._wanted = NOBODY
        self._closed = False

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, jobs: Sequence[Job]) -> None:
        """Add jobs, in order."""
        with self._mutex:
            self._jobs.extend(jobs)
            if len(self._jobs) >= self._wanted:
                self._ring()

    def close(self) -> None:
        """No job comes after those that are there."""
        with self._mutex:
            self._closed = True
            if self._wanted != NOBODY:
                self._ring()

    def take(self, most: int, *, crowd: int, patience_s: float) -> list[Job]:
        """The next jobs, at most so many; none once it is closed and empty. For one thread.

        Waits for the first as long as it takes, then at most `patience_s` until `crowd` of them are there.
        """
        self._wait_for(1, None)
        if crowd > 1 and patience_s > 0:
            self._wait_for(crowd, patience_s)
        with self._mutex:
            return [self._jobs.popleft() for _ in range(min(most, len(self._jobs)))]

    def _wait_for(self, count: int, timeout_s: float | None) -> None:
        with self._mutex:
            if self._closed or len(self._jobs) >= count:
                return
            self._wanted = count
        if self._bell.acquire(timeout=-1 if timeout_s is None else timeout_s):
            return
        with self._mutex:
            rung, self._wanted = self._wanted == NOBODY, NOBODY
        if rung:  # between the end of the wait and here: the next wait must not hear it
            self._bell.acquire()

    def _ring(self) -> None:
        self._wanted = NOBODY
        self._bell.release()


class Patience:
    """How long one outage is waited for: it begins with the first failure, and lasts until something succeeds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at: float | None = None

    def is_over(self) -> bool:
        """Asked after each failure."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + self._seconds
        return time.monotonic() >= self._ends_at

    def renew(self) -> None:
        """Something succeeded."""
        self._ends_at = None


def settle(done: list[tuple[Job, Any]]) -> None:
    """Tell every caller; those of one event loop together, because waking it is what costs."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[tuple[Job, Any]]] = {}
    for job, outcome in done:
        by_loop.setdefault(job.loop, []).append((job, outcome))
    for loop, settled in by_loop.items():
        if loop is None:
            _tell(settled)
            continue
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, settled)


def _tell(settled: list[tuple[Job, Any]]) -> None:
    for job, outcome in settled:
        if job.future.cancelled():
            continue
        if isinstance(outcome, BaseException):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome[0])
