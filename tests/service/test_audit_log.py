"""Writing the audit log: with the change or not at all, in one line of growth, unreadable for who writes it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.audit import store
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS
from nexus.audit.model import ListEntries
from nexus.audit.payload import MAX_PAYLOAD_BYTES
from nexus.audit.store import read_head
from nexus.crypto.merkle import EMPTY_ROOT, leaf_hash, tree_root
from nexus.kernel.database import Migration, Recorded
from nexus.kernel.errors import Conflict, Invalid, NexusError
from nexus.kernel.operation import Resource
from nexus.kernel.secret import Secret
from simulators.audit_log import PRIVATE_KEY, AuditPlatform, read_entry
from simulators.databases import database as open_database
from simulators.operations import operation


@pytest.fixture
def log(tmp_path):
    platform = AuditPlatform(tmp_path)
    platform.db.migrate([Migration("demo", 1, ("CREATE TABLE demo (name TEXT UNIQUE) STRICT",))])
    yield platform
    platform.dispose()


def head(log: AuditPlatform) -> store.Head:
    with log.db.read() as tx:
        return read_head(tx)


def leaves(log: AuditPlatform) -> list[bytes]:
    with log.db.read() as tx:
        return [row[0] for row in tx.all("SELECT leaf FROM audit_leaf ORDER BY position")]


def contents(log: AuditPlatform) -> list[str]:
    rows = log.reader.opener.rows(log.db, 0, head(log).size)
    return [row.entry.content().resource.id for row in rows]


def test_a_new_log_is_empty(log):
    assert (head(log).size, head(log).root) == (0, EMPTY_ROOT)


async def test_the_head_commits_to_every_entry_in_order(log):
    await asyncio.gather(*(log.db.record(read_entry(key=f"{i:03d}")) for i in range(100)))
    assert head(log).size == 100
    assert head(log).root == tree_root(map(leaf_hash, leaves(log)))
    assert contents(log) == [f"ingress/{i:03d}" for i in range(100)]


async def test_the_change_and_its_entry_commit_together(log):
    def work(tx):
        tx.execute("INSERT INTO demo VALUES ('ana')")
        return Recorded(None, read_entry(key="ana"))

    await log.db.write(work)
    with pytest.raises(NexusError):
        await log.db.write(work)
    assert head(log).size == 1


class BreaksBetweenLeafAndHead(AuditLog):
    """A crash at the worst moment, as an exception."""

    armed = True

    def record(self, tx, entries):
        super().record(_WithoutHead(tx) if self.armed else tx, entries)


class _WithoutHead:
    def __init__(self, tx):
        self._tx = tx

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def execute(self, sql, parameters=()):
        if sql.startswith("UPDATE audit_head"):
            raise OSError("power cut")
        return self._tx.execute(sql, parameters)


async def test_a_crash_between_leaf_and_head_leaves_nothing(log):
    recorder = BreaksBetweenLeafAndHead(PRIVATE_KEY.public)
    broken = open_database(log.data / "nexus.db", key=None, recorder=recorder)

    def work(tx):
        tx.execute("INSERT INTO demo VALUES ('ana')")
        return Recorded(None, read_entry())

    with pytest.raises(NexusError):
        await broken.write(work)
    with broken.read() as tx:
        assert tx.all("SELECT * FROM demo") == tx.all("SELECT * FROM audit_leaf") == tx.all("SELECT * FROM audit_epoch")
    # The same process goes on, with the key that was rolled back with the entry.
    recorder.armed = False
    await broken.write(work)
    await broken.record(read_entry(key="second"))
    broken.close()
    assert contents(log) == ["ingress/scan.dcm", "ingress/second"]


async def test_a_head_that_has_moved_is_not_swapped(log):
    await log.db.record(read_entry())

    def swap_twice(tx):
        old = read_head(tx)
        stale = read_head(tx)
        old.frontier.extend([bytes(32)])
        store.swap_head(tx, stale, old.frontier)
        store.swap_head(tx, stale, old.frontier)
        return Recorded(None, read_entry())

    with pytest.raises(Conflict):
        await log.db.write(swap_twice)
    assert head(log).size == 1


WRITER = """
import asyncio, sys
sys.path[:0] = {path!r}
from pathlib import Path
from simulators.audit_log import PRIVATE_KEY, read_entry
from nexus.audit.log import AuditLog
from simulators.databases import database as open_database

