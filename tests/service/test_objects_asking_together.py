"""Reads and withdrawals that share one commit: the ruling is the one of the read's own place in it.

The version of all decisions is read once for what a transaction does between two changes. Here decisions change inside it.
"""

import asyncio

import pytest

from nexus.consent.rules import CONSENT_ONLY
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Conflict
from nexus.objects.errors import Hidden
from simulators.consents import Clinic, permit
from simulators.object_store import everything
from simulators.queues import held, queued
from simulators.wards import IMAGING, of
from simulators.withdrawing import open_store, research


@pytest.fixture
async def ward(tmp_path):
    store = open_store(tmp_path)
    clinic = Clinic(store.database, store.recorder, CONSENT_ONLY, clock=SystemClock())
    bucket = await store.bucket("scans", project="p")
    await store.objects.buckets.declare_subjects(store.op, bucket, IMAGING)
    bucket = store.objects.buckets.find("scans")
    subject, account = await clinic.patient()
    decision = (await clinic.decide(account, subject, permit("research"))).id
    await store.put(bucket, "a", b"bytes", metadata=of(subject))
    yield store, clinic, bucket, subject, account, decision
    store.close()


async def read(store, bucket):
    try:
        await everything(await store.objects.reading.get(research(), bucket, "a"))
    except Hidden:
        return False
    return True


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_read_before_the_withdrawal_is_served_and_one_behind_it_refused(ward, remembered):
    store, clinic, bucket, subject, account, decision = ward
    assert not remembered or await read(store, bucket)
    async with held(store):
        before = [await queued(store, n, read(store, bucket)) for n in (1, 2)]
        withdrawing = await queued(store, 3, clinic.withdraw(account, subject, decision))
        behind = [await queued(store, n, read(store, bucket)) for n in (4, 5)]
    assert await asyncio.gather(*before) == [True, True]
    await withdrawing
    assert await asyncio.gather(*behind) == [False, False]


async def test_a_withdrawal_that_came_to_nothing_refuses_nobody(ward):
    """It is undone inside the same commit: what was read of it meanwhile is not believed."""
    store, clinic, bucket, subject, account, decision = ward
    assert await read(store, bucket)

    def undone(tx):
        tx.execute("UPDATE consent_version SET version = version + 1")
        store.objects.reading._consenting.version(tx)
        raise Conflict("no", code="test.no")

    async with held(store):
        before = await queued(store, 1, read(store, bucket))
        failing = await queued(store, 2, store.database.write(undone))
        behind = await queued(store, 3, read(store, bucket))
        withdrawing = await queued(store, 4, clinic.withdraw(account, subject, decision))
        last = await queued(store, 5, read(store, bucket))
    assert (await before, await behind) == (True, True)
    with pytest.raises(Conflict):
        await failing
    await withdrawing
    assert not await last
