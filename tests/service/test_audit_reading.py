"""Reading the log: search, prove, erase, export; every read is itself an entry."""

import asyncio
import json
from dataclasses import replace

import pytest

from nexus.audit import model, offline, store
from nexus.audit.export_files import write_export
from nexus.audit.filters import BLOCK_ENTRIES, Terms, may_hold
from nexus.audit.indexer import AuditIndexer
from nexus.audit.model import ErasePerson, ExportLog, ListEntries, LogPolicy, ProveEntry, ReadLog, VerifyLog
from nexus.audit.reader import AuditReader
from nexus.audit.receipt import verify_receipt
from nexus.audit.service import AuditService
from nexus.crypto.hpke import OpeningKey, generate_seed
from nexus.crypto.notes import Note
from nexus.kernel.clock import MINUTE, Instant
from nexus.kernel.errors import Damaged, Invalid, NotFound, Sealed, Unavailable
from nexus.kernel.operation import Actor, ActorKind, Outcome, Resource
from simulators import independent_log
from simulators.audit_log import PRIVATE_KEY, AuditPlatform, read_entry
from simulators.operations import operation

AUDITOR = operation("per_auditor", purpose="audit")


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    yield platform
    platform.dispose()


async def search(log: AuditPlatform, **wanted) -> list[model.EntryView]:
    return list((await log.service.list_entries(AUDITOR, ListEntries(**wanted))).entries)


def subjects(entries: list[model.EntryView]) -> list[str]:
    return [entry.content.resource.id for entry in entries]


# Searching


async def test_entries_come_newest_first_and_page_by_page(log):
    await log.record(7)
    first = await log.service.list_entries(AUDITOR, ListEntries(limit=3))
    assert [entry.index for entry in first.entries] == [7, 6, 5]
    following = await log.service.list_entries(AUDITOR, ListEntries(limit=10, cursor=first.next))
    assert [entry.index for entry in following.entries] == [4, 3, 2, 1, 0]
    assert following.next is None


async def test_every_filter_finds_its_entries_and_no_others(log):
    """NX-12: by actor, action, resource, outcome, operation and period."""
    other = operation("mac_pacs", at=log.clock.now() + MINUTE)
    await log.db.record(read_entry("per_ana", "a/1"))
    await log.db.record(other.denied("objects.object.write", Resource("Object", "ingress/b/2")))
    await log.db.record(operation("per_ana").failed("kms.key.rotate", Resource("Key", "key_1")))
    later = Instant(log.clock.now() + MINUTE)
    assert subjects(await search(log, actor="per_ana")) == ["key_1", "ingress/a/1"]
    assert subjects(await search(log, action="objects.object.write")) == ["ingress/b/2"]
    assert subjects(await search(log, action="objects.*")) == ["ingress/b/2", "ingress/a/1"]
    assert subjects(await search(log, action="kms.key.ro*")) == ["key_1"]
    assert subjects(await search(log, resource="Key:key_1")) == ["key_1"]
    assert subjects(await search(log, resource="Object:ingress/b*")) == ["ingress/b/2"]
    assert subjects(await search(log, outcome=Outcome.FAILED)) == ["key_1"]
    assert subjects(await search(log, operation=other.id)) == ["ingress/b/2"]
    assert subjects(await search(log, since=later)) == ["ingress/b/2"]
    assert "ingress/b/2" not in subjects(await search(log, until=later))
    assert subjects(await search(log, actor="per_ana", outcome=Outcome.DENIED)) == []


async def test_a_key_of_a_person_is_found_under_the_person(log):
    actor = Actor("key_of_ana", ActorKind.MACHINE, person="per_ana")
    op = replace(operation(), actor=actor)
    await log.db.record(op.allowed("objects.object.read", Resource("Object", "b/k")))
    assert len(await search(log, actor="per_ana")) == 1
    assert len(await search(log, actor="key_of_ana")) == 1


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", "9" * 30])
async def test_a_forged_cursor_is_refused(log, cursor):
    with pytest.raises(Invalid):
        await search(log, cursor=cursor)