async def main(name):
    db = open_database(Path({file!r}), key=None, recorder=AuditLog(PRIVATE_KEY.public))
    for i in range(60):
        await asyncio.gather(*(db.record(read_entry(person="per_" + name, key=f"{{name}}-{{i}}-{{j}}")) for j in range(3)))
    db.close()

asyncio.run(main(sys.argv[1]))
"""


def test_processes_that_append_together_never_fork_the_log(log):
    """AP-04: one line of growth, whoever writes."""
    program = WRITER.format(path=sys.path, file=str(log.data / "nexus.db"))
    writers = [subprocess.Popen([sys.executable, "-c", program, name]) for name in ("ana", "bea")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert head(log).size == 360
    assert head(log).root == tree_root(map(leaf_hash, leaves(log)))
    written = contents(log)
    for name in ("ana", "bea"):
        own = [key for key in written if f"/{name}-" in key]
        rounds = [int(key.split("-")[1]) for key in own]
        assert len(set(own)) == 180
        assert rounds == sorted(rounds)


async def test_an_entry_says_who_what_on_what_why_whence_and_when(log):
    """NX-12, EMC-12: each action stands in the log once, with all that an auditor asks."""
    op = operation("per_alice", purpose="care", door="s3")
    await log.db.record(op.denied("objects.object.read", Resource("Object", "b/k", {"site": "chu"}), bytes=17))
    content = log.reader.page(ListEntries()).entries[0].content
    assert (content.operation, content.purpose, content.origin, content.door) == (op.id, "care", "127.0.0.1", "s3")
    assert (content.actor.id, content.actor.kind, content.actor.person) == ("per_alice", "person", "per_alice")
    assert (content.action, content.outcome) == ("objects.object.read", "denied")
    assert (content.resource.type, content.resource.id, content.resource.attributes) == (
        "Object",
        "b/k",
        {"site": "chu"},
    )
    assert (content.at, content.recorded) == ("2027-01-15T08:00:00.000000Z", "2027-01-15T08:00:00.000000Z")
    assert content.details == {"bytes": 17}


async def test_no_file_holds_what_an_entry_says(log):
    await log.db.record(read_entry("per_canary", "canary-key"))
    log.close()
    for file in log.data.rglob("*"):
        if file.is_file():
            assert b"canary" not in file.read_bytes(), file.name
    log.open()


async def test_a_writer_cannot_read_entries_of_another_run(log):
    """Each run of a process seals with keys of its own: what it holds opens nothing older."""
    await log.db.record(read_entry())
    log.reopen()
    await log.db.record(read_entry())
    with log.db.read() as tx:
        assert len({row[0] for row in tx.all("SELECT epoch FROM audit_leaf")}) == 2


async def test_a_key_is_sealed_once_for_each_person_and_day(log):
    await log.record(5, "per_ana")
    await log.record(5, "per_bea")
    log.clock.advance(25 * 3_600 * 1_000_000)
    await log.record(1, "per_ana")
    with log.db.read() as tx:
        assert tx.all("SELECT count(*) FROM audit_epoch") == [(3,)]


async def test_an_entry_too_long_is_refused_and_its_neighbours_are_kept(log):
    jobs = [log.db.record(read_entry(key="a")), log.db.record(read_entry(key="x" * MAX_PAYLOAD_BYTES))]
    outcomes = await asyncio.gather(*jobs, log.db.record(read_entry(key="b")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Invalid, type(None)]
    assert contents(log) == ["ingress/a", "ingress/b"]


async def test_a_name_that_is_no_text_can_still_be_recorded(log):
    await log.db.record(read_entry("per_\udcff", "broken-\ud800-name"))
    assert contents(log) == ["ingress/broken-\\ud800-name"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_leaf",
        "UPDATE audit_leaf SET leaf = x'00'",
        "UPDATE audit_head SET size = 0",
        "DELETE FROM audit_head",
    ],
)
async def test_the_database_itself_refuses_to_rewrite_the_log(log, statement):
    """AP-04, RG-34: a purge is refused, whoever asks."""
    await log.db.record(read_entry())
    with pytest.raises(NexusError):
        await log.db.write(lambda tx: Recorded(tx.execute(statement), read_entry()))
    assert head(log).size == 1


def test_migrations_apply_to_an_encrypted_database(tmp_path: Path):
    db = open_database(tmp_path / "e.db", key=Secret(b"k" * 32), recorder=AuditLog(PRIVATE_KEY.public))
    db.migrate(MIGRATIONS)
    db.submit(lambda tx: Recorded(None, read_entry())).result()
    db.close()
