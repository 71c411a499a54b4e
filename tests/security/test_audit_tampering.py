"""Whoever rewrites the log is found out: each kind of tampering, with every file and key that the platform has.

AP-04: tamper with one byte, delete one record: verification fails. The attacker of these tests holds the database, its
key and the disk; not the log's signing keys, not the witnesses.
"""

import shutil

import pytest

from nexus.audit.model import ErasePerson, LogPolicy, VerifyLog
from nexus.audit.verification import LogVerification
from nexus.crypto.merkle import Frontier, leaf_hash
from nexus.kernel.database import Recorded
from nexus.kernel.errors import Damaged
from simulators.audit_log import AuditPlatform, read_entry
from simulators.operations import operation

AUDITOR = operation("per_auditor", purpose="audit")
COUNT = 300


@pytest.fixture
async def log(tmp_path):
    """300 published and witnessed entries in two bundles, and five that came after."""
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    for _ in range(COUNT - 1):
        platform.db.submit(_entry)
    await platform.record(0)
    await platform.db.record(read_entry())
    await platform.checkpointer.publish()
    for _ in range(5):
        await platform.record(1)
    yield platform
    platform.dispose()


def _entry(tx):
    return Recorded(None, read_entry())


async def verify(log: AuditPlatform):
    return await log.service.verify_log(AUDITOR, VerifyLog())


async def found(log: AuditPlatform) -> set[tuple[str, int | None]]:
    result = await verify(log)
    assert result.ok is (not result.problems)
    return {(problem.code, problem.index) for problem in result.problems}


def recompute_head(log: AuditPlatform) -> None:
    """What a careful attacker does after touching entries: make the head fit again."""
    with log.db.read() as tx:
        leaves = [row[0] for row in tx.all("SELECT leaf FROM audit_leaf ORDER BY position")]
    frontier = Frontier()
    frontier.extend(map(leaf_hash, leaves))
    log.tamper(
        f"UPDATE audit_head SET size = {frontier.size}, root = x'{frontier.root().hex()}',"
        f" frontier = x'{frontier.encode().hex()}'"
    )


async def test_an_untouched_log_is_whole(log):
    result = await verify(log)
    assert result.ok, result.problems
    assert (result.opened, result.checkpoints) == (COUNT + 6, 1)
    assert set(result.witnesses) == {"w1.example", "w2.example"}
    assert result.unreached == ()
    assert (await log.checkpointer.publish()).witnessed


# One byte

OTHER = "CASE substr({0}, {1}, 1) WHEN x'00' THEN x'01' ELSE x'00' END"
"""Another value for one byte of a column, whatever it is now."""


async def test_a_byte_of_a_sealed_entry(log):
    log.tamper(
        f"UPDATE audit_leaf SET sealed = CAST(substr(sealed, 1, 40) || {OTHER.format('sealed', 41)} || substr(sealed, 42) AS BLOB) WHERE position = 17"
    )
    assert await found(log) == {("audit.sealed-entry", 17)}


async def test_a_byte_of_a_leaf(log):
    log.tamper(
        f"UPDATE audit_leaf SET leaf = CAST(substr(leaf, 1, 20) || {OTHER.format('leaf', 21)} || substr(leaf, 22) AS BLOB) WHERE position = 17"
    )
    problems = await found(log)
    assert {("audit.sealed-entry", 17), ("audit.leaf", 17), ("audit.bundle", 17)} <= problems
    assert ("audit.root", None) in problems
    assert {index for _, index in problems} == {17, None}
    with pytest.raises(Damaged):
        log.reader.prove(17)


async def test_an_entry_replaced_by_another_one_that_opens(log):
    """The seal, the leaf, everything fits but the place."""
    log.tamper(
        "UPDATE audit_leaf SET (leaf, sealed, epoch) ="
        " (SELECT leaf, sealed, epoch FROM audit_leaf WHERE position = 40) WHERE position = 17"
    )
    assert {("audit.leaf", 17), ("audit.bundle", 17), ("audit.root", None)} <= await found(log)


async def test_two_entries_swapped(log):
    columns = "leaf, sealed, epoch"
    log.tamper(
        f"CREATE TABLE kept AS SELECT {columns} FROM audit_leaf WHERE position = 17",
        f"UPDATE audit_leaf SET ({columns}) = (SELECT {columns} FROM audit_leaf WHERE position = 18) WHERE position = 17",
        f"UPDATE audit_leaf SET ({columns}) = (SELECT {columns} FROM kept) WHERE position = 18",
    )
    result = await verify(log)
    assert {(problem.code, problem.index) for problem in result.problems} >= {("audit.leaf", 17), ("audit.bundle", 17)}
    assert "1 after it" in result.problems[0].message


