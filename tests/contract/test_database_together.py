"""What shares a transaction: nobody undoes what others did in it, and whoever remembers what he read there is never wrong."""

import asyncio
import random
import threading

import pytest

from nexus.kernel.database import Recorded
from nexus.kernel.errors import Conflict
from simulators.demo_table import ENTRY, TABLE, insert, names


@pytest.fixture
def db(opened, recorder):
    database = opened(recorder)
    database.migrate([TABLE])
    yield database
    database.close()


async def together(db, *jobs):
    """What jobs come to that share one transaction."""
    waiting, go_on = threading.Event(), threading.Event()

    def first(tx):
        waiting.set()
        go_on.wait(5)
        return Recorded(None, ENTRY)

    holding = asyncio.create_task(db.write(first))
    await asyncio.to_thread(waiting.wait, 5)
    outcomes = [asyncio.create_task(db.write(job)) for job in jobs]
    await asyncio.sleep(0)
    go_on.set()
    await holding
    return await asyncio.gather(*outcomes, return_exceptions=True)


async def test_who_fails_before_his_first_statement_undoes_nothing_of_others(db, recorder):
    def work(tx):
        raise Conflict("no", code="demo.no")

    outcomes = await together(db, insert("a"), work, work, insert("b"), work)
    assert [getattr(o, "code", o) for o in outcomes] == ["a", "demo.no", "demo.no", "b", "demo.no"]
    assert names(db) == ["a", "b"] and len(recorder.entries) == 3


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_read_holds_as_long_as_the_moment_is_the_same(db, other, seed):
    """Whoever remembers what he read, and by which moment, is never wrong: not after writes, failures or commits."""
    dice, known, repeated = random.Random(seed), [], []

    def look(tx):
        found, moment = tx.all("SELECT id, name FROM demo ORDER BY 1"), tx.moment
        repeated.extend(rows == found for seen, rows in known if seen is moment)
        known.append((moment, found))

    def job(number):
        def work(tx):
            look(tx)
            match number % 5:
                case 1:
                    tx.execute("INSERT INTO demo (name) VALUES (?)", (f"{number}",))
                case 2:
                    tx.one("INSERT INTO demo (name) VALUES (?) RETURNING id", (f"{number}",))
                case 3:
                    tx.execute_many("INSERT INTO demo (name) VALUES (?)", [(f"{number}",)])
            look(tx)
            if dice.random() < 0.4:
                raise Conflict("no", code="demo.no")
            return Recorded(None, ENTRY)

        return work

    for turn in range(3):
        await together(db, *(job(100 * turn + number) for number in dice.sample(range(100), 12)))
        await other.write(insert(f"of another {turn}"))
        with db.read() as tx:
            look(tx)
            look(tx)
    assert len(repeated) > 10 and all(repeated)
