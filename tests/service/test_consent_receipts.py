"""Every decision gives a receipt that verifies offline against the log, and nothing but the truth verifies."""

import json
import re
import zlib
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nexus.app.cli.consenting import verify_receipt
from nexus.app.wiring.consent import LogProofs
from nexus.audit import offline
from nexus.consent import receipt_format
from nexus.consent.migrations import MIGRATIONS
from nexus.consent.model import Decision, DecisionKind
from nexus.consent.receipt_format import LABEL, Receipt
from nexus.consent.requests import GetReceipt, ReceiptForm, Tongue
from nexus.kernel.errors import Damaged, Denied, Invalid, NexusError, NotFound
from simulators.audit_log import AuditPlatform
from simulators.consents import Clinic, deny, permit

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "formats" / "consent-receipt-vectors.json"


class House:
    """Consent over a real audit log with witnesses."""

    def __init__(self, log: AuditPlatform) -> None:
        self.log = log
        self.clinic = Clinic(log.db, None, clock=log.clock, proofs=LogProofs(lambda: log.reader))

    async def receipt(self, account: str, subject: str, decision: str, **more) -> bytes:
        await self.log.checkpointer.publish()
        asked = GetReceipt(subject=subject, decision=decision, **more)
        return (await self.clinic.service.receipts.own(self.clinic.op(account), asked)).content

    def verify(self, file: bytes):
        return receipt_format.verify(file, lambda text: offline.verify_receipt(text, self.log.trust))


@pytest.fixture
async def house(tmp_path):
    log = await AuditPlatform(tmp_path, witnesses=1).start()
    log.db.migrate(MIGRATIONS)
    yield House(log)
    log.dispose()


async def test_each_act_of_a_patient_gives_a_receipt_that_verifies(house: House):
    """EMC: consent provable, as easy to withdraw as to give."""
    subject, patient = await house.clinic.patient()
    given = await house.clinic.decide(patient, subject, permit(projects=("p",)), deny("education"))
    acts = [
        given,
        await house.clinic.withdraw(patient, subject, given.id),
        await house.clinic.object(patient, subject),
        await house.clinic.lift(patient, subject),
    ]
    for act in acts:
        proven = house.verify(await house.receipt(patient, subject, act.id))
        assert (proven.decision, proven.subject, proven.kind, proven.site) == (act.id, subject, act.kind, "chu")
        assert len(proven.cosigned) == 2
    first = house.verify(await house.receipt(patient, subject, given.id))
    assert (first.permits, first.denies) == (("research",), ("education",))


async def test_a_receipt_has_the_fields_of_ts_27560(house: House):
    subject, patient = await house.clinic.patient()
    made = await house.clinic.decide(patient, subject, permit(projects=("p",)))
    record = msgspec.json.decode(await house.receipt(patient, subject, made.id))["record"]
    assert {
        "schema_version",
        "record_id",
        "pii_principal_id",
        "pii_processing",
        "party_identification",
        "event",
    } == set(record)
    (purpose,) = record["pii_processing"]["purposes"]
    assert {
        *("purpose", "purpose_type", "lawful_basis", "pii_information", "pii_controllers", "storage_locations"),
        *("jurisdiction", "withdrawal_method", "privacy_rights"),
    } <= set(purpose)
    assert (record["event"][0]["event_state"], record["party_identification"][0]["party_id"]) == ("decided", "chu")


