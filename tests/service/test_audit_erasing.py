"""Erasing a person: unreadable for good, on record, and every proof still verifies."""

import pytest

from nexus.audit import offline, store
from nexus.audit.model import ErasePerson, ProveEntry, VerifyLog
from nexus.kernel.errors import Invalid, NotFound
from simulators.audit_log import AUDITOR, AuditPlatform, read_entry
from simulators.operations import operation


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    yield platform
    platform.dispose()


async def test_an_erased_person_is_unreadable_and_every_proof_still_verifies(log):
    await log.record(3, "per_ana")
    await log.record(3, "per_bea")
    await log.checkpointer.publish()
    old_receipt, _ = log.reader.prove(1)
    erasure = await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked to be"))
    assert erasure.epochs == 1, "one process, one day"
    entries = {entry.index: entry for entry in await log.search()}
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
    record = next(iter(await log.search(action="audit.entry.erase")))
    assert record.content.details == {"epochs": 1, "digest": erasure.digest, "reason": "asked to be"}
    assert record.content.resource.id == "per_ana"


@pytest.mark.on_file
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
    assert len(await log.search(actor="per_ana")) == 1


async def test_another_process_stops_using_an_erased_key(log):
    other = AuditPlatform.__new__(AuditPlatform)
    other.__dict__.update(log.__dict__)
    other.open()
    await other.record(1, "per_ana")
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked"))
    await other.record(1, "per_ana")
    assert not (await log.search())[0].erased
    other.close()


async def test_the_record_of_an_erasure_outlives_the_erasure_of_who_did_it(log):
    await log.search()
    await log.record(1, "per_ana")
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked"))
    await log.service.erase_person(operation("per_second"), ErasePerson(person="per_auditor", reason="left"))
    assert len(await log.search(action="audit.entry.erase")) == 2
    assert (await log.service.verify_log(AUDITOR, VerifyLog())).ok


async def test_filters_do_not_remember_an_erased_person(log):
    indexer = await log.grow(2)
    await indexer.advance()
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_rare", reason="asked"))
    with log.db.read() as tx:
        assert store.indexed_blocks(tx) == {0}
    assert await indexer.advance() == 1
    assert log.reader.blocks_with("per_rare") == ([], 2)


async def test_an_erasure_during_indexing_leaves_no_filter_behind(log):
    indexer = await log.grow(1)
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
    assert await log.search(action="audit.entry.erase") == []
