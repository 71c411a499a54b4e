"""How long a client is waited for, piece after piece of a body: one timer for all of them, which looks whether the time is over."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Patience:
    """Waits again and again, each time for as long as is said then. `close` it at the end.

    A timer of its own for each piece, as `asyncio.timeout` sets it, costs more than the piece. Here a moment is noted, and the one
    timer, when it comes, is set again if that moment has moved meanwhile.
    """

    __slots__ = ("_due", "_expired", "_loop", "_task", "_timer", "_until")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._until = 0.0
        self._task: asyncio.Task[object] | None = None
        self._expired = False

    async def wait(self, awaited: Awaitable[T], seconds: float) -> T:
        """What it comes to. Raises TimeoutError once it took `seconds`; the wait for it is then cancelled."""
        self._until = self._loop.time() + seconds
        if self._timer is None or self._until < self._due:
            self._set()
        self._task = task = asyncio.current_task()
        assert task is not None
        cancelling = task.cancelling()
        try:
            return await awaited
        except asyncio.CancelledError:
            if self._expired and task.uncancel() <= cancelling:
                raise TimeoutError from None
            raise  # somebody else ends this task
        finally:
            self._task = None

    def close(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self.close()
        self._due = self._until
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return  # nothing is waited for at this moment: the next wait sets the timer
        if self._loop.time() < self._until:
            self._set()
        else:
            self._expired = True
            self._task.cancel()
