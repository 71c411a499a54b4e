"""Two services with secrets apart, over real sockets and certificates. R-093, R-051, R-086, R-087, EMC-05, EMC-06."""

from dataclasses import replace
from datetime import date

import pytest

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Recorded
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound, Unavailable
from nexus.kernel.operation import PLATFORM
from nexus.pseudonyms import callers, ledger, notation
from nexus.pseudonyms.callers import FIRST, SECOND
from nexus.pseudonyms.first_level import MAX_IDENTIFIED_A_DAY
from nexus.pseudonyms.identity import Sex
from nexus.pseudonyms.messages import (
    MAX_BATCH,
    CopyTo,
    Enter,
    Entries,
    Forget,
    Identify,
    NirGiven,
    Nothing,
    One,
    OpenDomain,
    Pseudonymise,
    Renewed,
    TraitsGiven,
    Transfer,
    Why,
)
from nexus.pseudonyms.renewing import Renewing
from nexus.pseudonyms.second_level import SecondLevel
from nexus.pseudonyms.transferring import Transferring
from nexus.pseudonyms.wire import Remote
from simulators.clock import WallClock
from simulators.machines import identity
from simulators.operations import operation
from simulators.pseudonym_levels import Levels, process, running
from simulators.recorder import MemoryRecorder

CAMILLE = NirGiven("2 69 05 49 588 157 80")
ZOE = TraitsGiven("Lefèvre", "Zoé", date(1980, 5, 2), Sex.FEMALE, "75112")
EVERYBODY = (CAMILLE, ZOE, *(NirGiven(f"18005750{number:05d}") for number in range(40)))


def approved():
    """An operation that a second person approved."""
    return replace(operation(), approval="apr_1")


def recontact(*pseudonyms: str) -> Identify:
    return Identify(pseudonyms, Why.RECONTACT, "alpha", "a study found something that concerns her")


def kinds(log: MemoryRecorder) -> list[str]:
    return [entry.action for entry in log.entries]


async def opened(levels: Levels, *names: str) -> None:
    api = levels.client("api", SECOND)
    for name in names:
        await api.call("open_domain", operation(), OpenDomain(name))


async def pseudonymised(levels: Levels, domain: str, people=EVERYBODY) -> tuple[str, ...]:
    done = await levels.client("worker", FIRST).call("pseudonymise", operation(), Pseudonymise(domain, people))
    return done.pseudonyms


async def test_people_get_one_pseudonym_each_and_the_same_again_after_a_restart():
    async with running() as levels:
        await opened(levels, "EMC2")
        first = await pseudonymised(levels, "EMC2")
        assert len(set(first)) == len(EVERYBODY)
        assert all(notation.read(one)[0] == notation.Domain("EMC2", 1) for one in first)
        again = await levels.first()  # another process of the first level, with nothing in memory
        rest = await again.pseudonymise(operation(), Pseudonymise("EMC2", EVERYBODY[::-1]))
        assert rest.pseudonyms == first[::-1]


async def test_a_transfer_gives_pseudonyms_that_join_with_nothing():
    """EMC-05: two projects share nobody by their pseudonyms, and the worker never saw a link."""
    async with running() as levels:
        await opened(levels, "EMC2", "PRJA", "PRJB")
        hub = await pseudonymised(levels, "EMC2")
        worker = levels.client("worker", SECOND)
        a, b = [
            (await worker.call("transfer", operation(), Transfer(domain, hub))).pseudonyms
            for domain in ("PRJA", "PRJB")
        ]
        assert len(set(a)) == len(set(b)) == len(hub)
        bodies = [{notation.read(one)[1] for one in some} for some in (hub, a, b)]
        assert not (bodies[0] & bodies[1] or bodies[0] & bodies[2] or bodies[1] & bodies[2])
        with pytest.raises(Invalid, match="from one domain to another"):
            await worker.call("transfer", operation(), Transfer("PRJA", a))
        with pytest.raises(Invalid, match="from one domain to another"):
            await worker.call("transfer", operation(), Transfer("EMC2", (a[0], b[0])))


async def test_the_second_level_itself_refuses_a_batch_that_is_too_large():
    """Whatever the first level sends."""
    async with running() as levels:
        await opened(levels, "EMC2")
        first = levels.client("pseudonyms-first", SECOND)
        with pytest.raises(Invalid, match="10,000 people at most"):
            await first.call("enter", operation(), Enter("EMC2", (bytes(32),) * (MAX_BATCH + 1)))


