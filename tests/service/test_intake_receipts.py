"""The receipt of a delivery verifies offline; nothing but the truth does. EMC-07."""

import json

import msgspec
import pytest

from nexus.audit.model import EntryContent, ProvenEntry
from nexus.crypto.signatures import signed
from nexus.kernel.errors import Conflict, Damaged, Invalid
from nexus.kernel.operation import Outcome
from nexus.warehouse.intake import receipt_format
from nexus.warehouse.intake.model import DeliveryState
from nexus.warehouse.intake.requests import NamedDelivery
from simulators.extracts import hospital, many, rows_as_csv
from simulators.file_signer import LocalFileSigner

GOOD = {"stays.csv": (rows_as_csv(*many(40)), 40)}
BAD = {"stays.csv": (rows_as_csv({"note": "ecrire a x@y.fr"}), 1)}


class Shown:
    """The port `Proofs`: the proof of an entry is its place in memory."""

    def __init__(self):
        self.entries = []

    async def of_operation(self, operation, delivery):
        found = [at for at, entry in enumerate(self.entries) if entry.details.get("delivery") == delivery]
        decided = [at for at in found if "digest" in self.entries[at].details]
        return str(decided[-1])

    def prove(self, log):
        entry = self.entries[int(log)]
        content = msgspec.structs.replace(
            _blank(),
            outcome=entry.outcome,
            details=dict(entry.details),
            resource=msgspec.structs.replace(_blank().resource, attributes=dict(entry.resource.attributes)),
        )
        return ProvenEntry(**{**_proven(), "content": content, "index": int(log)})


def _blank():
    return msgspec.convert(
        {
            "recorded": "2026-11-27T10:00:00.000000Z",
            "operation": "op_1",
            "at": "2026-11-27T10:00:00.000000Z",
            "action": "intake.delivery.accept",
            "actor": {"id": "per_1", "kind": "person"},
            "resource": {"type": "Bucket", "id": "chu-in"},
            "outcome": Outcome.ALLOWED.value,
            "purpose": "operation",
            "origin": "local",
            "door": "api",
            "client": "",
            "approval": None,
            "subject": None,
            "details": {},
        },
        EntryContent,
    )


def _proven():
    fields = {field.name for field in msgspec.structs.fields(ProvenEntry)}
    known = {
        "origin": "log.example",
        "index": 0,
        "checkpoint_size": 9,
        "checkpoint_root": "",
        "cosigned": {},
        "content": None,
    }
    return {name: value for name, value in known.items() if name in fields}


@pytest.fixture
async def chu(tmp_path):
    shown = Shown()
    made = await hospital(tmp_path, signer=LocalFileSigner(), proofs=shown)
    shown.entries = made.store.entries
    made.shown = shown
    yield made
    made.store.close()


async def receipt(chu, files, number=1):
    await chu.deliver(files, number, f"{number}/")
    await chu.examining.run()
    return await chu.service.receipt(chu.store.op, NamedDelivery(provider="chu-ehr", number=number))


async def test_an_accepted_delivery_and_a_refused_one_have_a_receipt_that_verifies(chu):
    for number, (files, state) in enumerate(((GOOD, "accepted"), (BAD, "refused")), start=1):
        given = await receipt(chu, files, number)
        proved = receipt_format.verify(given.content, chu.shown.prove)
        assert (proved.provider, proved.number, proved.state) == ("chu-ehr", number, DeliveryState(state))
        assert given.name == f"delivery-chu-ehr-{number}.json"
    assert b"clear-identifier" in given.content and b"x@y.fr" not in given.content


async def test_nothing_is_certified_before_it_is_decided(chu):
    await chu.deliver(GOOD)
    await chu.examining.notice()
    with pytest.raises(Conflict):
        await chu.service.receipt(chu.store.op, NamedDelivery(provider="chu-ehr", number=1))


async def test_no_forged_receipt_verifies(chu):
    given = json.loads((await receipt(chu, GOOD)).content)
    refused = json.loads((await receipt(chu, BAD, 2)).content)

    def forged(**change):
        return msgspec.json.encode({**given, **change})

    file = {**given["delivery"]["files"][0], "rows": 41}
    strangers = signed("key_x.1", LocalFileSigner().public, b"s" * 64)
    attempts = [
        forged(delivery={**given["delivery"], "files": [file]}),
        forged(delivery={**given["delivery"], "state": "refused"}),
        forged(delivery={**given["delivery"], "site": "elsewhere"}),
        forged(log=refused["log"]),
        forged(signature=refused["signature"]),
        forged(signature=msgspec.to_builtins(strangers)),
    ]
    for attempt in attempts:
        with pytest.raises(Damaged):
            receipt_format.verify(attempt, chu.shown.prove)
    for other in (b"{}", b"", forged(format="nexus.delivery-receipt/2"), forged(more=1), b"x" * (9 << 20)):
        with pytest.raises(Invalid):
            receipt_format.verify(other, chu.shown.prove)


async def test_whoever_signs_anew_proves_nothing_that_the_log_does_not_hold(chu):
    given = msgspec.json.decode((await receipt(chu, GOOD)).content, type=receipt_format.Receipt)
    content = msgspec.structs.replace(given.delivery, number=7)
    signature = await LocalFileSigner().sign(None, receipt_format.message_of(content))
    with pytest.raises(Damaged) as refused:
        receipt_format.verify(receipt_format.encode(content, signature, given.log), chu.shown.prove)
    assert refused.value.code == "intake.receipt-entry"
