"""Waiting for a client, piece after piece, by one timer."""

import asyncio
from contextlib import closing, suppress

import pytest

from nexus.objects.s3.patience import Patience

SOON = 0.02


class Client:
    """Answers after a while, or never."""

    def __init__(self) -> None:
        self.given_up = 0

    async def answer(self, after_s: float | None) -> str:
        try:
            await (asyncio.Event().wait() if after_s is None else asyncio.sleep(after_s))
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return "taken"


async def test_what_comes_in_time_is_handed_on_and_a_silence_is_given_up():
    client = Client()
    with closing(Patience()) as patience:
        for _ in range(20):
            assert await patience.wait(client.answer(0), 5) == "taken"
        with pytest.raises(TimeoutError):
            await patience.wait(client.answer(None), SOON)
    assert client.given_up == 1
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0, "whoever caught the error goes on"
    await asyncio.sleep(0)


async def test_the_moment_moves_with_each_piece():
    """Many pieces, each in time, take longer together than one may."""
    client = Client()
    with closing(Patience()) as patience:
        for _ in range(8):
            assert await patience.wait(client.answer(SOON), 4 * SOON) == "taken"


async def test_a_shorter_patience_counts_at_once():
    client, loop = Client(), asyncio.get_running_loop()
    with closing(Patience()) as patience:
        await patience.wait(client.answer(0), 60)
        start = loop.time()
        with pytest.raises(TimeoutError):
            await patience.wait(client.answer(None), SOON)
    assert loop.time() - start < 30


async def test_time_between_two_waits_is_nobody_s_fault():
    client = Client()
    with closing(Patience()) as patience:
        await patience.wait(client.answer(0), SOON)
        await asyncio.sleep(3 * SOON)
        assert await patience.wait(client.answer(SOON / 2), 5) == "taken"
        with pytest.raises(TimeoutError):
            await patience.wait(client.answer(None), SOON)


async def test_who_ends_the_task_is_not_taken_for_a_slow_client():
    async def waiting() -> None:
        with closing(Patience()) as patience:
            await patience.wait(Client().answer(None), 60)

    task = asyncio.ensure_future(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_timer_serves_any_number_of_pieces():
    loop, timers = asyncio.get_running_loop(), []
    original = loop.call_at
    loop.call_at = lambda *args, **kwargs: timers.append(args) or original(*args, **kwargs)  # type: ignore[method-assign]
    try:
        with closing(Patience()) as patience:
            for _ in range(100):
                await patience.wait(asyncio.sleep(0), 30)
    finally:
        with suppress(AttributeError):
            del loop.call_at
    assert len(timers) == 1