async def test_a_list_of_any_length_is_transferred_in_order_with_its_repetitions():
    async with running() as levels:
        await opened(levels, "EMC2", "PRJA")
        hub = await pseudonymised(levels, "EMC2")
        to_project = Transferring(levels.client("worker", SECOND), batch=7)
        asked = [*hub, *hub[::-1]]
        given = await to_project.to_domain(operation(), asked, "PRJA")
        assert given[: len(hub)] == given[len(hub) :][::-1] and len(set(given)) == len(hub)
        assert await to_project.to_domain(operation(), asked[::-1], "PRJA") == given[::-1]
        with pytest.raises(NotFound, match="no domain"):
            await to_project.to_domain(operation(), asked, "PRJB")


async def test_a_leaked_secret_of_a_domain_is_left_without_an_identity():
    async with running() as levels:
        await opened(levels, "EMC2")
        old = await pseudonymised(levels, "EMC2")
        done = await levels.client("api", SECOND).call("renew", operation(), OpenDomain("EMC2"))
        assert (done.epoch, done.people) == (2, len(old))
        pairs = dict((await levels.client("worker", SECOND).call("renewed", operation(), Renewed("EMC2"))).pairs)
        assert set(pairs) == set(old) and len(set(pairs.values())) == len(old)
        assert await pseudonymised(levels, "EMC2") == tuple(pairs[one] for one in old)
        assert "pseudonyms.link" not in kinds(levels.second_log), "the renewal asked the first level nothing"


async def test_to_say_who_somebody_is_takes_both_services_and_each_records_it():
    """R-086, R-087."""
    async with running() as levels:
        await opened(levels, "EMC2")
        pseudonym = (await pseudonymised(levels, "EMC2"))[1]
        found = await levels.client("api", FIRST).call("identify", approved(), recontact(pseudonym))
        (person,) = found.people
        assert person.identity == b"birth/1\0LEFEVRE\0ZOE\x001980-05-02\x002\x0075112\x001"
        assert "Lefèvre" not in repr(found) and b"LEFEVRE" not in repr(found).encode()
        assert kinds(levels.first_log)[-1] == "pseudonyms.person.recontact"
        assert kinds(levels.second_log)[-1] == "pseudonyms.trace"


async def test_who_was_looked_up_is_recorded_under_the_name_that_consent_knows_him_by():
    """R-087: shown to the patient. Whom consent does not know is recorded all the same."""
    async with running() as levels:
        await opened(levels, "EMC2")
        named = NirGiven(CAMILLE.text, "sub_camille")
        made = await pseudonymised(levels, "EMC2", (named, ZOE))
        await pseudonymised(levels, "EMC2", (NirGiven(CAMILLE.text, "sub_elsewhere"),))
        asked = Identify(made, Why.EMERGENCY, "alpha", "she is allergic to what she was given")
        found = await levels.client("console", FIRST).call("identify", approved(), asked)
        assert [person.subjects for person in found.people] == [("sub_camille", "sub_elsewhere"), ()]
        shown = levels.entries(levels.first_log, "pseudonyms.person.emergency")
        assert [entry.subject for entry in shown] == ["sub_camille", "sub_elsewhere", None]
        assert {entry.details["reason"] for entry in shown} == {asked.reason}
        assert {entry.resource.attributes["project"] for entry in shown} == {"alpha"}


async def test_nobody_is_looked_up_without_the_approval_of_a_second_person():
    async with running() as levels:
        await opened(levels, "EMC2")
        (pseudonym,) = await pseudonymised(levels, "EMC2", (CAMILLE,))
        with pytest.raises(Denied, match="second person"):
            await levels.client("api", FIRST).call("identify", operation(), recontact(pseudonym))
        assert "pseudonyms.trace" not in kinds(levels.second_log)


