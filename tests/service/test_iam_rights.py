"""Rights and the gate: granted by two people, for a time, within a scope; obeyed by every process at once."""

import asyncio

import pytest

from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.gate import Gate, Question
from nexus.iam.model import PRIVILEGED_ROLES, SECONDARY_USE, Purpose, Role
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.requests.humans import RecordSamePerson
from nexus.iam.requests.machines import CreateMachine
from nexus.iam.requests.rights import GrantRole, ListGrants
from nexus.kernel.clock import DAY, HOUR, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NexusError, NotFound
from nexus.kernel.operation import ANONYMOUS, PLATFORM, Actor, ActorKind, Resource, system_actor
from nexus.kernel.secret import Secret
from simulators.databases import database as open_database
from simulators.people import Human, Platform, open_platform
from simulators.recorder import MemoryRecorder

READ = "objects.object.read"


def bucket(project: str = "p", kind: str = "standard", name: str = "b", **more) -> Resource:
    return Resource("Bucket", name, {"site": "lyon", "project": project, "kind": kind, **more})


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders and a researcher of project p."""
    ada, ben = await platform.found("ada", "ben")
    rita = await platform.person(ada, "rita")
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p", days=30)
    return ada, ben, rita


def may(platform: Platform, who: Human | Actor, resource: Resource, action: str = READ, purpose: str = "research"):
    try:
        platform.gate.check(platform.op(who, purpose=purpose), action, resource)
    except Denied:
        return False
    return True


# The gate


async def test_a_right_holds_in_its_scope_for_its_purpose(platform, people):
    """EMC-41, R-052: role, scope and purpose decide together."""
    *_, rita = people
    assert may(platform, rita, bucket())
    assert not may(platform, rita, bucket(project="q"))
    assert not may(platform, rita, bucket(kind="ingress"))
    assert not may(platform, rita, bucket(), purpose="care")
    assert not may(platform, rita, bucket(), action="objects.object.write")


async def test_a_right_counts_from_its_first_moment_until_just_before_its_last(platform, people):
    ada, ben, _ = people
    sam = await platform.person(ada, "sam")
    start = platform.clock.now() + HOUR
    request = GrantRole(
        identity=sam.id,
        role=Role.RESEARCHER,
        scope="project:p",
        starts_at=Instant(start),
        ends_at=Instant(start + HOUR),
    )
    await platform.call("iam.role.grant", platform.op(ben), request)
    assert not may(platform, sam, bucket())
    platform.clock.advance(HOUR - 1)
    assert not may(platform, sam, bucket())
    platform.clock.advance(1)
    assert may(platform, sam, bucket())
    platform.clock.advance(HOUR - 1)
    assert may(platform, sam, bucket())
    platform.clock.advance(1)
    assert not may(platform, sam, bucket())


async def test_a_clock_that_is_set_back_does_not_keep_a_right_that_has_not_begun(platform, people):
    ada, ben, _ = people
    sam = await platform.person(ada, "sam")
    start = Instant(platform.clock.now() + HOUR)
    request = GrantRole(
        identity=sam.id, role=Role.RESEARCHER, scope="project:p", starts_at=start, ends_at=Instant(start + DAY)
    )
    await platform.call("iam.role.grant", platform.op(ben), request)
    platform.clock.advance(2 * HOUR)
    assert may(platform, sam, bucket())
    platform.clock.advance(-2 * HOUR)
    assert not may(platform, sam, bucket())


async def test_no_decision_outlives_its_version_in_any_process(platform, people, tmp_path):
    """NX-11, F-068: a change of rights is seen everywhere by the next decision."""
    ada, ben, rita = people
    other_db = open_database(tmp_path / "nexus.db", key=Secret(b"k" * 32), recorder=MemoryRecorder())
    gates = [
        platform.gate,
        Gate(platform.db, platform.clock, NO_CONDITIONS),
        Gate(other_db, platform.clock, NO_CONDITIONS),
    ]
    op = platform.op(rita, purpose="research")
    for gate in gates:
        gate.check(op, READ, bucket())
        gate.check(op, READ, bucket())
    [grant] = (await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=rita.id))).grants
    await platform.call("iam.role.revoke", platform.op(ben), ById(id=grant.id))
    for gate in gates:
        with pytest.raises(Denied):
            gate.check(op, READ, bucket())
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p")
    for gate in gates:
        gate.check(op, READ, bucket())
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=rita.id))
    for gate in gates:
        with pytest.raises(Denied):
            gate.check(op, READ, bucket())
    other_db.close()


async def test_every_change_of_rights_moves_the_version(platform, people):
    ada, ben, rita = people

    def version():
        return platform.db.peek("SELECT version FROM iam_version")[0]

    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="m", owner=rita.id))
    steps = [
        lambda: platform.invite(ada, "tom"),
        lambda: platform.grant(ben, rita.id, Role.DATA_PROVIDER, "project:p"),
        lambda: platform.call("iam.machine.suspend", platform.op(ada), ById(id=machine.id)),
        lambda: platform.call("iam.person.suspend", platform.op(ada), ById(id=rita.id)),
        lambda: platform.call("iam.person.resume", platform.op(ada), ById(id=rita.id)),
    ]
    for step in steps:
        before = version()
        await step()
        assert version() > before
    before = version()
    await platform.call("iam.me.read", platform.op(ada), Nothing())
    await platform.sign_in(ada)
    assert version() == before  # signing in changes no right: what is remembered stays


@pytest.mark.parametrize(
    "actor",
    [ANONYMOUS, system_actor("worker"), Actor("per_nobody", ActorKind.PERSON), Actor("mac_nobody", ActorKind.MACHINE)],
)
async def test_strangers_are_always_denied(platform, people, actor):
    """NX-09: nobody is trusted for where he comes from."""
    for action, resource in (("platform.status", PLATFORM), (READ, bucket()), ("iam.me.read", PLATFORM)):
        assert not may(platform, actor, resource, action)


async def test_an_operation_without_an_action_is_the_authentication_itself(platform):
    platform.gate.check(platform.op(ANONYMOUS), "", PLATFORM)


async def test_a_person_is_not_a_machine_of_the_same_name(platform, people):
    *_, rita = people
    assert not may(platform, Actor(rita.id, ActorKind.MACHINE, person=rita.id), bucket())


@pytest.mark.parametrize(
    ("action", "resource", "purpose"),
    [
        ("objects.object.invent", bucket(), "research"),
        (READ, bucket(), "curiosity"),
        (READ, bucket(), ""),
        (READ, Resource("Log", "audit"), "research"),
        (READ, Resource("Nothing", "x"), "research"),
        (READ, Resource("Bucket", "b", {"project": 7, "kind": "standard"}), "research"),
        (READ, Resource("Bucket", "b", {"project": ["p"], "kind": "standard"}), "research"),
        (READ, Resource("Bucket", "b", None), "research"),
        (READ, Resource("Bucket", "b", {"project": "p"}), "research"),
    ],
)
async def test_whatever_is_odd_is_denied(platform, people, action, resource, purpose):
    *_, rita = people
    with pytest.raises(Denied) as refused:
        platform.gate.check(platform.op(rita, purpose=purpose), action, resource)
    assert refused.value.code == "iam.denied"


async def test_when_rights_cannot_be_read_nothing_is_allowed(platform, people):
    *_, rita = people
    op = platform.op(rita, purpose="research")
    platform.gate.check(op, READ, bucket())
    platform.db.close()
    with pytest.raises(NexusError):
        platform.gate.check(op, READ, bucket())


async def test_the_refusal_is_a_sentence_without_names(platform, people):
    *_, rita = people
    with pytest.raises(Denied) as refused:
        platform.gate.check(platform.op(rita), READ, bucket(name="patients-of-dr-x", project="q"))
    assert refused.value.message == "you may not read objects (Bucket) for the purpose operation"
    assert "patients-of-dr-x" not in refused.value.message + refused.value.hint


async def test_memory_of_decisions_is_bounded(platform, people):
    *_, rita = people
    gate = Gate(platform.db, platform.clock, NO_CONDITIONS, max_decisions=10)
    for n in range(30):
        assert gate.permits(Question(rita.actor, READ, bucket(name=f"b{n}"), "research"))
    assert len(gate) == 10


async def test_rights_of_a_program_are_its_own(platform, people):
    """A person's access key acts as that person; a machine has the machine's rights, not its owner's."""
    ada, ben, rita = people
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="m", owner=rita.id))
    program = Actor(machine.id, ActorKind.MACHINE, person=rita.id)
    assert not may(platform, program, bucket())
    assert may(platform, Actor(rita.id, ActorKind.PERSON, person=rita.id), bucket())
    await platform.grant(ben, machine.id, Role.DATA_PROVIDER, "site:lyon")
    assert may(platform, program, bucket(kind="ingress"), "objects.object.write", "care")
    assert not may(platform, rita, bucket(kind="ingress"), "objects.object.write", "care")


