"""Break-glass: at once and alone, for an hour, for data only; marked, told, and judged by somebody else."""

import pytest

from nexus.iam.gate import Question
from nexus.iam.model import FRESH_FACTOR, EligibilityKind, Purpose, Role
from nexus.iam.requests.break_glass import BreakGlass, ListBreakGlass, ReviewBreakGlass
from nexus.iam.requests.elevations import GrantEligibility, OpenElevation
from nexus.iam.requests.forms import ById
from nexus.iam.requests.humans import RecordSamePerson
from nexus.iam.requests.machines import CreateAccessKey
from nexus.iam.supervision import REVIEW_BREAK_GLASS, AlarmKind, Verdict
from nexus.kernel.clock import DAY, HOUR, MINUTE, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound, StepUpNeeded
from nexus.kernel.operation import PLATFORM, Resource, system_actor
from simulators.people import Human, Platform, open_platform

READ = "objects.object.read"
BUCKET = Resource("Bucket", "b", {"site": "lyon", "project": "p", "kind": "standard"})
WHY = "a patient is in intensive care and the ward system is down"
FAIR = "the ward confirmed the outage and the patient"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, and Doc, who may break the glass of site lyon."""
    ada, ben = await platform.found("ada", "ben")
    doc = await platform.person(ada, "doc")
    return ada, ben, doc, await emergency(platform, ben, doc)


async def emergency(platform: Platform, ben: Human, who: Human, role=Role.DATA_PROVIDER, scope="site:lyon", days=300):
    request = GrantEligibility(
        identity=who.id,
        role=role,
        scope=scope,
        ends_at=Instant(platform.clock.now() + days * DAY),
        kind=EligibilityKind.EMERGENCY,
    )
    return await platform.call("iam.eligibility.grant", platform.op(ben), request)


async def smash(platform: Platform, who: Human, eligible, **more):
    given = {"reason": WHY, "purpose": Purpose.CARE, "minutes": 60, **more}
    return await platform.call("iam.break-glass.open", platform.op(who), BreakGlass(eligibility=eligible.id, **given))


async def judge(platform: Platform, who: Human, use_id: str, verdict: Verdict, comment: str = FAIR):
    request = ReviewBreakGlass(id=use_id, verdict=verdict, comment=comment)
    return await platform.call("iam.break-glass.review", platform.op(who), request)


def may(platform: Platform, who: Human, action: str = READ, resource: Resource = BUCKET) -> bool:
    return platform.gate.permits(Question(who.actor, action, resource, "care"))


async def back(platform: Platform, who: Human) -> None:
    await platform.sign_in(who)


async def test_it_opens_at_once_and_alone_and_closes_by_itself(platform, people):
    """F-002: an emergency waits for nobody, and lasts an hour."""
    *_, doc, eligible = people
    assert not may(platform, doc)
    used = await smash(platform, doc, eligible)
    assert used.ends_at == used.starts_at + HOUR
    assert may(platform, doc)
    assert not may(platform, doc, resource=Resource("Bucket", "b", {"site": "nice", "kind": "standard"}))
    platform.clock.advance(HOUR - 1)
    assert may(platform, doc)
    platform.clock.advance(1)
    assert not may(platform, doc)


async def test_everything_its_user_does_meanwhile_says_so_whatever_credential_she_uses(platform, people):
    ada, _, doc, eligible = people
    key = await platform.call(
        "iam.access-key.create",
        platform.op(doc),
        CreateAccessKey(identity=doc.id, purpose=Purpose.CARE, expires_at=Instant(platform.clock.now() + DAY)),
    )
    platform.authenticator.access_key(key.id)  # known to this process before the glass breaks
    used = await smash(platform, doc, eligible)
    session = await platform.authenticator.session(doc.token, "192.0.2.10", "browser/1")
    by_key = platform.authenticator.access_key(key.id).actor
    for actor in (session, by_key):
        for write in (platform.op(actor).allowed, platform.op(actor).denied, platform.op(actor).failed):
            assert write(READ, BUCKET, version="1").details == {"version": "1", "break_glass": used.id}
    assert platform.op(ada).allowed(READ, BUCKET).details == {}
    platform.clock.advance(HOUR)
    late = platform.authenticator.access_key(key.id).actor
    assert platform.op(late).allowed(READ, BUCKET).details == platform.op(session).allowed(READ, BUCKET).details == {}


async def test_it_raises_an_alarm_and_opens_a_review_in_the_same_commit(platform, people):
    ada, _, doc, eligible = people
    used = await smash(platform, doc, eligible)
    [alarm] = platform.service.alarms.untold()
    assert (alarm.kind, alarm.person, alarm.about) == (AlarmKind.BREAK_GLASS, doc.id, used.id)
    [entry] = platform.entries("iam.break-glass.open")
    assert (entry.details["reason"], entry.details["access_for"]) == (WHY, "care")
    for who, request in ((ada, ListBreakGlass()), (doc, ListBreakGlass(identity=doc.id))):
        [shown] = (await platform.call("iam.break-glass.list", platform.op(who), request)).uses
        assert (shown.id, shown.verdict) == (used.id, Verdict.NONE)
        assert shown.review_due_at == used.starts_at + REVIEW_BREAK_GLASS
    with pytest.raises(Denied):
        await platform.call("iam.break-glass.list", platform.op(doc), ListBreakGlass())
    due = platform.service.due()
    assert (due.break_glass_open, due.reviews_waiting, due.reviews_overdue, due.alarms_untold) == (1, 1, 0, 1)
    await platform.service.alarms.told(alarm)
    assert platform.service.alarms.untold() == []


async def test_it_is_not_extended_nor_opened_twice_nor_used_after_its_end(platform, people):
    *_, doc, eligible = people
    for minutes in (0, -1, 61, 10**9):
        with pytest.raises(Invalid):
            await smash(platform, doc, eligible, minutes=minutes)
    used = await smash(platform, doc, eligible)
    with pytest.raises(Conflict):
        await smash(platform, doc, eligible)
    await platform.call("iam.break-glass.end", platform.op(doc), ById(id=used.id))
    assert not may(platform, doc)
    with pytest.raises(NotFound):
        await platform.call("iam.break-glass.end", platform.op(doc), ById(id=used.id))
    with pytest.raises((Denied, NotFound)):  # an emergency grant is no way to a quiet elevation
        request = OpenElevation(eligibility=eligible.id, reason=WHY)
        await platform.call("iam.elevation.open", platform.op(doc), request)
    await platform.call("iam.eligibility.revoke", platform.op(people[1]), ById(id=eligible.id))
    with pytest.raises((Denied, NotFound)):
        await smash(platform, doc, eligible)


@pytest.mark.parametrize("role", list(Role))
async def test_it_never_opens_keys_or_rights_nor_the_whole_platform(platform, people, role):
    ada, ben, doc, _ = people
    allowed = role in {Role.DATA_PROVIDER, Role.RESEARCHER, Role.OUTPUT_CHECKER}
    scopes = ("platform", "bucket:b") if allowed else ("platform", "site:lyon", "bucket:b")
    for scope in scopes:
        with pytest.raises((Denied, Invalid)):
            await emergency(platform, ben, doc, role, scope)
    if role is Role.SECURITY_OFFICER:
        request = GrantEligibility(
            identity=doc.id,
            role=role,
            scope="platform",
            ends_at=Instant(platform.clock.now() + DAY),
            kind=EligibilityKind.EMERGENCY,
        )
        intent = await platform.call("iam.eligibility.grant-privileged", platform.op(ben), request)
        await platform.approve(ada, intent)
        with pytest.raises(Denied):  # not even by four eyes
            await platform.execute(platform.op(ben), intent.id)


async def test_only_its_holder_in_a_fresh_session_with_reason_and_purpose(platform, people):
    ada, _, doc, eligible = people
    with pytest.raises(Denied):
        await smash(platform, ada, eligible)
    for reason in ("", "urgent", "y" * 501):
        with pytest.raises(Invalid):
            await smash(platform, doc, eligible, reason=reason)
    with pytest.raises(Invalid):
        await smash(platform, doc, eligible, purpose=Purpose.OPERATION)
    platform.clock.advance(FRESH_FACTOR + MINUTE)
    with pytest.raises(StepUpNeeded):
        await smash(platform, doc, eligible)


async def test_somebody_else_judges_it_once(platform, people):
    ada, ben, doc, eligible = people
    await platform.grant_privileged(ben, ada, doc.id, Role.DATA_PROTECTION_OFFICER)
    used = await smash(platform, doc, eligible)
    with pytest.raises(Denied):  # her own, though she is the data protection officer
        await judge(platform, doc, used.id, Verdict.JUSTIFIED)
    rita = await platform.person(ada, "rita")
    with pytest.raises(Denied):
        await judge(platform, rita, used.id, Verdict.JUSTIFIED)
    for request in ((Verdict.NONE, FAIR), (Verdict.JUSTIFIED, "fine")):
        with pytest.raises(Invalid):
            await judge(platform, ada, used.id, *request)
    judged = await judge(platform, ada, used.id, Verdict.JUSTIFIED)
    assert (judged.verdict, judged.reviewed_by, judged.comment) == (Verdict.JUSTIFIED, ada.id, FAIR)
    with pytest.raises(Conflict):
        await judge(platform, ben, used.id, Verdict.UNJUSTIFIED)
    assert platform.service.due().reviews_waiting == 0


async def test_a_second_account_of_its_user_does_not_judge_it(platform, people):
    ada, ben, doc, eligible = people
    used = await smash(platform, doc, eligible)
    await platform.call("iam.same-person.record", platform.op(ada), RecordSamePerson(identity=doc.id, other=ben.id))
    with pytest.raises(Denied) as refused:
        await judge(platform, ben, used.id, Verdict.JUSTIFIED)
    assert refused.value.code == "iam.same-person"


async def test_an_unjustified_use_ends_the_access_and_suspends_what_it_rested_on(platform, people):
    ada, ben, doc, eligible = people
    other = await emergency(platform, ben, doc, Role.RESEARCHER, "project:p")
    used = await smash(platform, doc, eligible)
    await judge(platform, ada, used.id, Verdict.UNJUSTIFIED, "there was no outage on that ward")
    assert not may(platform, doc)
    for held in (eligible, other):
        with pytest.raises(Denied) as refused:
            await smash(platform, doc, held)
        assert refused.value.code == "iam.eligibility-suspended"


async def test_without_a_review_in_time_the_worker_suspends_and_alarms_and_a_late_verdict_lifts_it(platform, people):
    ada, _, doc, eligible = people
    worker = platform.op(system_actor("worker"))
    used = await smash(platform, doc, eligible)
    platform.clock.advance(REVIEW_BREAK_GLASS - 1)
    assert await platform.service.break_glass.escalate(worker) == 0
    platform.clock.advance(1)
    assert await platform.service.break_glass.escalate(worker) == 1
    assert await platform.service.break_glass.escalate(worker) == 0
    assert [a.kind for a in platform.service.alarms.untold()] == [AlarmKind.BREAK_GLASS, AlarmKind.BREAK_GLASS_OVERDUE]
    [entry] = platform.entries("iam.break-glass.overdue")
    assert entry.details["use"] == used.id
    assert platform.service.due().reviews_overdue == 1
    await back(platform, doc)
    with pytest.raises(Denied):
        await smash(platform, doc, eligible)
    await back(platform, ada)
    await judge(platform, ada, used.id, Verdict.JUSTIFIED)
    again = await smash(platform, doc, eligible)
    assert may(platform, doc)
    assert again.id != used.id


async def test_a_clock_that_is_set_back_reopens_nothing(platform, people):
    *_, doc, eligible = people
    await smash(platform, doc, eligible, minutes=10)
    platform.clock.advance(-HOUR)
    assert not may(platform, doc)  # before its first moment it does not hold
    platform.clock.advance(HOUR + 10 * MINUTE)
    assert not may(platform, doc)
    assert not may(platform, doc, "platform.status", PLATFORM)