async def forged(house: House) -> dict[str, bytes]:
    """Receipts that say something else than what was decided, each signed anew by whoever forged it."""
    subject, patient = await house.clinic.patient()
    made = await house.clinic.decide(patient, subject, permit())
    other = await house.clinic.decide(patient, subject, deny("education"))
    true = msgspec.json.decode(await house.receipt(patient, subject, made.id))
    of_other = msgspec.json.decode(await house.receipt(patient, subject, other.id))
    key = Ed25519PrivateKey.generate()

    def signed_anew(document: dict) -> bytes:
        content = {name: document[name] for name in ("format", "circumstances", "decision", "record")}
        message = LABEL + msgspec.json.encode(content, order="sorted")
        public, value = key.public_key().public_bytes_raw(), key.sign(message)
        signature = {
            **document["signature"],
            "public_key": b64encode(public).decode(),
            "value": b64encode(value).decode(),
        }
        return msgspec.json.encode({**document, "signature": signature}, order="sorted")

    def changed(**parts) -> dict:
        return {**json.loads(json.dumps(true)), **parts}

    wider = json.loads(json.dumps(true["decision"]))
    wider["provisions"][0]["purposes"] = ["research", "statistics"]
    decision = msgspec.convert(wider, Decision)
    circumstances = msgspec.convert(true["circumstances"], receipt_format.Circumstances)
    elsewhere = msgspec.structs.replace(circumstances, site="lyon")
    honest = msgspec.convert(true["decision"], Decision)
    return {
        "a decision with one purpose more": signed_anew(
            changed(decision=wider, record=receipt_format.record_of(decision, circumstances))
        ),
        "a record that says more than the decision": signed_anew(
            changed(record=receipt_format.record_of(decision, circumstances))
        ),
        "the proof of another decision": signed_anew(changed(log=of_other["log"])),
        "another site": signed_anew(
            changed(circumstances=msgspec.to_builtins(elsewhere), record=receipt_format.record_of(honest, elsewhere))
        ),
        "an earlier decision number": signed_anew(changed(decision={**true["decision"], "number": 7})),
        "a field that nobody knows": signed_anew(changed(decision={**true["decision"], "more": True})),
        "a signature of other content": msgspec.json.encode(
            changed(circumstances={**true["circumstances"], "language": "en"}), order="sorted"
        ),
        "no receipt": b"{}",
    }


async def test_no_forged_receipt_verifies(house: House):
    for what, file in (await forged(house)).items():
        with pytest.raises((Damaged, Invalid)):
            house.verify(file)
            pytest.fail(f"it verifies: {what}")


async def test_a_receipt_of_another_log_proves_nothing(house: House, tmp_path):
    subject, patient = await house.clinic.patient()
    made = await house.clinic.decide(patient, subject, permit())
    file = await house.receipt(patient, subject, made.id)
    (tmp_path / "other").mkdir()
    stranger = await AuditPlatform(tmp_path / "other").start()
    try:
        with pytest.raises(NexusError):
            receipt_format.verify(file, lambda text: offline.verify_receipt(text, stranger.trust))
    finally:
        stranger.dispose()


async def test_only_who_decides_for_the_subject_gets_the_receipt(house: House):
    subject, patient = await house.clinic.patient()
    _, other = await house.clinic.patient()
    made = await house.clinic.decide(patient, subject, permit())
    with pytest.raises(Denied):
        await house.receipt(other, subject, made.id)
    mine, me = await house.clinic.patient()
    with pytest.raises(NotFound):
        await house.receipt(me, mine, made.id)


@pytest.mark.parametrize("language", Tongue)
async def test_the_printed_receipt_reads_in_both_languages_and_carries_the_file(house: House, language):
    subject, patient = await house.clinic.patient()
    made = await house.clinic.decide(patient, subject, permit(projects=("étude-π",)), deny("care-improvement"))
    printed = await house.receipt(patient, subject, made.id, form=ReceiptForm.PDF, language=language)
    assert printed.startswith(b"%PDF")
    streams = [inflated(raw) for raw in re.findall(rb"stream\n(.*?)\nendstream", printed, re.DOTALL)]
    shown = b"".join(streams)
    expected = {
        Tongue.FRENCH: ("Récépissé de votre décision", "amélioration des soins"),
        Tongue.ENGLISH: ("Receipt of your decision", "care improvement"),
    }
    for text in (*expected[language], made.id):
        assert text.encode("latin-1") in shown, text
    attached = next(stream for stream in streams if stream.startswith(b'{"circumstances"'))
    assert house.verify(attached).decision == made.id


def inflated(raw: bytes) -> bytes:
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return raw


async def test_the_command_line_verifies_with_files_alone(house: House, tmp_path):
    subject, patient = await house.clinic.patient()
    made = await house.clinic.decide(patient, subject, permit())
    file, policy = tmp_path / "r.json", tmp_path / "policy"
    file.write_bytes(await house.receipt(patient, subject, made.id))
    policy.write_text(house.log.trust)
    result = CliRunner().invoke(verify_receipt, [str(file), "--policy", str(policy), "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["decision"] == made.id


def test_the_published_vector_verifies():
    vector = json.loads(VECTORS.read_text())
    file = vector["receipt"].encode()
    proven = receipt_format.verify(file, lambda text: offline.verify_receipt(text, vector["policy"]))
    assert json.loads(msgspec.json.encode(proven)) == vector["verified"]
    receipt = msgspec.json.decode(file, type=Receipt)
    decision = msgspec.convert(receipt.decision, Decision)
    assert decision.digest() == vector["digest"] and decision.kind is DecisionKind.PERMISSIONS
