"""Searching the log: by every field, page by page, with and without filters; every search is itself an entry."""

from dataclasses import replace

import pytest
from msgspec import structs

from nexus.audit import model, store
from nexus.audit.filters import BLOCK_ENTRIES, Terms, may_hold
from nexus.audit.model import (
    ActorView,
    EntryContent,
    ErasePerson,
    ExportLog,
    ListEntries,
    ProveEntry,
    ReadLog,
    ResourceView,
    VerifyLog,
)
from nexus.audit.reader import AuditReader
from nexus.audit.service import AuditService
from nexus.crypto.hpke import OpeningKey, generate_seed
from nexus.kernel.clock import MINUTE, Instant
from nexus.kernel.errors import Damaged, Invalid, Sealed
from nexus.kernel.operation import Actor, ActorKind, Outcome, Resource
from simulators.audit_log import AUDITOR, PRIVATE_KEY, AuditPlatform, read_entry
from simulators.operations import operation


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    yield platform
    platform.dispose()


def subjects(entries: list[model.EntryView]) -> list[str]:
    return [entry.content.resource.id for entry in entries]


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
    assert subjects(await log.search(actor="per_ana")) == ["key_1", "ingress/a/1"]
    assert subjects(await log.search(action="objects.object.write")) == ["ingress/b/2"]
    assert subjects(await log.search(action="objects.*")) == ["ingress/b/2", "ingress/a/1"]
    assert subjects(await log.search(action="kms.key.ro*")) == ["key_1"]
    assert subjects(await log.search(resource="Key:key_1")) == ["key_1"]
    assert subjects(await log.search(resource="Object:ingress/b*")) == ["ingress/b/2"]
    assert subjects(await log.search(outcome=Outcome.FAILED)) == ["key_1"]
    assert subjects(await log.search(operation=other.id)) == ["ingress/b/2"]
    assert subjects(await log.search(since=later)) == ["ingress/b/2"]
    assert "ingress/b/2" not in subjects(await log.search(until=later))
    assert subjects(await log.search(actor="per_ana", outcome=Outcome.DENIED)) == []


async def test_what_concerned_a_patient_is_found_whoever_did_it(log):
    """NX-12, NX-16: a patient is told who used the data; the log is searched for her."""
    patient = "sub_01jd3v8f2x7q9k4m6n0p5r1s2t"
    await log.db.record(read_entry("per_ana", "a/1"))
    await log.db.record(replace(read_entry("per_ana", "a/2"), subject=patient))
    await log.db.record(replace(read_entry("per_ben", "a/3"), subject=patient))
    assert subjects(await log.search(subject=patient)) == ["ingress/a/3", "ingress/a/2"]
    assert subjects(await log.search(subject=patient, actor="per_ben")) == ["ingress/a/3"]
    assert subjects(await log.search(subject="per_ana")) == ["ingress/a/1"]
    assert await log.search(subject="sub_nobody") == []


async def test_a_key_of_a_person_is_found_under_the_person(log):
    actor = Actor("key_of_ana", ActorKind.MACHINE, person="per_ana")
    op = replace(operation(), actor=actor)
    await log.db.record(op.allowed("objects.object.read", Resource("Object", "b/k")))
    assert len(await log.search(actor="per_ana")) == 1
    assert len(await log.search(actor="key_of_ana")) == 1


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", "9" * 30])
async def test_a_forged_cursor_is_refused(log, cursor):
    with pytest.raises(Invalid):
        await log.search(cursor=cursor)


async def test_every_read_of_the_log_is_an_entry_of_the_log(log):
    """RG-19: who read the traces stands in the traces."""
    await log.checkpointer.publish()
    await log.search(actor="per_ana")
    await log.service.prove_entry(AUDITOR, ProveEntry(index=0))
    await log.service.read_log(AUDITOR, ReadLog())
    await log.service.verify_log(AUDITOR, VerifyLog())
    await log.service.export_log(AUDITOR, ExportLog(opened=True))
    actions = [entry.content.action for entry in await log.search(actor="per_auditor")]
    assert actions == [
        "audit.log.export",
        "audit.log.verify",
        "audit.log.read",
        "audit.entry.prove",
        "audit.entry.list",
    ]
    assert (await log.search(action="audit.entry.list"))[-1].content.details["actor"] == "per_ana"


async def test_nothing_is_read_if_the_reading_cannot_be_recorded(log):
    log.tamper("UPDATE audit_head SET root = x'00'")
    with pytest.raises(Damaged):
        await log.search()


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


async def test_filters_find_the_same_entries_with_less_work(log):
    indexer = await log.grow(2)
    wanted = [
        {"actor": "per_rare"},
        {"action": "kms.key.destroy"},
        {"action": "kms.*"},
        {"resource": "Key:key_9"},
        {"outcome": Outcome.DENIED},
        {"until": log.clock.now()},
        {"actor": "per_3", "resource": "Object:ingress/dir-4/1019"},
        {"actor": "per_nobody"},
        {"subject": "per_rare"},
        {"operation": (await log.search(actor="per_rare"))[0].content.operation},
    ]
    before = [[entry.index for entry in await log.search(**filters)] for filters in wanted]
    assert before[0] == [2 * BLOCK_ENTRIES - 499], "one entry before it configured the witnesses"
    assert await indexer.advance() == 2
    assert await indexer.advance() == 0
    opened = count_openings(log)
    after = [[entry.index for entry in await log.search(**filters)] for filters in wanted]
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

        def at(self, tx, places):
            count["entries"] += len(places)
            return opener.at(tx, places)

        chunk = opener.chunk

    log.reader.opener = Counting()
    return count


SAID = EntryContent(
    operation="op_1",
    actor=ActorView(id="mac_1", kind="machine", person="per_1"),
    action="objects.object.read",
    resource=ResourceView(type="Bucket", id="ward", attributes={}),
    purpose="care",
    origin="local",
    client="",
    door="s3",
    approval=None,
    at="",
    recorded="",
    outcome=Outcome.ALLOWED,
    subject="pat_1",
    details={},
)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"operation": "op_2"},
        {"actor": ActorView(id="mac_2", kind="machine", person="per_1")},
        {"actor": ActorView(id="mac_1", kind="machine", person="per_2")},
        {"subject": "pat_2"},
        {"action": "objects.object.write"},
        {"resource": ResourceView(type="Key", id="ward", attributes={})},
        {"resource": ResourceView(type="Bucket", id="lab/1", attributes={})},
        {"outcome": Outcome.DENIED},
    ],
)
def test_a_block_has_the_terms_of_each_of_its_entries_and_no_others(otherwise):
    terms, other = Terms(PRIVATE_KEY), structs.replace(SAID, **otherwise)
    one, two = terms.of_block([SAID]), terms.of_block([other])
    assert one != two
    assert terms.of_block([SAID, other, SAID]) == one | two


async def test_filters_say_nothing_without_the_private_key(log):
    """The same terms give unrelated filters under another key; no term stands in the database in the clear."""
    indexer = await log.grow(1)
    await indexer.advance()
    with log.db.read() as tx:
        _, _, bits = store.read_filter(tx, 0)
    own, other = log.reader._terms, Terms(OpeningKey(generate_seed()))
    assert may_hold(bits, [own.digest("actor", "per_3")])
    guesses = [other.digest("actor", f"per_{i}") for i in range(7)]
    assert sum(may_hold(bits, [guess]) for guess in guesses) < 2


async def test_a_long_search_goes_on_with_the_next_page(log):
    await log.grow(2)
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
