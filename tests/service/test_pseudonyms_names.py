"""Between pseudonyms and the names of consent, for the worker alone: names and no identity, recorded by both services."""

import pytest

from nexus.kernel.errors import Denied, Invalid, NotFound
from nexus.pseudonyms.callers import FIRST, SECOND
from nexus.pseudonyms.messages import KnownAs, NirGiven, OpenDomain, Pseudonymise, Several, Transfer
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


async def test_what_is_no_pseudonym_is_refused_whole():
    async with running() as levels:
        made = await hub(levels)
        worker = levels.client("worker", FIRST)
        with pytest.raises(Invalid):
            await worker.call("names", operation(), Several((*made, "NXP1")))
        with pytest.raises(NotFound):
            await worker.call("known_as", operation(), KnownAs("NOWHERE", ("sub_one",)))
