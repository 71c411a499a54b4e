"""A person leaves: whatever acted for her ends in one commit, and her machines get somebody who answers for them."""

import pytest

from nexus.iam import leaving
from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.gate import Gate, Question
from nexus.iam.model import IdentityState, Purpose, Role
from nexus.iam.requests.departures import Deactivate
from nexus.iam.requests.elevations import GrantEligibility, OpenElevation
from nexus.iam.requests.forms import ById
from nexus.iam.requests.humans import RecordSamePerson
from nexus.iam.requests.machines import CreateAccessKey, CreateMachine, CreateToken
from nexus.iam.store import identities
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Denied, Invalid, NexusError, NotFound, Unauthenticated
from nexus.kernel.operation import Actor, ActorKind, Resource
from nexus.kernel.secret import Secret
from simulators.databases import database as open_database
from simulators.databases import tables
from simulators.people import BROWSER, HOME, Human, Platform, open_platform
from simulators.recorder import MemoryRecorder

BUCKET = Resource("Bucket", "b", {"project": "p", "kind": "standard"})


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, Rita with everything that a person can have, and Tom."""
    ada, ben = await platform.found("ada", "ben")
    rita, tom = await platform.person(ada, "rita"), await platform.person(ada, "tom")
    return ada, ben, rita, tom


def soon(platform: Platform) -> Instant:
    return Instant(platform.clock.now() + 30 * DAY)


async def everything(platform: Platform, ada: Human, ben: Human, rita: Human) -> dict[str, str]:
    """A right, an elevation, an access key, a token, and a machine with a right and a key of its own."""
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p")
    eligible = await platform.call(
        "iam.eligibility.grant",
        platform.op(ben),
        GrantEligibility(identity=rita.id, role=Role.DATA_PROVIDER, scope="project:p", ends_at=soon(platform)),
    )
    opened = OpenElevation(eligibility=eligible.id, reason="results wait for their check")
    await platform.call("iam.elevation.open", platform.op(rita), opened)
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="m", owner=rita.id))
    await platform.grant(ben, machine.id, Role.DATA_PROVIDER, "project:p")
    made = {"machine": machine.id, "eligible": eligible.id}
    for name, identity in (("key", rita.id), ("machine_key", machine.id)):
        request = CreateAccessKey(identity=identity, purpose=Purpose.RESEARCH, expires_at=soon(platform))
        made[name] = (await platform.call("iam.access-key.create", platform.op(rita), request)).id
    request = CreateToken(identity=rita.id, label="t", expires_at=soon(platform))
    made["token"] = (await platform.call("iam.token.create", platform.op(rita), request)).token.reveal().decode()
    return made


async def deactivate(platform: Platform, by: Human, who: Human, successor: str = ""):
    return await platform.call("iam.person.deactivate", platform.op(by), Deactivate(id=who.id, successor=successor))


def may(gate: Gate, actor: Actor) -> bool:
    return gate.permits(Question(actor, "objects.object.read", BUCKET, "research"))


async def test_everything_of_a_leaver_ends_in_one_commit_in_every_process(platform, people, tmp_path):
    """Issue 3: a removed person's sessions, tokens, keys and shells end at once."""
    ada, ben, rita, _ = people
    made = await everything(platform, ada, ben, rita)
    other_db = open_database(tmp_path / "nexus.db", key=Secret(b"k" * 32), recorder=MemoryRecorder())
    gates = [platform.gate, Gate(other_db, platform.clock, NO_CONDITIONS)]
    assert all(may(gate, rita.actor) for gate in gates)
    platform.authenticator.access_key(made["key"])
    entries = len(platform.recorder.entries)
    await deactivate(platform, ada, rita)
    assert len(platform.recorder.entries) == entries + 1
    assert not any(may(gate, rita.actor) for gate in gates)
    other_db.close()
    for key in (made["key"], made["machine_key"]):
        with pytest.raises(Unauthenticated):
            platform.authenticator.access_key(key)
    for token in (rita.token, made["token"]):
        with pytest.raises(Unauthenticated):
            await platform.authenticator.session(token, HOME, BROWSER)
    with pytest.raises(NexusError):
        await platform.sign_in(rita)
    [entry] = platform.entries("iam.person.deactivate")
    assert entry.details == {"machines": 1, "successor": None}