async def test_two_roles_do_not_undo_what_one_of_them_forbids(platform, people):
    _, ben, rita = people
    await platform.grant(ben, rita.id, Role.DATA_PROVIDER, "site:lyon")
    assert may(platform, rita, bucket(kind="ingress"), "objects.object.write")
    assert not may(platform, rita, bucket(kind="ingress"))


# Granting


async def test_whoever_creates_an_identity_gives_it_no_right(platform, people):
    """F-002: an account with rights is always the work of two people."""
    ada, ben, _ = people
    sam = await platform.person(ada, "sam")
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="m", owner=sam.id))
    for target in (sam.id, machine.id):
        with pytest.raises(Denied) as refused:
            await platform.grant(ada, target, Role.RESEARCHER, "project:p")
        assert "creates an identity" in refused.value.hint
        await platform.grant(ben, target, Role.RESEARCHER, "project:p")


async def test_nobody_gives_a_right_to_himself_or_to_his_machine(platform, people):
    ada, ben, _ = people
    machine = await platform.call("iam.machine.create", platform.op(ben), CreateMachine(name="m", owner=ada.id))
    for target in (ada.id, machine.id):
        with pytest.raises(Denied):
            await platform.grant(ada, target, Role.DATA_STEWARD, "platform")
        with pytest.raises(Denied):
            await platform.call("iam.role.grant-privileged", platform.op(ada), platform.role(target, Role.AUDITOR))


