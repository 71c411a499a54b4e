"""Runs chores side by side, each at its own pace."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from nexus.kernel.errors import Damaged, NexusError, Unavailable

LAST_PAUSE_S = 60.0
"""A chore that keeps failing is tried this often at least."""

_log = logging.getLogger("nexus.worker")


@dataclass(frozen=True, slots=True)
class Chore:
    """`run` does what there is to do now and returns whether there is more to do at once."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[bool]]


class Runs(Protocol):
    """Watches chores."""

    def ran(self, chore: str, seconds: float, error: NexusError | None) -> None:
        """It did what there was to do, or it failed."""
        ...


async def run_all(chores: Sequence[Chore], stop: asyncio.Event, observer: Runs | None = None) -> None:
    """Until `stop`. Raises Damaged when a chore finds the platform's data damaged: then nothing must go on."""
    stopping = asyncio.ensure_future(stop.wait())
    tasks = [asyncio.create_task(_repeat(chore, observer), name=chore.name) for chore in chores]
    try:
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _repeat(chore: Chore, observer: Runs | None) -> None:
    pause = chore.every_s
    while True:
        start, failure = perf_counter(), None
        try:
            more = await chore.run()
        except Damaged:
            raise
        except NexusError as error:
            failure = error
            level = logging.INFO if isinstance(error, Unavailable) else logging.ERROR
            _log.log(level, "%s: %s (%s)", chore.name, error.message, error.code)
            pause = min(pause * 2, LAST_PAUSE_S)
        else:
            pause = 0 if more else chore.every_s
        if observer is not None:
            observer.ran(chore.name, perf_counter() - start, failure)
        await asyncio.sleep(pause)
