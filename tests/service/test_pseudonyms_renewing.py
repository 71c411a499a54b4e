"""A renewal misses nobody, whoever comes while it is under way. R-093."""

import os

from nexus.kernel.database import Recorded
from nexus.kernel.operation import PLATFORM
from nexus.pseudonyms import ledger, notation
from nexus.pseudonyms.callers import FIRST, SECOND
from nexus.pseudonyms.messages import NirGiven, OpenDomain, Pseudonymise, Renewed
from nexus.pseudonyms.renewing import Renewing
from nexus.pseudonyms.second_level import SecondLevel
from simulators.operations import operation
from simulators.pseudonym_levels import running

EVERYBODY = tuple(NirGiven(f"18005750{number:05d}") for number in range(40))


async def test_who_comes_behind_a_renewal_is_in_the_next_epoch_too():
    """Somebody gets an old pseudonym between the last page and the end; somebody between the look at the epoch and its end."""
    async with running() as levels:
        await levels.client("api", SECOND).call("open_domain", operation(), OpenDomain("EMC2"))
        await levels.client("worker", FIRST).call("pseudonymise", operation(), Pseudonymise("EMC2", EVERYBODY))
        second = SecondLevel(levels.second_database, levels.second_keys)
        first_epoch = await second._newest("EMC2")
        behind, later = os.urandom(32), os.urandom(32)

        class Behind(Renewing):
            def _turn(self, tx, old_epoch, made, after):
                last = super()._turn(tx, old_epoch, made, after)
                if last is None:
                    ledger.enter(tx, first_epoch, [behind])
                return last

        renewing = SecondLevel(
            levels.second_database, levels.second_keys, renewing=Behind(levels.second_database, page=7)
        )
        done = await renewing.renew(operation(), OpenDomain("EMC2"))
        assert (done.people, done.ready) == (len(EVERYBODY) + 1, True)
        late = operation().allowed("pseudonyms.enter", PLATFORM)
        await levels.second_database.write(lambda tx: Recorded(ledger.enter(tx, first_epoch, [later]), late))
        pairs = dict((await levels.client("worker", SECOND).call("renewed", operation(), Renewed("EMC2"))).pairs)
        assert first_epoch.pseudonym(later) in pairs
        with levels.second_database.read() as tx:
            new = [notation.read(one)[1] for one in pairs.values()]
            links = ledger.links_of(tx, notation.Domain("EMC2", 2), new)
        assert {behind, later} < set(links), "what is said of an epoch stands in the ledger"
