"""The server dies under load and its standby takes its place: nothing acknowledged is lost, nothing refused is stored."""

import asyncio
import threading

import pytest

from nexus.kernel.database import Database
from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.errors import Unavailable
from simulators.demo_table import TABLE, insert, names
from simulators.postgresql import running
from simulators.postgresql_standby import Standby
from simulators.recorder import MemoryRecorder

WRITERS, SOME = 4, 30


@pytest.fixture(scope="module")
def primary():
    with running() as server:
        yield server


@pytest.fixture
def standby(primary):
    made = Standby(primary)
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_a_failover_under_load_loses_nothing_and_repeats_nothing(primary, standby):
    """Also the commits that were under way when the primary died are known for certain, or told as unknown."""
    standby.begin_to_confirm()
    db = Database(PostgresEngine(primary.place("nexus")), recorder=MemoryRecorder(), patience_s=60)
    db.migrate([TABLE])
    acknowledged, refused, stop = [], [], threading.Event()

    async def writer(n):
        number = 0
        while not stop.is_set():
            name = f"{n}-{number}"
            number += 1
            try:
                acknowledged.append(await db.write(insert(name)))
            except Unavailable as error:
                if error.code == "database.unreachable":
                    refused.append(name)

    async def some_more():
        count = len(acknowledged)
        while len(acknowledged) < count + SOME:
            await asyncio.sleep(0.01)

    writing = [asyncio.create_task(writer(n)) for n in range(WRITERS)]
    try:
        await some_more()
        primary.kill()
        standby.take_the_address()  # a standby that was not promoted yet counts as away
        await asyncio.sleep(0.5)
        await asyncio.to_thread(standby.promote)
        await some_more()
    finally:
        stop.set()
        await asyncio.gather(*writing)
    stored = names(db)
    db.close()
    assert set(acknowledged) <= set(stored) and not set(stored) & set(refused)
    assert len(acknowledged) == len(set(acknowledged))
