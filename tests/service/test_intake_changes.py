"""Deliveries of changes alone, at intake: one chain, in its order, or refused with what is out of it. EMC-07."""

import dataclasses

import msgspec
import pytest

from nexus.kernel.errors import Conflict, Damaged
from nexus.objects.model import Versioning
from nexus.warehouse.intake import chaining
from nexus.warehouse.intake import store as rows
from nexus.warehouse.intake.agreement import Acceptance, Agreement
from nexus.warehouse.intake.manifest import Follows
from nexus.warehouse.intake.model import DeliveryState
from nexus.warehouse.intake.receipt_format import content_of
from nexus.warehouse.intake.report import Fault
from nexus.warehouse.intake.requests import (
    ChangeAgreement,
    JudgeDelivery,
    ListDeliveries,
    NamedDelivery,
    RegisterProvider,
)
from simulators.extracts import around, hospital, manifest_of
from simulators.hospital_changes import (
    CHANGES,
    WHOLE,
    about,
    agreed_upon,
    changed,
    delivered,
    encounters,
    faults,
    files,
    follow,
    patients,
    shown,
)

WHY = "the site telephoned on Monday"


@pytest.fixture(scope="module")
def agreement(tmp_path_factory) -> Agreement:
    return agreed_upon(tmp_path_factory.mktemp("agreed"))


@pytest.fixture
async def chu(tmp_path, agreement):
    made = await hospital(tmp_path, agreement)
    yield made
    made.store.close()


async def test_changes_are_accepted_after_what_they_follow_and_a_delivery_says_its_kind_and_chain(chu):
    assert (await delivered(chu, WHOLE, 1)).state is DeliveryState.ACCEPTED
    view = await changed(chu, CHANGES, 2, 1)
    assert (view.state, view.kind, view.follows, view.chain) == (DeliveryState.ACCEPTED, "changes", 1, (1, 2)), faults(
        view
    )
    view = await changed(chu, files(encounters=encounters("e4")), 5, 2)
    assert (view.state, view.follows, view.chain) == (DeliveryState.ACCEPTED, 2, (1, 2, 5)), faults(view)
    whole = await delivered(chu, WHOLE, 6)
    assert [each for each, _, _, _ in faults(whole)] == [Fault.DUPLICATE], (
        "what was accepted once is not accepted again"
    )
    listed = (await chu.service.deliveries(chu.store.op, ListDeliveries(provider="chu-ehr"))).deliveries
    assert [(each.number, each.kind, each.follows) for each in listed[1:]] == [
        (5, "changes", 2),
        (2, "changes", 1),
        (1, "whole", None),
    ]


async def test_the_receipt_says_what_changes_follow_and_that_of_a_whole_delivery_is_what_it_was(chu):
    await delivered(chu, WHOLE, 1)
    await changed(chu, CHANGES, 2, 1)
    with chu.store.database.read() as tx:
        provider = rows.provider(tx, "chu-ehr")
        first, second = (rows.delivery(tx, provider.id, number) for number in (1, 2))
    content = content_of(provider, second)
    assert content.follows == Follows(number=1, manifest_sha256=first.manifest_sha256)
    last = [entry for entry in chu.store.entries if entry.action == "intake.delivery.accept"][-1]
    assert last.details["digest"] == content.digest()
    assert b"follows" not in msgspec.json.encode(content_of(provider, first))


async def test_delivering_the_same_changes_again_changes_nothing(chu):
    await delivered(chu, WHOLE, 1)
    first = await changed(chu, CHANGES, 2, 1)
    again = await changed(chu, CHANGES, 2, 1)
    assert (again.id, again.attempt) == (first.id, 1)
    view = await changed(chu, CHANGES, 3, 1)
    assert about(view) == (Fault.DUPLICATE, "the same files were accepted as delivery 2")


async def test_a_value_that_changes_back_and_forth_is_told_by_the_same_files(chu):
    await delivered(chu, WHOLE, 1)
    to, fro = files(encounters=encounters("e2", day="2026-06-01")), files(encounters=encounters("e2"))
    for number, holds in ((2, to), (3, fro), (4, to)):
        assert (await changed(chu, holds, number, number - 1)).state is DeliveryState.ACCEPTED


# In their order


async def test_changes_before_anything_was_accepted_are_refused(chu):
    named = {"kind": "changes", "follows": {"number": 1, "manifest_sha256": "0" * 64}}
    view = await delivered(chu, CHANGES, 2, **named)
    assert about(view) == (Fault.GAP, "no delivery was accepted yet: deliver everything first")
    assert view.report.files == (), "no file was read"


async def test_a_gap_is_refused_and_named(chu):
    await delivered(chu, WHOLE, 1)
    said = await follow(chu, 1)
    said["follows"]["number"] = 2
    view = await delivered(chu, CHANGES, 3, **said)
    assert about(view) == (Fault.GAP, "there is no delivery 2; the last that was accepted is 1")
    assert (await changed(chu, files(encounters="a\n"), 2, 1)).state is DeliveryState.REFUSED
    view = await changed(chu, CHANGES, 3, 2)
    assert about(view) == (Fault.GAP, "delivery 2 was refused; the last that was accepted is 1")


async def test_a_fork_is_refused_whether_changes_or_a_whole_delivery_came_between(chu):
    await delivered(chu, WHOLE, 1)
    await changed(chu, CHANGES, 2, 1)
    view = await changed(chu, files(encounters=encounters("e4")), 3, 1)
    assert about(view) == (Fault.FORK, "delivery 2 was accepted after delivery 1: make the changes anew, after that")
    await delivered(chu, WHOLE | files(patients=patients("p1")), 4)
    view = await changed(chu, files(encounters=encounters("e5")), 5, 2)
    assert about(view)[0] is Fault.FORK and "a whole one, came after delivery 2" in about(view)[1]


