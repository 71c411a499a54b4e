"""Runs what blocks on a thread of its own, and waits for it only so long.

A server may answer byte by byte for ever. The thread that it holds is never joined, and while it is held, nobody begins another.
"""

import asyncio
import threading
from collections.abc import Callable

from nexus.mail.model import NotNow, Unreachable


class Patience:
    """One thread at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._busy = False

    async def bounded(self, work: Callable[[], None]) -> None:
        """Raises what `work` raises, NotNow if it takes too long, Unreachable if earlier work is still running."""
        if self._busy:
            raise Unreachable("the mail server still holds an earlier message", code="mail.held")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[BaseException | None] = loop.create_future()

        def run() -> None:
            outcome: BaseException | None = None
            try:
                work()
            except Exception as error:  # handed on to whoever waits
                outcome = error
            self._busy = False  # before anybody hears of it: the thread itself may take a moment longer to end
            try:
                loop.call_soon_threadsafe(_settle, done, outcome)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

        self._busy = True
        threading.Thread(target=run, name="mail", daemon=True).start()
        try:
            outcome = await asyncio.wait_for(done, self._seconds)
        except TimeoutError:
            raise NotNow("the mail server took too long", code="mail.too-slow") from None
        if outcome is not None:
            raise outcome


def _settle(done: "asyncio.Future[BaseException | None]", outcome: BaseException | None) -> None:
    if not done.done():
        done.set_result(outcome)