@pytest.mark.parametrize("relative", ["tile/0/000", "tile/0/001.p/45", "tile/1/000.p/1"])
async def test_a_byte_of_a_tile(log, relative):
    path = log.data / "log" / relative
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    level1 = relative.startswith("tile/1")
    index = 0 if level1 or relative.endswith("000") else 256
    assert await found(log) == {("audit.tile" if level1 else "audit.leaf", index)}


async def test_a_byte_of_an_entry_bundle(log):
    path = log.data / "log" / "tile" / "entries" / "000"
    content = bytearray(path.read_bytes())
    content[35 * 9 + 10] ^= 1
    path.write_bytes(content)
    assert await found(log) == {("audit.bundle", 9)}


async def test_a_missing_tile(log):
    (log.data / "log" / "tile" / "0" / "000").unlink()
    assert ("audit.tile-missing", None) in await found(log)


async def test_a_byte_of_the_checkpoint_file(log):
    path = log.data / "log" / "checkpoint"
    path.write_text(path.read_text().replace("\n301\n", "\n300\n"))
    assert ("note.bad-signature", None) in await found(log)


async def test_a_byte_of_a_stored_checkpoint(log):
    log.tamper(
        "UPDATE audit_checkpoint SET note = replace(note, char(10) || '301' || char(10), char(10) || '300' || char(10))"
    )
    assert ("note.bad-signature", None) in await found(log)


async def test_a_byte_of_the_head(log):
    log.tamper(f"UPDATE audit_head SET root = CAST({OTHER.format('root', 1)} || substr(root, 2) AS BLOB)")
    result = await look(log)
    assert "audit.head" in {problem.code for problem in result.problems}
    with pytest.raises(Damaged):
        await log.db.record(read_entry())
    with pytest.raises(Damaged):
        await log.checkpointer.start()


async def look(log: AuditPlatform):
    """A damaged head takes no more entries, not even the one that says that somebody looked."""
    return LogVerification(log.db, log.identity, log.data / "log", log.reader.opener).run()


# Deleted, truncated


async def test_a_deleted_entry(log):
    log.tamper("DELETE FROM audit_leaf WHERE position = 17")
    assert ("audit.entry-missing", 17) in await found(log)


async def test_a_deleted_entry_with_the_others_moved_up_and_a_new_head(log):
    log.tamper(
        "DELETE FROM audit_leaf WHERE position = 17",
        "UPDATE audit_leaf SET position = -position WHERE position > 17",
        "UPDATE audit_leaf SET position = -position - 1 WHERE position < 0",
    )
    recompute_head(log)
    problems = await found(log)
    assert ("audit.leaf", 17) in problems
    assert ("audit.forked", None) in problems
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.start()
    assert caught.value.code == "audit.forked"


@pytest.mark.parametrize("left", [302, 200])
async def test_a_truncated_log_with_its_head_left_behind(log, left):
    log.tamper(f"DELETE FROM audit_leaf WHERE position >= {left}")
    assert ("audit.entry-missing", left) in await found_without_writing(log)
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.start()
    assert caught.value.code == "audit.entry-missing"


async def found_without_writing(log):
    return {(problem.code, problem.index) for problem in (await look(log)).problems}


async def test_a_truncated_log_with_a_new_head(log):
    log.tamper("DELETE FROM audit_leaf WHERE position >= 200")
    recompute_head(log)
    problems = await found_without_writing(log)
    assert ("audit.rolled-back", None) in problems
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.start()
    assert caught.value.code == "audit.rolled-back"


async def test_entries_cut_off_behind_the_last_checkpoint_are_only_seen_by_the_head(log):
    """Five entries came after the checkpoint. To remove them one has to forge the head; then nothing remembers them.

    This is the window that the interval between two checkpoints leaves open: docs/explanation/audit-log.md says so.
    """
    log.tamper("DELETE FROM audit_leaf WHERE position >= 301")
    assert ("audit.entry-missing", 301) in await found_without_writing(log)
    recompute_head(log)
    assert (await verify(log)).ok


# Rolled back