async def test_a_privileged_role_is_not_granted_as_an_ordinary_one(platform, people):
    ada, ben, rita = people
    for role in Role:
        if role not in PRIVILEGED_ROLES:
            continue
        with pytest.raises(Denied):
            await platform.grant(ben, rita.id, role)
    granted = await platform.grant_privileged(ben, ada, rita.id, Role.AUDITOR)
    assert granted.role is Role.AUDITOR
    assert may(platform, rita, Resource("Log", "audit"), "audit.entry.list", "audit")


async def test_a_privileged_role_is_not_reached_around_the_intent(platform, people):
    """The service itself asks for the approval, so that no door can forget it."""
    _, ben, rita = people
    with pytest.raises(Denied) as refused:
        await platform.service.grants.grant_privileged(platform.op(ben), platform.role(rita.id, Role.AUDITOR))
    assert refused.value.code == "iam.approval-missing"
    with pytest.raises(Denied):
        await platform.service.grants.grant(platform.op(ben), platform.role(rita.id, Role.AUDITOR))
    with pytest.raises(Denied):
        await platform.service.persons.delete(platform.op(ben), ById(id=rita.id))
    with pytest.raises(Denied):
        await platform.service.persons.re_enrol(platform.op(ben), ById(id=rita.id))


async def test_a_steward_gives_rights_on_her_own_data_only(platform, people):
    ada, ben, rita = people
    stella = await platform.person(ada, "stella")
    await platform.grant(ben, stella.id, Role.DATA_STEWARD, "project:p")
    await platform.grant(stella, rita.id, Role.DATA_PROVIDER, "project:p")
    for role, scope in (
        (Role.RESEARCHER, "project:q"),
        (Role.RESEARCHER, "platform"),
        (Role.DATA_STEWARD, "project:p"),
        (Role.AUDITOR, "platform"),
    ):
        with pytest.raises(Denied):
            await platform.grant(stella, rita.id, role, scope)
    grants = (await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=rita.id))).grants
    mine = next(grant for grant in grants if grant.role is Role.DATA_PROVIDER)
    await platform.call("iam.role.revoke", platform.op(stella), ById(id=mine.id))


