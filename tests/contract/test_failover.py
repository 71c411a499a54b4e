"""The server dies under load and its standby takes its place: nothing acknowledged is lost, nothing refused is stored."""

import asyncio

import pytest

from nexus.kernel.database import Database
from nexus.kernel.engines.postgresql import PostgresEngine
from simulators.demo_table import TABLE, names, writing
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
    async with writing(db, WRITERS) as heard:
        await heard.go_on(SOME)
        primary.kill()
        standby.take_the_address()  # a standby that was not promoted yet counts as away
        await asyncio.sleep(0.5)
        await asyncio.to_thread(standby.promote)
        await heard.go_on(SOME)
    stored = names(db)
    db.close()
    heard.check(stored)