async def test_nothing_comes_back_with_a_person_who_comes_back(platform, people):
    ada, ben, rita, _ = people
    made = await everything(platform, ada, ben, rita)
    await deactivate(platform, ada, rita)
    await platform.call("iam.person.resume", platform.op(ben), ById(id=rita.id))
    with pytest.raises(NexusError):  # her factors are gone as well
        await platform.sign_in(rita)
    intent = await platform.call("iam.person.re-enrol", platform.op(ada), ById(id=rita.id))
    await platform.approve(ben, intent)
    rita.code = (await platform.execute(platform.op(ada), intent.id)).code
    await platform.enrol(rita)
    await platform.sign_in(rita)
    assert not may(platform.gate, rita.actor)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(made["key"])
    with pytest.raises((Denied, NotFound)):
        request = OpenElevation(eligibility=made["eligible"], reason="I am back at work again")
        await platform.call("iam.elevation.open", platform.op(rita), request)


async def test_machines_go_to_a_successor_without_the_secrets_that_the_leaver_knows(platform, people):
    ada, ben, rita, tom = people
    made = await everything(platform, ada, ben, rita)
    await deactivate(platform, ada, rita, tom.id)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(made["machine_key"])
    request = CreateAccessKey(identity=made["machine"], purpose=Purpose.RESEARCH, expires_at=soon(platform))
    key = await platform.call("iam.access-key.create", platform.op(tom), request)
    assert platform.authenticator.access_key(key.id).actor.person == tom.id
    program = Actor(made["machine"], ActorKind.MACHINE, person=tom.id)
    assert may(platform.gate, program)


async def test_without_a_successor_machines_are_suspended(platform, people):
    ada, ben, rita, _ = people
    made = await everything(platform, ada, ben, rita)
    await deactivate(platform, ada, rita)
    assert not may(platform.gate, Actor(made["machine"], ActorKind.MACHINE, person=rita.id))
    with platform.db.read() as tx:
        assert identities.identity(tx, made["machine"]).state is IdentityState.SUSPENDED


async def test_nobody_takes_over_the_machines_of_somebody_whom_he_removes(platform, people):
    """A machine brings its rights along: taking it over would be giving oneself a right."""
    ada, ben, rita, tom = people
    made = await everything(platform, ada, ben, rita)
    for successor, error in ((ada.id, Denied), (rita.id, Invalid), ("per_x", NotFound), (made["machine"], NotFound)):
        with pytest.raises(error):
            await deactivate(platform, ada, rita, successor)
    await platform.call("iam.same-person.record", platform.op(ben), RecordSamePerson(identity=ada.id, other=tom.id))
    with pytest.raises(Denied):
        await deactivate(platform, ada, rita, tom.id)
    assert may(platform.gate, rita.actor)  # nothing of it happened


async def test_only_officers_remove_and_never_themselves(platform, people):
    ada, _, rita, tom = people
    for by, who in ((tom, rita), (rita, rita), (ada, ada)):
        with pytest.raises(Denied):
            await deactivate(platform, by, who)


def test_whatever_names_a_person_has_an_end_in_the_one_list(platform):
    """Whoever adds a table that acts for a person adds a line to `leaving`, or says here why it may stay."""
    naming = {
        table
        for table, columns in tables(platform.db).items()
        if table.startswith("iam_") and {"person", "identity"} & set(columns)
    }
    known = ENDED | STAYS
    found = {table for table in naming if not table.startswith(OF_SESSIONS)}
    assert found - known == set(), "does it act for a person? then end it in leaving.py"
    assert len(leaving.WHEN_GONE) >= len(leaving.WHEN_STOPPED)


OF_SESSIONS = "iam_oidc_"
"""What other tools hold ends with the session that it came from."""
ENDED = {
    "iam_passkey",
    "iam_session",
    "iam_device",
    "iam_device_certificate",
    "iam_enrolment",
    "iam_notice",
    "iam_grant",
    "iam_eligibility",
    "iam_elevation",
    "iam_access_key",
    "iam_token",
    "iam_temporary_key",
    "iam_access_request",
    "iam_directory_member",
    "iam_federation_link",
    "iam_patient_code",
}
STAYS = {
    "iam_identity",  # the record itself: refused everywhere while it is suspended
    "iam_approval",  # what she approved; it counts only while she may approve
    "iam_break_glass",  # a use that is judged all the same
    "iam_alarm",
    "iam_review_item",  # what a review looked at
    "iam_same_person",  # two accounts of one human stay that
    "iam_patient",  # a patient's account stays that
    "iam_directory_person",  # what a directory says of her; it gives nothing
}