async def test_rights_without_an_end_or_beyond_a_year_are_refused(platform, people):
    _, ben, rita = people
    for days in (0, -1, 367):
        with pytest.raises(Invalid):
            await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p", days=days)


async def test_a_right_that_is_not_there_is_not_taken_away_twice(platform, people):
    ada, ben, rita = people
    [grant] = (await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=rita.id))).grants
    await platform.call("iam.role.revoke", platform.op(ben), ById(id=grant.id))
    with pytest.raises((NotFound, Denied)):
        await platform.call("iam.role.revoke", platform.op(ben), ById(id=grant.id))


async def test_one_sees_ones_own_rights_and_not_those_of_others(platform, people):
    ada, _, rita = people
    me = await platform.call("iam.me.read", platform.op(rita), Nothing())
    assert [(grant.role, grant.scope) for grant in me.grants] == [(Role.RESEARCHER, "project:p")]
    own = await platform.call("iam.role.list", platform.op(rita), ListGrants(identity=rita.id))
    assert len(own.grants) == 1
    for request in (ListGrants(identity=ada.id), ListGrants()):
        with pytest.raises(Denied):
            await platform.call("iam.role.list", platform.op(rita), request)
    assert len((await platform.call("iam.role.list", platform.op(ada), ListGrants())).grants) == 5


async def test_many_checks_and_a_revocation_at_once_end_in_denial(platform, people):
    ada, ben, rita = people
    [grant] = (await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=rita.id))).grants
    seen: list[bool] = []
    done = asyncio.Event()

    async def reader():
        while not done.is_set():
            seen.append(may(platform, rita, bucket()))
            await asyncio.sleep(0)
        seen.append(may(platform, rita, bucket()))

    reading = [asyncio.create_task(reader()) for _ in range(5)]
    await platform.call("iam.role.revoke", platform.op(ben), ById(id=grant.id))
    assert not may(platform, rita, bucket())
    done.set()
    await asyncio.gather(*reading)
    assert not any(seen[-5:])
    assert sorted(seen, reverse=True) == seen  # allowed, then denied, never allowed again


async def test_the_purposes_are_a_closed_list():
    others = {"operation", "care", "security", "audit", "compliance"}
    secondary = {"public-health", "policy-making", "statistics", "education", "research", "care-improvement", "quality"}
    assert {purpose.value for purpose in Purpose} == others | secondary
    assert {purpose.value for purpose in SECONDARY_USE} == secondary


async def test_a_deleted_identity_receives_nothing(platform, people):
    ada, ben, rita = people
    intent = await platform.call("iam.person.delete", platform.op(ada), ById(id=rita.id))
    await platform.approve(ben, intent)
    await platform.execute(platform.op(ada), intent.id)
    with pytest.raises(Conflict):
        await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p")


async def test_duties_that_conflict_are_not_granted_together(platform, people):
    """F-002: not to one account, and not to two accounts of one human being."""
    ada, ben, rita = people
    with pytest.raises(Conflict) as refused:
        await platform.grant(ben, rita.id, Role.OUTPUT_CHECKER, "project:p")
    assert refused.value.code == "iam.conflicting-duties"
    await platform.grant(ben, rita.id, Role.OUTPUT_CHECKER, "project:other")
    with pytest.raises(Conflict):
        await platform.grant(ben, rita.id, Role.RESEARCHER, "platform")
    second = await platform.person(ada, "rita2")
    await platform.call("iam.same-person.record", platform.op(ben), RecordSamePerson(identity=rita.id, other=second.id))
    with pytest.raises(Conflict):
        await platform.grant(ben, second.id, Role.OUTPUT_CHECKER, "project:p")
    auditor = await platform.grant_privileged(ben, ada, rita.id, Role.AUDITOR)
    intent = await platform.call(
        "iam.role.grant-privileged", platform.op(ben), platform.role(rita.id, Role.PLATFORM_OPERATOR)
    )
    await platform.approve(ada, intent)
    with pytest.raises(Conflict):
        await platform.execute(platform.op(ben), intent.id)
    await platform.call("iam.role.revoke", platform.op(ben), ById(id=auditor.id))
    await platform.grant_privileged(ben, ada, rita.id, Role.PLATFORM_OPERATOR)
    assert platform.service.conflicting_duties() == 2  # the two founders, who could not part their duties
