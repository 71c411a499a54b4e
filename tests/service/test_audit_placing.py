"""What concerns a person is found whole and in order, however far the index of places has come."""

import asyncio
import random

import apsw
import pytest

from nexus.audit import store
from nexus.audit.concerning import Wanted
from nexus.audit.epochs import person_tag
from nexus.audit.model import ErasePerson
from nexus.audit.opening import EntryOpener
from nexus.audit.placing import Placing
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import NexusError
from simulators.audit_log import PRIVATE_KEY, AuditPlatform, read_entry
from simulators.operations import operation

STEP = 64
PERSONS = [f"per_{number}" for number in range(9)]


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=1).start()
    yield platform
    platform.dispose()


async def grow(log: AuditPlatform, count: int, seed: int) -> None:
    dice = random.Random(seed)
    await asyncio.gather(*(log.db.record(read_entry(dice.choice(PERSONS), f"scan-{n}")) for n in range(count)))


def known(log: AuditPlatform, person: str) -> list[int]:
    with log.db.read() as tx:
        return store.places_of_persons(tx, [person_tag(person)], store.end_of_leaves(tx))


def truth(log: AuditPlatform) -> dict[str, list[int]]:
    """By opening every entry."""
    with log.db.read() as tx:
        end = store.end_of_leaves(tx)
    found: dict[str, list[int]] = {}
    for row in EntryOpener(PRIVATE_KEY).rows(log.db, 0, end):
        found.setdefault(row.entry.content().actor.id, []).append(row.index)
    return found


async def test_a_history_is_the_same_whether_its_places_are_written_or_not(log):
    """NX-16: what the patient is shown lacks nothing, at no moment."""
    for turn in range(4):
        await grow(log, 90, seed=turn)
        expected = truth(log)
        while True:
            assert {person: known(log, person) for person in PERSONS} == {p: expected[p] for p in PERSONS}
            page = log.reader.concerning.page(("per_3",), Wanted(lambda content: True, limit=1_000))
            assert [place for place, _ in page.entries] == expected["per_3"][::-1]
            if not await Placing(log.db, STEP).advance():
                break
    with log.db.read() as tx:
        until, (count,) = store.placed(tx), tx.one("SELECT count(*) FROM audit_place")
        assert until == count >= 4 * 90 - STEP


async def test_two_that_place_at_once_place_each_entry_once(log):
    await grow(log, 3 * STEP, seed=5)
    await asyncio.gather(*(Placing(log.db, STEP).advance() for _ in range(4)))
    expected = truth(log)
    assert {person: known(log, person) for person in PERSONS} == {p: expected[p] for p in PERSONS}


async def test_an_erased_person_is_found_no_more_and_the_others_are(log):
    await grow(log, 2 * STEP, seed=6)
    await Placing(log.db, STEP).advance()
    others = {person: known(log, person) for person in PERSONS[1:]}
    await log.service.erase_person(operation("per_officer"), ErasePerson(person=PERSONS[0], reason="asked for"))
    assert known(log, PERSONS[0]) == []
    assert {person: known(log, person)[: len(places)] for person, places in others.items()} == others


@pytest.mark.parametrize(
    "sql", ["DELETE FROM audit_place", "UPDATE audit_place SET epoch = 1", "UPDATE audit_placed SET until = 0"]
)
async def test_no_place_is_taken_back(log, sql):
    await grow(log, 2 * STEP, seed=7)
    assert await Placing(log.db, STEP).advance()
    with pytest.raises((NexusError, apsw.Error)):
        await log.db.bookkeep(Bookkeeping.INDEX, lambda tx: tx.execute(sql))
