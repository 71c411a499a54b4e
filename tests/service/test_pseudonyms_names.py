"""Between pseudonyms and the names of consent, for the worker alone: names and no identity, recorded by both services."""

import pytest

from nexus.kernel.errors import Denied, Invalid, NotFound
from nexus.pseudonyms import ledger, notation
from nexus.pseudonyms.callers import FIRST, SECOND
from nexus.pseudonyms.messages import Enter, KnownAs, NirGiven, OpenDomain, Pseudonymise, Several, Transfer
from nexus.pseudonyms.notation import Domain
from nexus.pseudonyms.second_level import SecondLevel
from simulators.operations import operation
from simulators.pseudonym_levels import Levels, running

PEOPLE = (
    NirGiven("1800575000001", "sub_one"),
    NirGiven("1800575000002", "sub_two"),
    NirGiven("1800575000003"),
)


async def hub(levels: Levels) -> tuple[str, ...]:
    """The warehouse's pseudonyms: the first is known at two sites, the last nowhere."""
    for name in ("EMC2", "PRJA"):
        await levels.client("api", SECOND).call("open_domain", operation(), OpenDomain(name))
    worker = levels.client("worker", FIRST)
    await worker.call("pseudonymise", operation(), Pseudonymise("EMC2", (NirGiven("1800575000001", "sub_elsewhere"),)))
    return (await worker.call("pseudonymise", operation(), Pseudonymise("EMC2", PEOPLE))).pseudonyms


async def test_each_pseudonym_has_the_names_of_its_person_and_no_other():
    async with running() as levels:
        made = await hub(levels)
        found = await levels.client("worker", FIRST).call("names", operation(), Several(made[::-1]))
        assert found.names == ((), ("sub_two",), ("sub_elsewhere", "sub_one"))
        assert levels.first_log.entries[-1].details == {"people": 3}
        assert levels.second_log.entries[-1].action == "pseudonyms.trace"


async def test_a_name_leads_to_the_pseudonym_that_the_second_level_gives_in_that_domain():
    async with running() as levels:
        made = await hub(levels)
        worker = levels.client("worker", FIRST)
        theirs = await levels.client("worker", SECOND).call("transfer", operation(), Transfer("PRJA", made))
        for names in (("sub_one",), ("sub_elsewhere",), ("sub_one", "sub_elsewhere")):
            found = await worker.call("known_as", operation(), KnownAs("PRJA", names))
            assert found.pseudonyms == theirs.pseudonyms[:1]
        both = await worker.call("known_as", operation(), KnownAs("PRJA", ("sub_two", "sub_one", "sub_nobody")))
        assert set(both.pseudonyms) == set(theirs.pseudonyms[:2])
        assert (await worker.call("known_as", operation(), KnownAs("PRJA", ("sub_nobody",)))).pseudonyms == ()


async def test_a_name_leads_to_what_was_given_under_every_secret_of_a_domain_and_gives_nothing_new():
    """What was made before a renewal is found by it, also by a service that has just begun; a domain where she is not stays as it is."""
    async with running() as levels:
        made = await hub(levels)
        moving = levels.client("worker", SECOND)
        old = await moving.call("transfer", operation(), Transfer("PRJA", made[:1]))
        await levels.client("api", SECOND).call("renew", operation(), OpenDomain("PRJA"))
        new = await moving.call("transfer", operation(), Transfer("PRJA", made))
        asked = operation(), Enter("PRJA", tuple(await links(levels, made)))
        restarted = SecondLevel(levels.second_database, levels.second_keys)
        assert (await restarted.given(*asked)).pseudonyms == (*old.pseudonyms, *new.pseudonyms)
        worker = levels.client("worker", FIRST)
        found = await worker.call("known_as", operation(), KnownAs("PRJA", ("sub_one",)))
        assert found.pseudonyms == (*old.pseudonyms, new.pseudonyms[0])
        assert levels.second_log.entries[-1].action == "pseudonyms.known"
        await levels.client("api", SECOND).call("open_domain", operation(), OpenDomain("PRJB"))
        assert (await worker.call("known_as", operation(), KnownAs("PRJB", ("sub_one",)))).pseudonyms == ()
        with levels.second_database.read() as tx:
            assert ledger.count(tx, Domain("PRJB", 1)) == 0


async def links(levels: Levels, pseudonyms):
    with levels.second_database.read() as tx:
        return ledger.links_of(tx, Domain("EMC2", 1), [notation.read(one)[1] for one in pseudonyms])


async def test_nobody_but_the_worker_asks_and_nobody_but_the_first_level_hears_links():
    async with running() as levels:
        made = await hub(levels)
        for door in ("api", "console"):
            for method, asked in (("names", Several(made)), ("known_as", KnownAs("PRJA", ("sub_one",)))):
                with pytest.raises(Denied):
                    await levels.client(door, FIRST).call(method, operation(), asked)
        for caller in ("worker", "api"):
            with pytest.raises(Denied):
                await levels.client(caller, SECOND).call("links_of", operation(), Several(made))
            with pytest.raises(Denied):
                await levels.client(caller, SECOND).call("given", operation(), Enter("PRJA", ()))


async def test_what_is_no_pseudonym_is_refused_whole():
    async with running() as levels:
        made = await hub(levels)
        worker = levels.client("worker", FIRST)
        with pytest.raises(Invalid):
            await worker.call("names", operation(), Several((*made, "NXP1")))
        with pytest.raises(NotFound):
            await worker.call("known_as", operation(), KnownAs("NOWHERE", ("sub_one",)))