async def test_changes_to_another_content_of_that_number_are_refused(chu):
    await delivered(chu, WHOLE, 1)
    view = await delivered(chu, CHANGES, 2, kind="changes", follows={"number": 1, "manifest_sha256": "0" * 64})
    assert about(view)[0] is Fault.OTHER_BASE


async def test_changes_that_come_before_a_steward_has_decided_are_handed_in_again(tmp_path, agreement):
    chu = await hospital(tmp_path, msgspec.structs.replace(agreement, acceptance=Acceptance.BY_STEWARD))
    await delivered(chu, WHOLE, 1)
    view = await changed(chu, CHANGES, 2, 1)
    assert about(view) == (Fault.TOO_SOON, "delivery 1 is not decided yet: hand this in again once it is")
    await chu.service.accept(chu.store.op, JudgeDelivery(provider="chu-ehr", number=1, reason=WHY))
    view = await changed(chu, CHANGES, 2, 1)
    assert (view.state, view.attempt, view.chain) == (DeliveryState.CHECKED, 2, ())
    chu.store.close()


async def test_of_two_that_follow_one_delivery_a_steward_accepts_the_first_only(tmp_path, agreement):
    chu = await hospital(tmp_path, msgspec.structs.replace(agreement, acceptance=Acceptance.BY_STEWARD))

    def accept(number):
        return chu.service.accept(chu.store.op, JudgeDelivery(provider="chu-ehr", number=number, reason=WHY))

    await delivered(chu, WHOLE, 1)
    await accept(1)
    for number in (2, 3):
        assert (
            await changed(chu, files(encounters=encounters(f"n{number}")), number, 1)
        ).state is DeliveryState.CHECKED
    assert (await accept(2)).chain == (1, 2)
    with pytest.raises(Conflict) as refused:
        await accept(3)
    assert refused.value.code == "intake.overtaken" and "delivery 2 was accepted after delivery 1" in refused.value.hint
    for number in (4, 5):
        await delivered(chu, WHOLE | files(patients=patients("p1", f"p{number}")), number)
    await accept(5)
    with pytest.raises(Conflict) as refused:
        await accept(4)
    assert refused.value.code == "intake.overtaken"
    chu.store.close()


async def test_changes_that_end_before_what_they_follow_or_come_after_another_agreement_are_refused(chu, agreement):
    await delivered(chu, WHOLE, 1)
    view = await changed(chu, CHANGES, 2, 1, period_until="2026-10-30")
    assert about(view) == (Fault.PERIOD, "the period ends before that of delivery 1")
    view = await changed(chu, CHANGES, 2, 1, period_until="2026-08-01", period_from="2026-07-01")
    assert about(view)[0] is Fault.STALE
    newer = msgspec.structs.replace(agreement, schema_version="2026.2")
    await chu.service.agree(chu.store.op, ChangeAgreement(provider="chu-ehr", agreement=newer))
    view = await changed(chu, CHANGES, 2, 1, schema_version="2026.2")
    assert about(view)[0] is Fault.SCHEMA_VERSION


async def test_changes_to_a_delivery_whose_files_are_gone_are_refused_and_say_which(chu):
    await delivered(chu, WHOLE, 1)
    await changed(chu, CHANGES, 2, 1)
    (file,) = [each for each in (await shown(chu, 1)).files if each.name == "patients.csv"]
    await chu.store.objects.deleting.delete(chu.store.op, chu.bucket, file.key, version_id=file.version)
    view = await changed(chu, files(encounters=encounters("e4")), 3, 2)
    assert about(view) == (Fault.OTHER_BASE, "files of delivery 1 are not in the store any more: deliver everything")


async def test_a_chain_has_an_end(chu, monkeypatch):
    monkeypatch.setattr(chaining, "MAX_CHANGES", 2)
    await delivered(chu, WHOLE, 1)
    for number in (2, 3):
        assert (await changed(chu, files(encounters=encounters(f"n{number}")), number, number - 1)).chain
    assert about(await changed(chu, files(encounters=encounters("n4")), 4, 3))[0] is Fault.CHANGES


async def test_a_link_that_is_not_there_is_damage(chu):
    await delivered(chu, WHOLE, 1)
    await changed(chu, CHANGES, 2, 1)
    with chu.store.database.read() as tx:
        found = rows.accepted(tx, rows.provider(tx, "chu-ehr").id, 2)
        said = msgspec.structs.replace(found.manifest, follows=Follows(number=1, manifest_sha256="0" * 64))
        with pytest.raises(Damaged):
            chaining.chain(tx, dataclasses.replace(found, manifest=said))


async def test_another_providers_delivery_is_never_what_changes_follow(chu, agreement):
    await delivered(chu, WHOLE, 1)
    await chu.store.bucket("other-in", kind="ingress")
    other = around(chu.store)
    bucket = chu.store.objects.buckets.find("other-in")
    await chu.store.objects.buckets.set_versioning(chu.store.op, bucket, Versioning.ENABLED)
    asked = RegisterProvider(name="other-ehr", title="Other", bucket="other-in", agreement=agreement)
    await chu.service.register(chu.store.op, asked)
    said = await follow(chu, 1) | {"provider": "other-ehr"}
    for name, (content, _) in CHANGES.items():
        await chu.store.put(bucket, f"2/{name}", content)
    await chu.store.put(bucket, "2/manifest.json", manifest_of(CHANGES, 2, **said))
    await other.examining.run()
    view = await chu.service.delivery(chu.store.op, NamedDelivery(provider="other-ehr", number=2))
    assert about(view) == (Fault.GAP, "no delivery was accepted yet: deliver everything first")
