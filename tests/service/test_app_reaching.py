"""A withdrawal reaches what was derived for projects: it is written down, and erased where the bucket says so."""

import msgspec
import pytest
from test_app_subjects import House

from nexus.app.chores.announcing import Announcing
from nexus.consent.events import WITHDRAWN, Told
from nexus.kernel.clock import MINUTE, SECOND
from nexus.kernel.operation import Resource
from nexus.kernel.outbox import Message
from nexus.objects.declaration import Declaration, OnWithdrawal
from nexus.objects.model import Metadata
from simulators.consents import permit
from simulators.operations import operation


@pytest.fixture
async def house(tmp_path):
    made = House(tmp_path)
    await made.begin()
    for name, policy in (("stopped", OnWithdrawal.STOP), ("erased", OnWithdrawal.ERASE)):
        bucket = await made.store.bucket(name, project="p")
        declared = Declaration(categories=("imaging",), on_withdrawal=policy)
        await made.store.objects.buckets.declare_subjects(made.store.op, bucket, declared)
    yield made
    made.store.close()


async def announce(house: House) -> None:
    """What the worker does every moment."""

    async def reach(message: Message) -> None:
        told = msgspec.json.decode(message.body, type=Told)
        op = operation("system:worker", at=house.store.clock.now())
        await house.store.objects.reaching.carry(op, told.subject, told.decision, told.purposes)

    await Announcing(house.store.database, {WITHDRAWN: (reach,)}, house.store.clock).announce()


async def reached(house: House, subject: str) -> list[tuple[str, int, int]]:
    op = operation("per_dpo", at=house.store.clock.now())
    found = await house.store.objects.reaching.of(op, Resource("Subject", subject), subject)
    return sorted((each.bucket, each.versions, each.erased) for each in found)


async def test_it_is_written_down_and_carried_out_by_what_each_bucket_declares(house):
    (subject, account), (other, _) = await house.patient(), await house.patient()
    for name in ("stopped", "erased"):
        bucket = house.store.objects.buckets.find(name)
        manifest = await house.store.objects.vaults.put_manifest(house.store.op, bucket, [subject, other])
        for key, named in (("one", subject), ("table", manifest.id), ("others", other)):
            await house.store.put(bucket, key, b"derived", metadata=Metadata(tags={"nexus:subject": named}))
    given = await house.clinic.decide(account, subject, permit("research"))
    await announce(house)
    assert await reached(house, subject) == [], "a permission takes nothing away"
    withdrawal = await house.clinic.withdraw(account, subject, given.id)
    await announce(house)
    await announce(house)
    assert await reached(house, subject) == [("erased", 2, 2), ("stopped", 2, 0)]
    assert await reached(house, other) == []
    listed = {}
    for name in ("stopped", "erased", "scans"):
        page = await house.store.objects.listing.objects(house.store.op, house.store.objects.buckets.find(name))
        listed[name] = [version.key for version in page.versions]
    assert listed["erased"] == ["others"]
    assert listed["stopped"] == ["one", "others", "table"]
    assert subject in listed["scans"], "what the hospital holds for care stays"
    told = [e for e in house.store.entries if e.details.get("decision") == withdrawal.id and "erased" in e.details]
    assert {entry.subject for entry in told} == {subject}


async def test_what_some_project_may_still_use_is_not_erased(house):
    subject, account = await house.patient()
    bucket = house.store.objects.buckets.find("erased")
    await house.store.put(bucket, "one", b"derived", metadata=Metadata(tags={"nexus:subject": subject}))
    first = await house.clinic.decide(account, subject, permit("research"))
    await house.clinic.decide(account, subject, permit("statistics"))
    await house.clinic.withdraw(account, subject, first.id)
    await announce(house)
    assert await reached(house, subject) == [("erased", 1, 0)]
    assert len((await house.store.objects.listing.objects(house.store.op, bucket)).versions) == 1
    await house.clinic.object(account, subject)
    await announce(house)
    assert await reached(house, subject) == [("erased", 1, 0), ("erased", 1, 1)]


async def test_a_disabled_key_holds_up_what_it_hides_and_nothing_else(house):
    """What lies under other keys is reached at once, once; the rest as soon as the key is enabled again."""
    house.store.keys.add_key("key_other")
    bucket = await house.store.bucket("elsewhere", project="p", key_id="key_other")
    await house.store.objects.buckets.declare_subjects(house.store.op, bucket, Declaration(categories=("imaging",)))
    (subject, account), (other, another) = await house.patient(), await house.patient()
    for name in ("stopped", "elsewhere"):
        for who in (subject, other):
            where = house.store.objects.buckets.find(name)
            await house.store.put(where, who, b"derived", metadata=Metadata(tags={"nexus:subject": who}))
    house.store.keys.disable("key_other")
    await house.clinic.object(account, subject)
    await announce(house)
    await house.clinic.object(another, other)
    for _ in range(20):
        house.store.clock.advance(30 * SECOND)
        await announce(house)
    written = [e for e in house.store.entries if e.action == "objects.withdrawal.reached" and "versions" in e.details]
    assert sorted(entry.subject for entry in written) == sorted([subject, other]), "each once, however often told"
    house.store.keys.enable("key_other")
    house.store.clock.advance(5 * MINUTE)
    await announce(house)
    for who in (subject, other):
        assert await reached(house, who) == [("elsewhere", 1, 0), ("stopped", 1, 0)]