def copy_of(log: AuditPlatform, name: str):
    """A copy of the whole data directory, as a backup or a thief makes it."""
    log.close()
    copy = log.data.with_name(name)
    shutil.copytree(log.data, copy)
    log.open()
    return copy


def restore(log: AuditPlatform, copy) -> None:
    log.close()
    shutil.rmtree(log.data)
    shutil.copytree(copy, log.data)
    log.open()


async def test_an_old_copy_of_the_whole_data_directory_is_found_out_by_the_witnesses(log):
    """Database, tiles and checkpoint agree with each other: nothing on this machine can tell. The witnesses can."""
    old = copy_of(log, "old")
    await log.checkpointer.start()
    await log.record(10)
    await log.checkpointer.publish()
    restore(log, old)
    result = await verify(log)
    assert {problem.code for problem in result.problems} == {"audit.rolled-back"}
    assert result.witnesses == ()
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.start()
    assert caught.value.code == "audit.rolled-back"
    assert "witness w" in caught.value.message


async def test_a_rolled_back_log_that_grew_another_way_is_a_fork(log):
    old = copy_of(log, "old")
    await log.checkpointer.start()
    await log.record(10)
    await log.checkpointer.publish()
    restore(log, old)
    for _ in range(20):
        await log.db.record(read_entry(key="another history"))
    assert {problem.code for problem in (await verify(log)).problems} == {"audit.forked"}
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.start()
    assert caught.value.code == "audit.forked"


async def test_a_fork_that_starts_while_the_witnesses_are_away_ends_when_they_are_back(log):
    old = copy_of(log, "old")
    await log.checkpointer.start()
    await log.record(10)
    await log.checkpointer.publish()
    restore(log, old)
    log.street.down.update({"w1.example", "w2.example"})
    assert await log.checkpointer.start() == ("w1.example", "w2.example")
    for _ in range(20):
        await log.db.record(read_entry(key="another history"))
    assert not (await log.checkpointer.publish()).witnessed
    log.street.down.clear()
    log.clock.advance(60_000_000)
    await log.record(1)
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.publish()
    assert caught.value.code == "audit.forked"


async def test_a_rollback_is_found_by_the_next_checkpoint_too(log):
    old = copy_of(log, "old")
    await log.checkpointer.start()
    await log.record(10)
    await log.checkpointer.publish()
    restore(log, old)
    log.street.down.update({"w1.example", "w2.example"})
    await log.checkpointer.start()
    log.street.down.clear()
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.publish()
    assert caught.value.code == "audit.rolled-back"


async def test_without_any_witness_a_complete_rollback_is_not_found_out(log):
    """Stated, not hidden: it is why a log without witnesses is reported as degraded."""
    await log.service.configure_log(AUDITOR, LogPolicy())
    await log.checkpointer.publish()
    old = copy_of(log, "old")
    await log.checkpointer.start()
    await log.record(10)
    await log.checkpointer.publish()
    restore(log, old)
    await log.checkpointer.start()
    assert (await verify(log)).ok


# Made unreadable


async def test_keys_removed_without_an_erasure(log):
    log.tamper("DELETE FROM audit_epoch")
    problems = await found(log)
    assert ("audit.epoch-missing", 17) in problems


async def test_keys_removed_as_if_erased(log):
    log.tamper("UPDATE audit_epoch SET sealed = NULL, person = NULL, erased_by = 'op_invented'")
    assert ("audit.erasure-unrecorded", None) in await found(log)


async def test_more_keys_removed_under_the_cover_of_a_true_erasure(log):
    await log.record(2, "per_ana")
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_ana", reason="asked"))
    assert (await verify(log)).ok
    log.tamper(
        "UPDATE audit_epoch SET sealed = NULL, person = NULL,"
        " erased_by = (SELECT erased_by FROM audit_epoch WHERE erased_by IS NOT NULL) WHERE sealed IS NOT NULL"
        " AND id = (SELECT epoch FROM audit_leaf WHERE position = 17)"
    )
    assert ("audit.erasure-unrecorded", None) in await found(log)


async def test_an_epoch_key_put_in_anothers_place(log):
    await log.record(1, "per_ana")
    log.tamper(
        "UPDATE audit_epoch SET sealed = (SELECT e.sealed FROM audit_epoch e JOIN audit_leaf l ON l.epoch = e.id"
        " WHERE l.position = 306) WHERE id = (SELECT epoch FROM audit_leaf WHERE position = 17)"
    )
    assert ("hpke.open", 17) in await found(log)
