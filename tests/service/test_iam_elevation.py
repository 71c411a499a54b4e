"""Elevation just in time: what a person is eligible for gives nothing until she elevates it, and ends by itself."""

import pytest

from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.gate import Gate, Question
from nexus.iam.model import FRESH_FACTOR, MAX_ELEVATION, ElevationApproval, Role
from nexus.iam.requests.elevations import GrantEligibility, ListElevations, ListEligibilities, OpenElevation
from nexus.iam.requests.forms import ById, Nothing
from nexus.kernel.clock import DAY, HOUR, MINUTE, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound, StepUpNeeded
from nexus.kernel.operation import PLATFORM, Actor, ActorKind, Resource
from simulators.people import Human, Platform, open_platform

READ = "objects.object.read"
BUCKET = Resource("Bucket", "b", {"site": "lyon", "project": "p", "kind": "standard"})
WHY = "the nightly extract has to be looked at"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, and Rita, who holds nothing."""
    ada, ben = await platform.found("ada", "ben")
    return ada, ben, await platform.person(ada, "rita")


def eligible_for(platform: Platform, person: Human, role: Role, scope: str, days: int = 30, **more):
    ends_at = Instant(platform.clock.now() + days * DAY)
    return GrantEligibility(identity=person.id, role=role, scope=scope, ends_at=ends_at, **more)


async def researcher(platform: Platform, ben: Human, rita: Human, days: int = 30):
    request = eligible_for(platform, rita, Role.RESEARCHER, "project:p", days)
    return await platform.call("iam.eligibility.grant", platform.op(ben), request)


async def privileged(platform: Platform, ada: Human, ben: Human, rita: Human, approval: ElevationApproval):
    request = eligible_for(platform, rita, Role.AUDITOR, "platform", approval=approval)
    intent = await platform.call("iam.eligibility.grant-privileged", platform.op(ben), request)
    await platform.approve(ada, intent)
    return await platform.execute(platform.op(ben), intent.id)


async def elevate(platform: Platform, who: Human, eligible, minutes: int = 60, reason: str = WHY, **op):
    request = OpenElevation(eligibility=eligible.id, reason=reason, minutes=minutes)
    return await platform.call("iam.elevation.open", platform.op(who, **op), request)


def may(platform: Platform, who: Human | Actor, action: str = READ, resource: Resource = BUCKET) -> bool:
    return platform.gate.permits(Question(who.actor if isinstance(who, Human) else who, action, resource, "research"))


async def test_what_one_is_eligible_for_gives_nothing_until_it_is_elevated_and_ends_on_time(platform, people):
    """F-002, EMC-41: a standing right is not needed where one for an hour will do."""
    _, ben, rita = people
    eligible = await researcher(platform, ben, rita)
    assert not may(platform, rita)
    opened = await elevate(platform, rita, eligible, minutes=30)
    assert opened.ends_at == opened.starts_at + 30 * MINUTE
    assert may(platform, rita)
    platform.clock.advance(30 * MINUTE - 1)
    assert may(platform, rita)
    platform.clock.advance(1)
    assert not may(platform, rita)
    assert not Gate(platform.db, platform.clock, NO_CONDITIONS).permits(Question(rita.actor, READ, BUCKET, "research"))


async def test_a_decision_sees_which_roles_are_elevated(platform, people):
    _, ben, rita = people
    await platform.grant(ben, rita.id, Role.OUTPUT_CHECKER, "project:q")
    await elevate(platform, rita, await researcher(platform, ben, rita))
    claim = platform.gate._claim_of(rita.actor, platform.clock.now(), ())
    assert claim.principal is not None
    assert claim.principal.elevated == {"researcher"}
    assert claim.principal.roles == {"researcher", "output_checker", "elevated"}
    assert claim.principal.entity()["attrs"]["elevated"] == ["researcher"]


async def test_an_elevation_ends_early_for_its_holder_and_for_those_who_supervise(platform, people):
    ada, ben, rita = people
    eligible = await researcher(platform, ben, rita)
    for who in (rita, ada):
        opened = await elevate(platform, rita, eligible)
        assert may(platform, rita)
        await platform.call("iam.elevation.end", platform.op(who), ById(id=opened.id))
        assert not may(platform, rita)
    with pytest.raises(NotFound):
        await platform.call("iam.elevation.end", platform.op(ada), ById(id=opened.id))


async def test_an_elevation_is_not_extended_and_lasts_four_hours_at_most(platform, people):
    _, ben, rita = people
    eligible = await researcher(platform, ben, rita)
    for minutes in (0, -5, MAX_ELEVATION // MINUTE + 1, 10**9):
        with pytest.raises(Invalid):
            await elevate(platform, rita, eligible, minutes)
    await elevate(platform, rita, eligible, minutes=240)
    with pytest.raises(Conflict):
        await elevate(platform, rita, eligible)
    platform.clock.advance(MAX_ELEVATION)
    assert not may(platform, rita)


async def test_an_elevation_never_outlives_what_it_rests_on(platform, people):
    _, ben, rita = people
    eligible = await researcher(platform, ben, rita, days=1)
    platform.clock.advance(DAY - HOUR)
    await platform.sign_in(rita)
    opened = await elevate(platform, rita, eligible, minutes=240)
    assert opened.ends_at == eligible.ends_at
    await platform.call("iam.eligibility.revoke", platform.op(ben), ById(id=eligible.id))
    assert not may(platform, rita)
    with pytest.raises((Denied, NotFound)):
        await elevate(platform, rita, eligible)


async def test_only_a_session_with_a_fresh_factor_elevates(platform, people):
    _, ben, rita = people
    eligible = await researcher(platform, ben, rita)
    platform.clock.advance(FRESH_FACTOR + 1)
    with pytest.raises(StepUpNeeded) as refused:
        await elevate(platform, rita, eligible)
    assert len(refused.value.digest) == 64
    platform.clock.advance(-HOUR)  # a clock that is set back makes nothing fresh
    with pytest.raises((StepUpNeeded, NotFound)):
        await elevate(platform, rita, eligible)
    platform.clock.advance(HOUR)
    await platform.sign_in(rita)
    await elevate(platform, rita, eligible)
    by_key = Actor(rita.id, ActorKind.PERSON, person=rita.id)
    with pytest.raises(Denied):
        await platform.call("iam.elevation.open", platform.op(by_key), OpenElevation(eligibility="x", reason=WHY))


async def test_nobody_elevates_what_is_somebody_elses(platform, people):
    ada, ben, rita = people
    eligible = await researcher(platform, ben, rita)
    for who in (ada, ben):
        with pytest.raises(Denied):
            await elevate(platform, who, eligible)
        with pytest.raises(NotFound):  # the service itself, whatever a door forgot
            await platform.service.elevations.open(platform.op(who), OpenElevation(eligibility=eligible.id, reason=WHY))


async def test_a_privileged_role_is_elevated_with_a_second_person(platform, people):
    """F-002."""
    ada, ben, rita = people
    eligible = await privileged(platform, ada, ben, rita, ElevationApproval.SECOND_PERSON)
    with pytest.raises(Denied):
        await elevate(platform, rita, eligible)
    with pytest.raises(Denied):
        await platform.service.elevations.open(platform.op(rita), OpenElevation(eligibility=eligible.id, reason=WHY))
    request = OpenElevation(eligibility=eligible.id, reason=WHY)
    intent = await platform.call("iam.elevation.open-privileged", platform.op(rita), request)
    with pytest.raises(Denied):
        await platform.execute(platform.op(rita), intent.id)
    with pytest.raises(Denied):
        await platform.approve(rita, intent)
    await platform.approve(ada, intent)
    await platform.execute(platform.op(rita), intent.id)
    log = Resource("Log", "audit")
    assert may(platform, rita, "audit.entry.list", log)
    by_key = Actor(rita.id, ActorKind.PERSON, person=rita.id)
    assert not may(platform, by_key, "audit.entry.list", log)  # her access keys do not gain a privileged role
    platform.clock.advance(HOUR)
    assert not may(platform, rita, "audit.entry.list", log)


async def test_two_persons_may_agree_that_a_privileged_role_is_elevated_alone(platform, people):
    ada, ben, rita = people
    eligible = await privileged(platform, ada, ben, rita, ElevationApproval.ALONE)
    await elevate(platform, rita, eligible)
    assert may(platform, rita, "platform.status", PLATFORM)
    assert rita.id not in [entry.operation.actor.id for entry in platform.entries("iam.approval.approve")]


async def test_being_eligible_is_given_as_a_role_is(platform, people):
    ada, ben, rita = people
    request = eligible_for(platform, rita, Role.RESEARCHER, "project:p")
    with pytest.raises(Denied):  # Ada created her
        await platform.call("iam.eligibility.grant", platform.op(ada), request)
    with pytest.raises(Denied):
        await platform.call("iam.eligibility.grant", platform.op(rita), request)
    own = eligible_for(platform, ben, Role.RESEARCHER, "project:p")
    with pytest.raises(Denied):
        await platform.call("iam.eligibility.grant", platform.op(ben), own)
    auditor = eligible_for(platform, rita, Role.AUDITOR, "platform", approval=ElevationApproval.ALONE)
    with pytest.raises(Denied):
        await platform.call("iam.eligibility.grant", platform.op(ben), auditor)
    with pytest.raises(Denied):
        await platform.service.eligibilities.grant_privileged(platform.op(ben), auditor)
    for days in (0, 367):
        with pytest.raises(Invalid):
            too_long = eligible_for(platform, rita, Role.RESEARCHER, "project:p", days)
            await platform.call("iam.eligibility.grant", platform.op(ben), too_long)


async def test_everything_is_recorded_with_its_reason_and_shown_to_its_holder(platform, people):
    ada, ben, rita = people
    eligible = await researcher(platform, ben, rita)
    for reason in ("", "short", "x" * 501, "line\nbreak\x00 and more of it"):
        with pytest.raises(Invalid):
            await elevate(platform, rita, eligible, reason=reason)
    opened = await elevate(platform, rita, eligible)
    [entry] = platform.entries("iam.elevation.open")
    assert (entry.details["reason"], entry.details["elevation"]) == (WHY, opened.id)
    me = await platform.call("iam.me.read", platform.op(rita), Nothing())
    assert [each.id for each in me.elevations] == [opened.id]
    for who in (rita, ada):
        shown = await platform.call("iam.elevation.list", platform.op(who), ListElevations(identity=rita.id))
        assert [each.reason for each in shown.elevations] == [WHY]
        held = await platform.call("iam.eligibility.list", platform.op(who), ListEligibilities(identity=rita.id))
        assert [each.id for each in held.eligibilities] == [eligible.id]
    with pytest.raises(Denied):
        await platform.call("iam.elevation.list", platform.op(rita), ListElevations())
    await platform.call("iam.elevation.end", platform.op(rita), ById(id=opened.id))
    still = await platform.call("iam.elevation.list", platform.op(rita), ListElevations(identity=rita.id))
    past = await platform.call("iam.elevation.list", platform.op(rita), ListElevations(identity=rita.id, ended=True))
    assert (len(still.elevations), len(past.elevations)) == (0, 1)


async def test_elevations_end_with_a_suspension_and_do_not_come_back(platform, people):
    ada, ben, rita = people
    await elevate(platform, rita, await researcher(platform, ben, rita))
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=rita.id))
    assert not may(platform, rita)
    await platform.call("iam.person.resume", platform.op(ada), ById(id=rita.id))
    assert not may(platform, rita)
