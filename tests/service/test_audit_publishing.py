"""Checkpoints: signed by both keys, cosigned by witnesses, on disk as C2SP says, and never two histories."""

import asyncio
import shutil
from contextlib import contextmanager

import pytest

from nexus.audit import store
from nexus.audit.checkpointer import RETRY_AFTER, Checkpointer
from nexus.audit.model import LogPolicy
from nexus.audit.tiles import WIDTH, decode_bundle, tile_path
from nexus.audit.verification import LogVerification
from nexus.crypto.notes import Checkpoint, Note, verify_note
from nexus.kernel.clock import HOUR, SECOND
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Damaged, Sealed
from simulators import independent_log as c2sp
from simulators.audit_log import AuditPlatform
from simulators.operations import operation
from simulators.signers import LocalSigner, log_signers, signed


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    yield platform
    platform.dispose()


def checkpoint_file(log: AuditPlatform) -> str:
    return (log.data / "log" / "checkpoint").read_text()


def verified(log: AuditPlatform):
    return LogVerification(log.db, log.identity, log.data / "log", log.reader.opener).run()


class GrowsOnceRead:
    """A database that is read at one moment, after which the log grows and is published."""

    def __init__(self, log: AuditPlatform, loop: asyncio.AbstractEventLoop) -> None:
        self._log, self._loop, self._grown = log, loop, False

    def __getattr__(self, name):
        return getattr(self._log.db, name)

    @contextmanager
    def read(self):
        with self._log.db.read() as tx:
            yield tx
        if not self._grown:
            self._grown = True
            asyncio.run_coroutine_threadsafe(self._grow(), self._loop).result(30)

    async def _grow(self) -> None:
        await self._log.record(2)
        await self._log.checkpointer.publish()


@pytest.mark.parametrize("before", [0, 1])
async def test_a_log_that_grows_and_is_published_while_it_is_verified_is_not_called_cut_off(log, before):
    await log.record(3)
    for _ in range(before):
        await log.checkpointer.publish()
    growing = GrowsOnceRead(log, asyncio.get_running_loop())
    run = LogVerification(growing, log.identity, log.data / "log", log.reader.opener)
    found = await asyncio.to_thread(run.run)
    assert found.ok, found.problems


async def test_a_checkpoint_carries_both_log_signatures_and_every_cosignature(log):
    await log.record(3)
    published = await log.checkpointer.publish()
    assert published.witnessed
    assert published.failures == {}
    note = checkpoint_file(log)
    assert note == published.note
    for key in (*log.identity.keys, *(key for witness in log.witnesses for key in witness.keys.public)):
        assert c2sp.signature_time(str(key), note) is not None
    assert log.trust_policy.verify(Note.parse(note)).witnessed


async def test_what_is_published_is_not_published_again(log):
    assert await log.checkpointer.publish() is not None
    log.street.requests.clear()
    assert await log.checkpointer.publish() is None
    assert log.street.requests == []


async def test_an_empty_log_has_nothing_to_publish(tmp_path):
    log = AuditPlatform(tmp_path)
    await log.checkpointer.start()
    assert await log.checkpointer.publish() is None
    log.dispose()


