"""The ledger holds every pseudonym once, and lets none stand for two. R-093, EMC-05."""

import os

import pytest

from nexus.kernel.database import Recorded
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from nexus.pseudonyms import ledger, second_level
from nexus.pseudonyms.function import Pseudonymising, fresh_secret
from nexus.pseudonyms.notation import Domain
from nexus.pseudonyms.renewing import Renewing
from simulators.databases import database as open_database
from simulators.operations import operation
from simulators.recorder import MemoryRecorder

ENTRY = operation().allowed("pseudonyms.enter", PLATFORM)
HUB, PROJECT = Domain("EMC2", 1), Domain("PRJA", 1)


@pytest.fixture
def db(tmp_path):
    database = open_database(tmp_path / "linkage.db", key=Secret(b"k" * 32), recorder=MemoryRecorder())
    database.migrate(ledger.SCHEMAS)
    yield database
    database.close()


@pytest.fixture
def hub():
    return Pseudonymising(HUB, fresh_secret())


def links(count):
    return [os.urandom(32) for _ in range(count)]


async def enter(db, made, some):
    return await db.write(lambda tx: Recorded(ledger.enter(tx, made, some), ENTRY))


async def test_entering_twice_is_one_entry_and_the_same_pseudonym(db, hub):
    some = links(50)
    first = await enter(db, hub, some)
    assert await enter(db, hub, [*some, *some]) == [*first, *first]
    with db.read() as tx:
        assert tx.one("SELECT count(*) FROM pseudonyms_given") == (50,)


_OLD = {
    1: "INSERT INTO pseudonyms_ledger (domain, epoch, body, link) VALUES (?, ?, ?, ?)",
    2: "INSERT INTO pseudonyms_entered (domain, epoch, body, link) VALUES (?, ?, ?, ?)",
}


@pytest.mark.parametrize("version", [1, 2])
async def test_a_ledger_of_an_older_version_goes_on_with_everybody_in_it(tmp_path, hub, version):
    """It is laid out anew: each pseudonym still leads to its link, enters no second time, and is contradicted by none."""
    database = open_database(tmp_path / "old.db", key=Secret(b"k" * 32), recorder=MemoryRecorder())
    database.migrate(ledger.SCHEMAS[:version])
    some = links(200)
    rows = [(HUB.name, HUB.epoch, hub.body(link), link) for link in some]
    await database.write(lambda tx: Recorded(tx.execute_many(_OLD[version], rows), ENTRY))
    database.migrate(ledger.SCHEMAS)
    bodies = await enter(database, hub, some)
    with database.read() as tx:
        assert ledger.links_of(tx, HUB, bodies) == some
        assert ledger.count(tx, HUB) == len(some)
    with pytest.raises(Conflict):
        await enter(database, Pseudonymising(HUB, fresh_secret()), some[:1])
    database.close()


class Colliding(Pseudonymising):
    """A function that is broken in the way that the ledger is there to find."""

    def bodies(self, links):
        return [b"\x01" * 20 for _ in links]


async def test_two_links_that_share_a_pseudonym_are_refused_and_nothing_stays(db):
    with pytest.raises(Conflict) as refused:
        await enter(db, Colliding(HUB, fresh_secret()), links(2))
    assert refused.value.code == "pseudonyms.collision"
    with db.read() as tx:
        assert tx.one("SELECT count(*) FROM pseudonyms_given") == (0,)


class Halving(Pseudonymising):
    """Gives every second link another one's pseudonym."""

    def bodies(self, links):
        return super().bodies([link[:31] + bytes([link[31] & 0xFE]) for link in links])


async def test_one_collision_among_many_and_with_what_was_there_is_found(db):
    made = Halving(HUB, fresh_secret())
    even = [link[:31] + bytes([link[31] & 0xFE]) for link in links(30)]
    assert len(await enter(db, made, even)) == 30
    with pytest.raises(Conflict):
        await enter(db, made, [*links(1), even[3][:31] + bytes([even[3][31] | 1])])
    with db.read() as tx:
        assert tx.one("SELECT count(*) FROM pseudonyms_given") == (30,)


async def test_another_secret_under_the_same_epoch_is_found_out(db, hub):
    """Also where nobody of the batch was there before: one who was is computed again."""
    some = links(3)
    await enter(db, hub, some)
    for these in (some[:1], links(1)):
        with pytest.raises(Conflict) as refused:
            await enter(db, Pseudonymising(HUB, fresh_secret()), these)
        assert refused.value.code == "pseudonyms.collision"
    with db.read() as tx:
        assert ledger.count(tx, HUB) == 3


@pytest.mark.parametrize("many", [1, ledger.PIECE - 1, ledger.PIECE, ledger.PIECE + 1, 3 * ledger.PIECE])
async def test_everybody_is_looked_up_in_the_order_that_was_asked_or_nobody(db, hub, many):
    some = links(many)
    bodies = await enter(db, hub, some)
    with db.read() as tx:
        assert ledger.links_of(tx, HUB, bodies[::-1] + bodies) == some[::-1] + some
        assert ledger.links_of(tx, HUB, []) == []
        with pytest.raises(NotFound):
            ledger.links_of(tx, HUB, [*bodies, os.urandom(20)])


async def test_a_transfer_gives_new_pseudonyms_and_only_to_known_ones(db, hub):
    project = Pseudonymising(PROJECT, fresh_secret())
    some = links(20)
    bodies = await enter(db, hub, some)
    moved = await db.write(lambda tx: Recorded(ledger.transfer(tx, HUB, project, bodies), ENTRY))
    assert set(moved).isdisjoint(bodies)
    assert moved == [project.body(link) for link in some]
    with pytest.raises(NotFound):
        await db.write(lambda tx: Recorded(ledger.transfer(tx, PROJECT, hub, bodies), ENTRY))


async def test_a_renewal_reaches_everybody_and_needs_no_identity(db, hub):
    """Renewal on compromise: every row of the domain, page by page, under the secret of the next epoch."""
    db.migrate([second_level.SCHEMA])
    fresh = Pseudonymising(Domain("EMC2", 2), fresh_secret())
    some = links(50)
    await enter(db, hub, some)
    assert await Renewing(db, page=7).run(operation(), 1, fresh) == 50
    with db.read() as tx:
        assert ledger.links_of(tx, fresh.domain, fresh.bodies(some)) == some
