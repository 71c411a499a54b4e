"""Writers who wait for a busy database, so that they share its next commit in a known order."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from nexus.kernel.database import Recorded
from nexus.kernel.operation import PLATFORM
from simulators.object_store import Store


@asynccontextmanager
async def held(store: Store) -> AsyncIterator[None]:
    """The writer is busy: what is asked for meanwhile shares the next commit, in its order."""
    busy, go_on = threading.Event(), threading.Event()

    def hold(tx):
        busy.set()
        go_on.wait(5)
        return Recorded(None, store.op.allowed("platform.status", PLATFORM))

    holding = asyncio.create_task(store.database.write(hold))
    await asyncio.to_thread(busy.wait, 5)
    yield
    go_on.set()
    await holding


async def queued(store: Store, count: int, story: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start a story, and wait until its write is in the queue as the `count`-th."""
    task = asyncio.create_task(story)
    while store.database.waiting < count:
        await asyncio.sleep(0)
    return task