async def test_the_static_files_are_the_tree_of_the_checkpoint(log):
    """Tiles and bundles, recomputed by code that knows only RFC 6962 and tlog-tiles."""
    for count in (1, 254, 1, 5, 300):
        await asyncio.gather(*(log.record(1) for _ in range(count)))
        await log.checkpointer.publish()
    size = Checkpoint.parse(Note.parse(checkpoint_file(log)).text).size
    root = log.data / "log"
    entries: list[bytes] = []
    for index in range((size + WIDTH - 1) // WIDTH):
        entries += decode_bundle((root / tile_path("entries", index, min(WIDTH, size - index * WIDTH))).read_bytes())
    assert len(entries) == size == 562
    assert c2sp.merkle_tree_hash(entries) == Checkpoint.parse(Note.parse(checkpoint_file(log)).text).root
    level1 = (root / "tile" / "1" / "000.p" / "2").read_bytes()
    assert level1 == c2sp.merkle_tree_hash(entries[:256]) + c2sp.merkle_tree_hash(entries[256:512])
    # A full tile has replaced its partial ones.
    assert not (root / "tile" / "0" / "000.p").exists()
    assert verified(log).ok


async def test_a_restart_goes_on_where_the_log_ended(log):
    await log.record(300)
    await log.checkpointer.publish()
    log.reopen()
    assert await log.checkpointer.start() == ()
    await log.record(300)
    published = await log.checkpointer.publish()
    assert published.size == 601
    assert published.witnessed
    assert verified(log).ok


async def test_lost_static_files_are_written_again_from_the_database(log):
    await log.record(300)
    await log.checkpointer.publish()
    log.checkpointer.close()
    shutil.rmtree(log.data / "log" / "tile")
    log.reopen()
    await log.checkpointer.start()
    assert verified(log).ok


async def test_a_log_is_published_by_one_process_at_a_time(log):
    second = Checkpointer(log.db, log.signers, log.data / "log", log.client, clock=log.clock)
    with pytest.raises(Conflict):
        await second.start()
    log.checkpointer.close()
    await second.start()
    second.close()


async def test_without_the_key_service_nothing_is_published_and_nothing_is_lost(log):
    for signer in log.signers:
        signer.sealed = True
    await log.record(3)
    with pytest.raises(Sealed):
        await log.checkpointer.publish()
    for signer in log.signers:
        signer.sealed = False
    assert (await log.checkpointer.publish()).size == 4


async def test_a_silent_witness_is_named_and_asked_again_later(log):
    log.street.down.add("w2.example")
    published = await log.checkpointer.publish()
    assert not published.witnessed
    assert list(published.failures) == ["w2.example"]
    # The other one has cosigned: the note says so, and is kept for the second to add its line.
    assert len(verify_note(Note.parse(published.note), log.witnesses[0].keys.public)) == 2
    log.street.down.clear()
    log.street.requests.clear()
    assert not (await log.checkpointer.publish()).witnessed, "it is left alone for a while"
    assert log.street.requests == []
    log.clock.advance(RETRY_AFTER + SECOND)
    again = await log.checkpointer.publish()
    assert again.witnessed
    assert again.size == published.size
    assert Note.parse(again.note).signatures[:2] == Note.parse(published.note).signatures[:2], "not signed anew"
    assert log.street.requests == ["POST w2.example"]


async def test_a_quorum_may_be_smaller_than_the_number_of_witnesses(log):
    await log.service.configure_log(operation("per_officer"), LogPolicy(witnesses=log.policy.witnesses, quorum=1))
    log.street.down.add("w2.example")
    assert (await log.checkpointer.publish()).witnessed


async def test_a_new_witness_is_told_from_the_beginning(log):
    await log.service.configure_log(operation("per_officer"), LogPolicy(witnesses=log.policy.witnesses[:1], quorum=1))
    await log.record(40)
    await log.checkpointer.publish()
    await log.service.configure_log(operation("per_officer"), log.policy)
    assert (await log.checkpointer.publish()).witnessed
    assert log.witnesses[1].store.by_origin(log.identity.origin).size == 43


async def test_a_witness_that_is_ahead_of_what_we_believe_is_asked_from_there(log):
    """Another worker published before this one started: the memory of what witnesses know is empty or old."""
    await log.record(10)
    await log.checkpointer.publish()
    log.checkpointer._known.clear()
    await log.record(10)
    assert (await log.checkpointer.publish()).witnessed


class LyingStore:
    """The memory of a witness that claims anything."""

    def __init__(self, size: int) -> None:
        self.size = size

    def by_origin(self, origin):
        return self

    def by_hash(self, digest):
        return None


async def test_a_witness_cannot_stop_the_platform_by_a_mere_claim(log):
    """Only a checkpoint signed by this log is evidence against it."""
    await log.checkpointer.publish()
    await log.record(1)
    log.witnesses[1].service._store = LyingStore(10**9)
    published = await log.checkpointer.publish()
    assert "no evidence" in published.failures["w2.example"]


async def test_a_checkpoint_that_this_log_never_signed_is_no_evidence(log):
    await log.record(1)
    await log.checkpointer.publish()
    text = str(Checkpoint(log.identity.origin, 10**9, bytes(32)))
    forged = str(signed(text, log_signers()))
    log.witnesses[1].service.latest = lambda digest: forged
    log.reopen()
    assert await log.checkpointer.start() == ("w2.example",), "it counts as one that did not answer"


async def test_a_signature_that_does_not_verify_is_never_published(log):
    await log.checkpointer.publish()
    before = checkpoint_file(log)
    await log.record(1)
    log.signers[1]._private = LocalSigner(type_=log.signers[1].key.type)._private
    log.street.requests.clear()
    with pytest.raises(Damaged):
        await log.checkpointer.publish()
    assert checkpoint_file(log) == before
    assert log.street.requests == [], "no witness has seen it"


async def test_old_checkpoints_are_thinned_to_one_an_hour(log):
    await log.checkpointer.publish()

    def fill(tx):
        for size in range(1000, 1400):
            tx.execute(
                "INSERT INTO audit_checkpoint VALUES (?, 'note', ?, 1)", (size, log.clock.now() + size * HOUR // 10)
            )

    await log.db.bookkeep(Bookkeeping.CHECKPOINT, fill)
    await log.db.bookkeep(Bookkeeping.CHECKPOINT, lambda tx: store.thin_checkpoints(tx, 100, HOUR))
    with log.db.read() as tx:
        sizes = [kept.size for kept in store.all_checkpoints(tx)]
    assert sizes[-100:] == list(range(1300, 1400))
    assert 30 <= len(sizes) - 100 <= 32


# What a start finds out


@pytest.mark.on_file
async def test_a_start_refuses_a_database_older_than_the_files_beside_it(log):
    await log.record(5)
    log.close()
    shutil.copy(log.data / "nexus.db", log.data / "old.db")
    log.open()
    await log.checkpointer.start()
    await log.record(5)
    await log.checkpointer.publish()
    log.close()
    (log.data / "old.db").replace(log.data / "nexus.db")
    log.open()
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.start()
    assert caught.value.code == "audit.rolled-back"
    assert caught.value.hint


async def test_a_start_without_its_witnesses_says_which_did_not_answer(log):
    log.street.down.update({"w1.example", "w2.example"})
    log.reopen()
    assert await log.checkpointer.start() == ("w1.example", "w2.example")


async def test_a_checkpoint_file_signed_by_somebody_else_is_refused(log):
    await log.checkpointer.publish()
    log.checkpointer.close()
    path = log.data / "log" / "checkpoint"
    path.write_text(path.read_text().replace("nexus.example/log", "other.example/log"))
    log.reopen()
    with pytest.raises(Damaged) as caught:
        await log.checkpointer.start()
    assert caught.value.code == "audit.checkpoint-signature"