async def test_a_door_that_was_broken_into_learns_a_bounded_number_a_day():
    async with running() as levels:
        await opened(levels, "EMC2")
        (pseudonym,) = await pseudonymised(levels, "EMC2", (CAMILLE,))
        api = levels.client("api", FIRST)
        hundred = Identify((pseudonym,) * 100, Why.RECONTACT, "alpha", "a study found something")
        for _ in range(MAX_IDENTIFIED_A_DAY // 100):
            await api.call("identify", approved(), hundred)
        with pytest.raises(Conflict, match="within a day"):
            await api.call("identify", approved(), recontact(pseudonym))
        with pytest.raises(Conflict, match="within a day"):
            await (await levels.first()).identify(approved(), recontact(pseudonym))
        tomorrow = replace(approved(), at=Instant(approved().at + DAY + 1))
        assert len((await api.call("identify", tomorrow, recontact(pseudonym))).people) == 1


async def test_another_secret_of_the_first_level_is_found_out_before_a_pseudonym_is_made():
    """A key that was destroyed is followed by a new one in the key service: pseudonyms must not silently differ."""
    async with running() as levels:
        await opened(levels, "EMC2")
        await pseudonymised(levels, "EMC2")
        levels.linking.secrets[0] = bytes(32)
        with pytest.raises(Damaged, match="another one"):
            await pseudonymised(levels, "EMC2")
        with levels.second_database.read() as tx:
            assert ledger.count(tx, notation.Domain("EMC2", 1)) == len(EVERYBODY)


async def test_a_renewal_that_was_interrupted_is_gone_on_with_and_misses_nobody():
    async with running() as levels:
        await opened(levels, "EMC2")
        old = await pseudonymised(levels, "EMC2")
        broken = SecondLevel(levels.second_database, levels.second_keys, renewing=Dying(levels.second_database, page=7))
        with pytest.raises(Unavailable, match="power"):
            await broken.renew(operation(), OpenDomain("EMC2"))
        late = await pseudonymised(levels, "EMC2", (NirGiven("2 99 05 49 588 157"),))
        assert notation.read(late[0])[0].epoch == 1, "until everybody is there, the old secret counts"
        (counted,) = [each for each in await statistics(levels) if not each.ready]
        assert 0 < counted.people < len(old)
        restarted = SecondLevel(levels.second_database, levels.second_keys)
        await restarted.resume(operation())
        done = await restarted.renew(operation(), OpenDomain("EMC2"))
        assert (done.epoch, done.people, done.ready) == (2, len(old) + 1, True)
        assert [each.people for each in await statistics(levels)] == [len(old) + 1] * 2
        assert {notation.read(one)[0].epoch for one in await pseudonymised(levels, "EMC2")} == {2}


class Dying(Renewing):
    """A renewal that ends in the middle."""

    turns = 0

    def _turn(self, tx, old_epoch, made, after):
        self.turns += 1
        if self.turns > 3:
            raise Unavailable("the power failed")
        return super()._turn(tx, old_epoch, made, after)


async def statistics(levels):
    return (await levels.client("api", SECOND).call("statistics", operation(), Nothing())).domains


async def test_no_level_alone_can_compute_or_undo_the_whole():
    """What lies in each database, and what each key opens, says nothing of the other half."""
    async with running() as levels:
        await opened(levels, "EMC2")
        made = await pseudonymised(levels, "EMC2")
        with levels.first_database.read() as tx:
            linkage = dict(tx.all("SELECT link, identity FROM pseudonyms_linkage"))
            whole = b"".join(bytes(proof) for (proof,) in tx.all("SELECT proof FROM pseudonyms_first_epoch"))
        with levels.second_database.read() as tx:
            entered = dict(tx.all("SELECT body, link FROM pseudonyms_given"))
        assert set(linkage) == set(entered.values()), "only both together lead from a pseudonym to a person"
        assert not {notation.read(one)[1] for one in made} & set(linkage)
        assert not set(linkage.values()) & (set(entered) | set(entered.values()))
        assert levels.linking.secrets[0] not in whole, (
            "the secret is in neither database: it never leaves the key service"
        )


async def test_a_secret_of_one_domain_does_not_open_as_that_of_another():
    async with running() as levels:
        await opened(levels, "EMC2", "PRJA")

        def exchange(tx):
            held = dict(tx.all("SELECT name, wrapped FROM pseudonyms_domain"))
            for name, other in (("EMC2", "PRJA"), ("PRJA", "EMC2")):
                tx.execute("UPDATE pseudonyms_domain SET wrapped = ? WHERE name = ?", (held[other], name))
            return Recorded(None, operation().allowed("pseudonyms.tamper", PLATFORM))

        await levels.second_database.write(exchange)
        with pytest.raises(Damaged):
            await pseudonymised(levels, "EMC2")


CALLS = {
    "pseudonymise": Pseudonymise("EMC2", (CAMILLE,)),
    "identify": Identify(("NXP1-EMC2-01-5R3PQZ00JSJ894AXPH0QJVH4J7Z6XNTB-CG",), Why.RECONTACT, "alpha", "why"),
    "enter": Pseudonymise("EMC2", ()),
    "link_of": One("NXP1-EMC2-01-5R3PQZ00JSJ894AXPH0QJVH4J7Z6XNTB-CG"),
    "transfer": Transfer("EMC2", ()),
    "open_domain": OpenDomain("OTHER"),
    "renew": OpenDomain("EMC2"),
    "renewed": Renewed("EMC2"),
    "statistics": Nothing(),
    "entries": Entries(1),
    "entries_done": Forget(0),
    "copy": CopyTo("nowhere"),
    "ping": Nothing(),
}


async def test_every_caller_gets_what_is_on_its_line_and_nothing_else():
    """The whole matrix: each process, each service, each method."""
    async with running() as levels:
        await opened(levels, "EMC2")
        for service in (FIRST, SECOND):
            for caller in ("api", "worker", "portal", "console", "s3", "supervisor", "bastion", FIRST, SECOND):
                client = levels.client(caller, service)
                allowed = callers.CALLERS[service].get(caller, frozenset())
                for method in sorted(set(CALLS) - allowed):
                    with pytest.raises((Denied, Unavailable)):
                        await client.call(method, operation(), CALLS[method])
        reading = {"pseudonymise", "transfer", "renewed"}
        for data, way_back in (("worker", {"identify", "link_of"}), ("api", reading), ("console", reading)):
            lines = set().union(*(callers.CALLERS[service].get(data, frozenset()) for service in (FIRST, SECOND)))
            assert not lines & way_back, "who reads data has no way back, and who has it reads no data"


async def test_a_link_is_said_to_nobody_but_the_first_level():
    assert [caller for caller, methods in callers.CALLERS[SECOND].items() if "link_of" in methods] == [FIRST]


async def test_what_cannot_be_read_is_refused_by_its_place_without_being_quoted():
    async with running() as levels:
        await opened(levels, "EMC2")
        with pytest.raises(Invalid, match="person 2") as refused:
            await pseudonymised(levels, "EMC2", (CAMILLE, NirGiven("2690549588")))
        assert "2690549588" not in refused.value.message and "2690549588" not in refused.value.hint
        with levels.first_database.read() as tx:
            assert tx.one("SELECT count(*) FROM pseudonyms_linkage") == (0,), "nothing of a refused batch stays"


async def test_a_connection_does_not_outlive_the_certificate_of_the_caller():
    clock = WallClock()
    async with running(clock) as levels:
        await opened(levels, "EMC2")
        worker = levels.client("worker", FIRST)
        asked = Pseudonymise("EMC2", (CAMILLE,))
        assert len((await worker.call("pseudonymise", operation(), asked)).pseudonyms) == 1
        clock.advance(365 * DAY)
        with pytest.raises(Unavailable, match="hung up"):
            await worker.call("pseudonymise", operation(), asked)


async def test_domains_are_opened_once_and_asked_for_by_name():
    async with running() as levels:
        await opened(levels, "EMC2")
        with pytest.raises(Conflict, match="there is a domain"):
            await opened(levels, "EMC2")
        with pytest.raises(NotFound, match="no domain"):
            await pseudonymised(levels, "NOBODYS")
        with pytest.raises(NotFound):
            await levels.client("api", FIRST).call("identify", approved(), CALLS["identify"])


async def test_without_the_second_level_nobody_gets_anything():
    async with running() as levels:
        (levels.folder / f"{SECOND}.sock").unlink()
        with pytest.raises(Unavailable):
            await levels.client("api", SECOND).call("open_domain", operation(), OpenDomain("EMC2"))


async def test_each_in_a_process_of_its_own_and_killed_they_come_to_the_same(tmp_path):
    """EMC-06: deterministic over restarts; and with the second one gone, the first one answers nothing."""
    api, worker = (
        Remote(tmp_path / f"{SECOND}.sock", identity("api"), SECOND),
        Remote(tmp_path / f"{FIRST}.sock", identity("worker"), FIRST),
    )
    asked = Pseudonymise("EMC2", EVERYBODY)
    with process(FIRST, tmp_path):
        with process(SECOND, tmp_path):
            await api.call("open_domain", operation(), OpenDomain("EMC2"))
            before = await worker.call("pseudonymise", operation(), asked)
        with pytest.raises(Unavailable):
            await worker.call("pseudonymise", operation(), asked)
        with process(SECOND, tmp_path):
            assert await worker.call("pseudonymise", operation(), asked) == before
    await api.close()
    await worker.close()


async def test_what_is_recorded_says_how_many_and_nobody():
    async with running() as levels:
        await opened(levels, "EMC2")
        await pseudonymised(levels, "EMC2", (CAMILLE, ZOE))
        text = repr(levels.first_log.entries) + repr(levels.second_log.entries)
        assert "people" in text
        assert not any(secret in text for secret in ("26905495", "LEFEVRE", "Lefèvre", "NXP1-"))
