"""A delivery is decided once and whole, whatever breaks while it is checked: nothing is half ingested. EMC-07."""

import itertools

import pytest

from nexus.kernel.errors import Unavailable
from nexus.warehouse.intake.migrations import MIGRATIONS
from nexus.warehouse.intake.model import DeliveryState
from nexus.warehouse.intake.requests import NamedDelivery
from simulators.extracts import around, hospital, many, rows_as_csv
from simulators.object_store import Store
from simulators.recorder import MemoryRecorder

FILES = {f"stays-{at}.csv": (rows_as_csv(*many(20 + at)), 20 + at) for at in range(3)}


class FailingRecorder(MemoryRecorder):
    """A log that cannot be written at the nth entry from now on."""

    def __init__(self):
        super().__init__()
        self.left = None

    def record(self, tx, entries):
        if self.left is not None:
            self.left -= len(entries)
            if self.left < 0:
                raise Unavailable("the log cannot be written", code="test.log")
        super().record(tx, entries)


def decisions(entries):
    return [entry for entry in entries if entry.action in {"intake.delivery.accept", "intake.delivery.refuse"}]


async def test_whichever_entry_cannot_be_written_the_delivery_waits_and_is_then_accepted_whole(tmp_path):
    recorder = FailingRecorder()
    chu = await hospital(tmp_path, store=Store(tmp_path, recorder=recorder, migrations=MIGRATIONS))
    await chu.deliver(FILES)
    asked = NamedDelivery(provider="chu-ehr", number=1)
    for nth in itertools.count():
        recorder.left = nth
        try:
            await chu.examining.run()
        except Unavailable:
            recorder.left = None
            with chu.store.database.read() as tx:
                found = tx.all("SELECT state, versions FROM intake_delivery")
            assert {row[0] for row in found} <= {"waiting"}, f"entry {nth}"
            assert {bytes(row[1]) for row in found} <= {b"{}"}
            assert decisions(recorder.entries) == []
            continue
        recorder.left = None
        if (await chu.service.deliveries(chu.store.op, _listed())).deliveries[0].state is not DeliveryState.WAITING:
            break
    assert nth > 3, "it was broken at several places"
    view = await chu.service.delivery(chu.store.op, asked)
    assert (view.state, len(view.files), len(decisions(recorder.entries))) == (DeliveryState.ACCEPTED, 3, 1)
    chu.store.close()


def _listed():
    from nexus.warehouse.intake.requests import ListDeliveries

    return ListDeliveries(provider="chu-ehr")


@pytest.mark.parametrize("at", [0, 1, 2, 3])
async def test_a_process_that_dies_in_the_middle_leaves_a_delivery_that_the_next_one_finishes(tmp_path, at):
    chu = await hospital(tmp_path)
    await chu.deliver(FILES)
    seen = itertools.count()

    class KilledError(BaseException):
        pass

    def die(_):
        if next(seen) == at:
            raise KilledError

    chu.examining._progress = die
    try:
        await chu.examining.run()
    except KilledError:
        pass
    else:
        assert at == 3, "there are three pieces to read"
    again = around(chu.store)
    await again.examining.run()
    view = await again.service.delivery(chu.store.op, NamedDelivery(provider="chu-ehr", number=1))
    assert (view.state, view.rows, len(view.files)) == (DeliveryState.ACCEPTED, 63, 3)
    assert len(decisions(chu.store.entries)) == 1
    with chu.store.database.read() as tx:
        assert tx.one("SELECT count(*) FROM intake_checked") == (0,)
    chu.store.close()


async def test_a_sealed_platform_checks_nothing_and_goes_on_once_it_is_unsealed(tmp_path):
    chu = await hospital(tmp_path)
    await chu.deliver(FILES)
    await chu.examining.notice()
    chu.store.keys.seal()
    with pytest.raises(Unavailable):
        await chu.examining.run()
    chu.store.keys.unseal()
    await chu.examining.run()
    view = await chu.service.delivery(chu.store.op, NamedDelivery(provider="chu-ehr", number=1))
    assert view.state is DeliveryState.ACCEPTED
    chu.store.close()
