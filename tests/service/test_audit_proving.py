"""Receipts: they verify offline, by independent code too, and nothing but the truth verifies."""

import asyncio

import pytest

from nexus.audit import offline
from nexus.audit.model import ProveEntry
from nexus.audit.receipt import verify_receipt
from nexus.audit.service import AuditService
from nexus.crypto.notes import Note
from nexus.kernel.errors import Damaged, Invalid, NotFound, Unavailable
from simulators import independent_log
from simulators.audit_log import AUDITOR, AuditPlatform


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    yield platform
    platform.dispose()


async def test_a_receipt_verifies_offline_here_and_by_independent_code(log):
    """AP-04: one read, proved to an outsider who has nothing but public keys."""
    await log.record(20)
    await log.checkpointer.publish()
    receipt = await log.service.prove_entry(AUDITOR, ProveEntry(index=7))
    assert receipt.witnessed
    proven = offline.verify_receipt(receipt.text, log.trust)
    assert proven.content.resource.id == "ingress/scan-6.dcm"
    assert len(proven.cosigned) == 4
    said = independent_log.check_receipt(
        receipt.text,
        [str(key) for key in log.identity.keys],
        [str(key) for witness in log.witnesses for key in witness.keys.public],
    )
    assert said["resource"]["id"] == "ingress/scan-6.dcm"
    assert said["actor"]["id"] == "per_alice"


async def test_every_entry_of_every_published_size_can_be_proved(log):
    for count in (1, 1, 60, 200):
        await log.record(count)
        published = await log.checkpointer.publish()
        for index in {0, published.size // 2, published.size - 1}:
            text, _ = log.reader.prove(index)
            assert verify_receipt(text, log.trust_policy).index == index


async def test_an_altered_receipt_proves_nothing(log):
    await log.record(5)
    await log.checkpointer.publish()
    text = (await log.service.prove_entry(AUDITOR, ProveEntry(index=3))).text
    lines = text.split("\n")
    other = (await log.service.prove_entry(AUDITOR, ProveEntry(index=2))).text.split("\n")
    variants = [
        text.replace("index 3", "index 2"),
        text.replace("index 3", "index 100"),
        "\n".join([*lines[:3], *lines[4:]]),
        "\n".join([*lines[:1], other[1], *lines[2:]]),
        "\n".join([*lines[:1], "extra AQ==", *lines[2:]]),
        "\n".join([*lines[:1], "extra " + "Ag" + "A" * 42, *lines[2:]]),
        text.replace("tlog-proof@v1", "tlog-proof@v2"),
        text[: len(text) // 2],
        text.rsplit("— nexus.example/log", 1)[0],
        "",
    ]
    for variant in variants:
        assert variant != text
        with pytest.raises((Damaged, Invalid)):
            verify_receipt(variant, log.trust_policy)
    for at in range(0, len(text), 37):
        if text[at].isalnum() and text[at] != "A":
            with pytest.raises((Damaged, Invalid)):
                verify_receipt(text[:at] + "A" + text[at + 1 :], log.trust_policy)


async def test_both_log_signatures_and_every_witness_of_the_quorum_are_required(log):
    """A forger has to break Ed25519 and ML-DSA-44, and to win over the witnesses."""
    await log.checkpointer.publish()
    text = (await log.service.prove_entry(AUDITOR, ProveEntry(index=0))).text
    head, _, note = text.partition("\n\n")
    signatures = Note.parse(note).signatures
    assert len(signatures) == 6
    for missing in range(6):
        fewer = Note(Note.parse(note).text, tuple(s for at, s in enumerate(signatures) if at != missing))
        with pytest.raises(Damaged) as caught:
            verify_receipt(f"{head}\n\n{fewer}", log.trust_policy)
        assert caught.value.code == ("policy.log-signature" if missing < 2 else "policy.quorum")


async def test_a_receipt_of_another_log_proves_nothing_here(log, tmp_path):
    (tmp_path / "other").mkdir()
    other = await AuditPlatform(tmp_path / "other").start()
    await other.checkpointer.publish()
    text, _ = other.reader.prove(0)
    with pytest.raises(Damaged):
        verify_receipt(text, log.trust_policy)
    other.dispose()


async def test_a_fresh_entry_waits_for_its_checkpoint(log):
    await log.checkpointer.publish()
    await log.record(1)

    async def publish_soon():
        await asyncio.sleep(0.2)
        await log.checkpointer.publish()

    receipt, _ = await asyncio.gather(log.service.prove_entry(AUDITOR, ProveEntry(index=1)), publish_soon())
    assert receipt.checkpoint_size == 2


async def test_a_proof_that_cannot_be_made_says_why(log):
    hasty = AuditService(log.db, log.identity, lambda: log.reader, log.data / "log", prove_wait_s=0.0)
    with pytest.raises(Unavailable) as caught:
        await hasty.prove_entry(AUDITOR, ProveEntry(index=0))
    assert caught.value.code == "audit.no-checkpoint"
    with pytest.raises(NotFound):
        await log.service.prove_entry(AUDITOR, ProveEntry(index=10**6))


async def test_a_receipt_that_does_not_verify_is_never_handed_out(log):
    await log.record(5)
    await log.checkpointer.publish()
    tile = next((log.data / "log" / "tile" / "0").rglob("6"))
    tile.write_bytes(bytes(len(tile.read_bytes())))
    with pytest.raises(Damaged):
        await log.service.prove_entry(AUDITOR, ProveEntry(index=2))