async def test_every_read_of_the_log_is_an_entry_of_the_log(log):
    """RG-19: who read the traces stands in the traces."""
    await log.checkpointer.publish()
    await search(log, actor="per_ana")
    await log.service.prove_entry(AUDITOR, ProveEntry(index=0))
    await log.service.read_log(AUDITOR, ReadLog())
    await log.service.verify_log(AUDITOR, VerifyLog())
    await log.service.export_log(AUDITOR, ExportLog(opened=True))
    actions = [entry.content.action for entry in await search(log, actor="per_auditor")]
    assert actions == [
        "audit.log.export",
        "audit.log.verify",
        "audit.log.read",
        "audit.entry.prove",
        "audit.entry.list",
    ]
    assert (await search(log, action="audit.entry.list"))[-1].content.details["actor"] == "per_ana"


async def test_nothing_is_read_if_the_reading_cannot_be_recorded(log):
    log.tamper("UPDATE audit_head SET root = x'00'")
    with pytest.raises(Damaged):
        await search(log)


async def test_without_the_private_key_every_reading_fails_closed(log):
    def sealed():
        raise Sealed("the key service is sealed")

    closed = AuditService(log.db, log.identity, sealed, log.data / "log")
    for call in (
        closed.list_entries(AUDITOR, ListEntries()),
        closed.prove_entry(AUDITOR, ProveEntry(index=0)),
        closed.verify_log(AUDITOR, VerifyLog()),
        closed.export_log(AUDITOR, ExportLog(opened=True)),
        closed.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked")),
    ):
        with pytest.raises(Sealed):
            await call


# Searching with filters


async def grown(log: AuditPlatform, blocks: int) -> AuditIndexer:
    """A log of some full blocks, one rare entry in the last of them."""
    entries = [read_entry(f"per_{i % 7}", f"dir-{i % 5}/{i}") for i in range(blocks * BLOCK_ENTRIES)]
    entries[-500] = operation("per_rare", at=log.clock.now() - MINUTE).denied(
        "kms.key.destroy", Resource("Key", "key_9")
    )
    await asyncio.gather(*map(log.db.record, entries))
    return AuditIndexer(log.db, log.reader)


async def test_filters_find_the_same_entries_with_less_work(log):
    indexer = await grown(log, 2)
    wanted = [
        {"actor": "per_rare"},
        {"action": "kms.key.destroy"},
        {"action": "kms.*"},
        {"resource": "Key:key_9"},
        {"outcome": Outcome.DENIED},
        {"until": log.clock.now()},
        {"actor": "per_3", "resource": "Object:ingress/dir-4/1019"},
        {"actor": "per_nobody"},
    ]
    before = [[entry.index for entry in await search(log, **filters)] for filters in wanted]
    assert before[0] == [2 * BLOCK_ENTRIES - 499], "one entry before it configured the witnesses"
    assert await indexer.advance() == 2
    assert await indexer.advance() == 0
    opened = count_openings(log)
    after = [[entry.index for entry in await search(log, **filters)] for filters in wanted]
    assert after == before
    assert opened["entries"] < len(wanted) * BLOCK_ENTRIES


def count_openings(log: AuditPlatform) -> dict[str, int]:
    """Counts entries that the reader opens from now on."""
    count = {"entries": 0}
    opener = log.reader.opener

    class Counting:
        def rows(self, db, first, end):
            count["entries"] += end - first
            return opener.rows(db, first, end)

        chunk = opener.chunk

    log.reader.opener = Counting()
    return count


async def test_filters_say_nothing_without_the_private_key(log):
    """The same terms give unrelated filters under another key; no term stands in the database in the clear."""
    indexer = await grown(log, 1)
    await indexer.advance()
    with log.db.read() as tx:
        _, _, bits = store.read_filter(tx, 0)
    own, other = log.reader._terms, Terms(OpeningKey(generate_seed()))
    assert may_hold(bits, [own.digest("actor", "per_3")])
    guesses = [other.digest("actor", f"per_{i}") for i in range(7)]
    assert sum(may_hold(bits, [guess]) for guess in guesses) < 2


