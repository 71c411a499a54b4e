"""Writers that wait for a commit, and how they are told of it: each event loop is woken once for a batch. How long they wait."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Job:
    """`future` belongs to `loop`, or (loop None) to whatever thread waits for it."""

    work: Callable[[Any], tuple[Any, Any]]
    future: "asyncio.Future[Any] | Future[Any]"
    loop: asyncio.AbstractEventLoop | None
    mark: Any = None
    """What the observer was told of it."""


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
