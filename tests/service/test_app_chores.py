"""The worker's chores: each can be interrupted anywhere, and one that fails holds up none of the others."""

import asyncio

import pytest

from nexus.app.chores.rewrapping import Rewrapping
from nexus.app.chores.schedule import Chore, run_all
from nexus.app.chores.shipping import MIGRATIONS, Shipping
from nexus.kernel.errors import Damaged, NexusError, Unavailable
from nexus.kernel.secret import Secret
from nexus.kms.requests import CreateKey, ListKeys
from simulators.databases import database as open_database
from simulators.keyservice import running
from simulators.operations import operation
from simulators.recorder import MemoryRecorder


@pytest.fixture
def recorder():
    return MemoryRecorder()


@pytest.fixture
def database(tmp_path, recorder):
    database = open_database(tmp_path / "nexus.db", key=Secret(b"k" * 32), recorder=recorder)
    database.migrate(MIGRATIONS)
    yield database
    database.close()


async def work(api, count: int) -> None:
    """Operations on the key service that each leave an entry."""
    for at in range(count):
        await api.create(operation(), CreateKey(owner="per_a", purpose=f"key {at}", rotation_days=30))


def created(recorder) -> list[str]:
    """Keys that Alice created, as the log has it; the service made some for itself before."""
    entries = [entry for entry in recorder.entries if entry.operation.actor.id == "per_alice"]
    return [str(entry.resource) for entry in entries if entry.action == "kms.key.create"]


# Shipping


async def test_entries_of_the_key_service_are_shipped_once_and_in_order(database, recorder):
    async with running() as service:
        api, worker = await service.client("api"), await service.client("worker")
        await work(api, 30)
        heard = []
        shipping = Shipping(worker, database, heard.append)
        while await shipping.ship():
            pass
        await shipping.ship()
        assert len(created(recorder)) == 30 == len(set(created(recorder)))
        listed = await api.list_keys(operation(), ListKeys())
        assert created(recorder) == [f"Key:{key.id}" for key in listed.keys if key.owner == "per_a"]
        assert heard == recorder.entries
        await shipping.ship()
        assert len(created(recorder)) == 30


async def test_a_worker_that_died_before_it_acknowledged_ships_nothing_twice(database, recorder):
    async with running() as service:
        api, worker = await service.client("api"), await service.client("worker")
        await work(api, 5)

        class DiesBeforeAcknowledging:
            async def entries(self, limit):
                return await worker.entries(limit)

            async def entries_done(self, upto):
                raise Unavailable("killed here")

        with pytest.raises(Unavailable):
            await Shipping(DiesBeforeAcknowledging(), database).ship()
        assert len(created(recorder)) == 5
        await work(api, 1)
        await Shipping(worker, database).ship()
        assert len(created(recorder)) == 6 == len(set(created(recorder)))


async def test_while_the_log_cannot_be_written_the_outbox_keeps_everything(database, recorder):
    async with running() as service:
        api, worker = await service.client("api"), await service.client("worker")
        await work(api, 4)
        recorder.broken = True
        with pytest.raises(NexusError):
            await Shipping(worker, database).ship()
        recorder.broken = False
        assert recorder.entries == []
        await Shipping(worker, database).ship()
        assert len(created(recorder)) == 4


async def test_entries_are_shipped_while_the_key_service_is_sealed(database, recorder):
    async with running() as service:
        api, worker = await service.client("api"), await service.client("worker")
        await work(api, 2)
        await api.seal(operation())
        await Shipping(worker, database).ship()
        assert len(created(recorder)) == 2
        assert any(entry.details.get("step") == "sealed" for entry in recorder.entries)


# The schedule


async def test_a_failing_chore_is_tried_again_and_holds_up_no_other():
    done, tries = [], []

    async def fails() -> bool:
        tries.append(1)
        raise Unavailable("not now")

    async def works() -> bool:
        done.append(1)
        return False

    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, stop.set)
    await run_all([Chore("fails", 0.01, fails), Chore("works", 0.01, works)], stop)
    assert len(done) > 5 and 1 < len(tries) < len(done)


async def test_a_chore_with_more_to_do_goes_on_at_once():
    left = [3, 2, 1, 0]

    async def run() -> bool:
        return left.pop(0) > 0

    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, stop.set)
    await run_all([Chore("much to do", 30, run)], stop)
    assert left == []


async def test_damaged_data_end_everything():
    async def finds_damage() -> bool:
        raise Damaged("the log was cut", code="audit.rolled-back")

    async def forever() -> bool:
        await asyncio.sleep(60)
        return False

    with pytest.raises(Damaged):
        async with asyncio.timeout(5):
            await run_all([Chore("a", 1, finds_damage), Chore("b", 1, forever)], asyncio.Event())


# Rewrapping


class CountingKeyService:
    def __init__(self) -> None:
        self.asked = 0

    async def rewrap_jobs(self, op, request):
        self.asked += 1
        return type("Jobs", (), {"jobs": ()})()


async def test_without_a_rotation_the_key_service_is_asked_once_after_a_start_and_never_again():
    """Each question is an entry of the log: a worker that asks every second would fill it."""
    kms = CountingKeyService()
    rewrapping = Rewrapping(kms, None, None, None, operation)
    for _ in range(5):
        await rewrapping.drive()
    assert kms.asked == 1