async def test_a_long_search_goes_on_with_the_next_page(log):
    await grown(log, 2)
    log.reader = AuditReader(log.db, PRIVATE_KEY, log.data / "log", max_scanned=512)
    cursor, found, pages = None, [], 0
    while True:
        page = await log.service.list_entries(AUDITOR, ListEntries(actor="per_rare", cursor=cursor))
        found += page.entries
        cursor, pages = page.next, pages + 1
        if cursor is None:
            break
    assert [entry.content.action for entry in found] == ["kms.key.destroy"]
    assert pages > 3


# Proving


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


# Erasing


async def test_an_erased_person_is_unreadable_and_every_proof_still_verifies(log):
    await log.record(3, "per_ana")
    await log.record(3, "per_bea")
    await log.checkpointer.publish()
    old_receipt, _ = log.reader.prove(1)
    erasure = await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked to be"))
    assert erasure.epochs == 1, "one process, one day"
    entries = {entry.index: entry for entry in await search(log)}
    assert [entries[i].erased for i in range(8)] == [False, True, True, True, False, False, False, False]
    assert entries[1].content is None
    # A receipt given before still proves what it proved; a new one proves the place and no more.
    assert offline.verify_receipt(old_receipt, log.trust).content.actor.id == "per_ana"
    await log.checkpointer.publish()
    proven = offline.verify_receipt((await log.service.prove_entry(AUDITOR, ProveEntry(index=1))).text, log.trust)
    assert proven.content is None
    # The log is whole, and says who erased whom and why.
    result = await log.service.verify_log(AUDITOR, VerifyLog())
    assert result.ok, result.problems
    assert result.erased == 3
    record = next(iter(await search(log, action="audit.entry.erase")))
    assert record.content.details == {"epochs": 1, "digest": erasure.digest, "reason": "asked to be"}
    assert record.content.resource.id == "per_ana"


async def test_no_byte_of_an_erased_key_stays_in_the_database(log):
    await log.record(1, "per_ana")
    with log.db.read() as tx:
        sealed = tx.one("SELECT sealed FROM audit_epoch WHERE person IS NOT NULL ORDER BY rowid DESC LIMIT 1")[0]
        rows = [row[0] for row in tx.all("SELECT sealed FROM audit_epoch")]
    assert sealed in rows
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked"))
    log.close()
    content = (log.data / "nexus.db").read_bytes()
    gone = [row for row in rows if row[200:260] not in content]
    assert len(gone) == 1
    log.open()
    await log.checkpointer.start()


async def test_whoever_acts_after_the_erasure_gets_a_new_key(log):
    await log.record(1, "per_ana")
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked"))
    await log.record(1, "per_ana")
    assert len(await search(log, actor="per_ana")) == 1


async def test_another_process_stops_using_an_erased_key(log):
    other = AuditPlatform.__new__(AuditPlatform)
    other.__dict__.update(log.__dict__)
    other.open()
    await other.record(1, "per_ana")
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked"))
    await other.record(1, "per_ana")
    assert not (await search(log))[0].erased
    other.close()


async def test_the_record_of_an_erasure_outlives_the_erasure_of_who_did_it(log):
    await search(log)
    await log.record(1, "per_ana")
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked"))
    await log.service.erase_person(operation("per_second"), ErasePerson(person="per_auditor", reason="left"))
    assert len(await search(log, action="audit.entry.erase")) == 2
    assert (await log.service.verify_log(AUDITOR, VerifyLog())).ok


async def test_filters_do_not_remember_an_erased_person(log):
    indexer = await grown(log, 2)
    await indexer.advance()
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_rare", reason="asked"))
    with log.db.read() as tx:
        assert store.indexed_blocks(tx) == {0}
    assert await indexer.advance() == 1
    assert log.reader.blocks_with("per_rare") == ([], 2)


async def test_an_erasure_during_indexing_leaves_no_filter_behind(log):
    indexer = await grown(log, 1)
    missing, erasures = indexer._missing(8)
    row = log.reader.filter_of(missing[0])
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_3", reason="asked"))

    class Slow:
        def filter_of(self, block):
            return row

    indexer._reader = Slow()
    indexer._missing = lambda limit: (missing, erasures)
    assert await indexer.advance() == 0


@pytest.mark.parametrize("person", ["system:worker", "anonymous", "audit:erasures"])
async def test_what_the_platform_did_by_itself_cannot_be_erased(log, person):
    await log.db.record(read_entry(person))
    with pytest.raises(Invalid):
        await log.service.erase_person(AUDITOR, ErasePerson(person=person, reason="to hide"))


async def test_erasing_nobody_is_an_error_and_no_entry(log):
    with pytest.raises(NotFound):
        await log.service.erase_person(AUDITOR, ErasePerson(person="per_nobody", reason="asked"))
    assert await search(log, action="audit.entry.erase") == []


# State, policy, export


async def test_the_state_is_all_that_an_outsider_needs(log):
    assert (await log.service.read_log(AUDITOR, ReadLog())).checkpoint is None
    await log.checkpointer.publish()
    state = await log.service.read_log(AUDITOR, ReadLog())
    assert state.witnessed
    assert state.policy == log.trust
    assert state.keys == tuple(map(str, log.identity.keys))
    assert Note.parse(state.checkpoint)
    assert state.published_at == log.clock.now()


async def test_a_policy_that_cannot_be_met_is_refused(log):
    spec = log.policy.witnesses[0]
    for policy in (
        LogPolicy(witnesses=(spec,), quorum=2),
        LogPolicy(witnesses=(spec, spec), quorum=1),
        LogPolicy(witnesses=(model.WitnessSpec(name="w", url="https://w", keys=("nonsense",)),), quorum=1),
    ):
        with pytest.raises(Invalid):
            await log.service.configure_log(AUDITOR, policy)


async def export(log: AuditPlatform, directory, *, opened: bool) -> None:
    pages, first, size = [], 0, 0
    while True:
        page = await log.service.export_log(AUDITOR, ExportLog(first=first, size=size, limit=100, opened=opened))
        pages.append(page)
        size = page.size
        if page.next is None:
            break
        first = page.next
    write_export(directory, pages)


async def test_an_exported_log_is_checked_without_any_secret(log, tmp_path):
    """AP-20: an auditor takes a copy along and checks it with public keys."""
    await log.record(300)
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_officer", reason="asked"))
    await log.checkpointer.publish()
    await export(log, tmp_path / "copy", opened=True)
    seen = []
    result = offline.verify_directory(tmp_path / "copy", log.trust, lambda done, total: seen.append((done, total)))
    assert result.ok, result.problems
    assert (result.size, result.opened) == (302, 301)
    assert seen[-1] == (302, 302)
    lines = [json.loads(line) for line in (tmp_path / "copy" / "entries.ndjson").read_text().splitlines()]
    assert lines[5]["entry"]["resource"]["id"] == "ingress/scan-5.dcm"
    # By default the copy holds no word of any entry.
    await export(log, tmp_path / "closed", opened=False)
    assert not (tmp_path / "closed" / "entries.ndjson").exists()
    assert offline.verify_directory(tmp_path / "closed", None).ok


async def test_the_logs_own_directory_is_an_export_too(log):
    await log.record(10)
    await log.checkpointer.publish()
    assert offline.verify_directory(log.data / "log", log.trust).ok


async def test_an_export_that_does_not_exist_is_refused(log, tmp_path):
    with pytest.raises(NotFound):
        await log.service.export_log(AUDITOR, ExportLog(size=12345))
    with pytest.raises(NotFound):
        offline.verify_directory(tmp_path, None)
