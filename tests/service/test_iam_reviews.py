"""The access review: everything is looked at by somebody else, or is suspended, and later deleted."""

import time

import pytest

from nexus.iam.gate import Question
from nexus.iam.model import Purpose, Role
from nexus.iam.requests.elevations import GrantEligibility, OpenElevation
from nexus.iam.requests.forms import ById, Page
from nexus.iam.requests.humans import RecordSamePerson
from nexus.iam.requests.machines import CreateAccessKey, CreateMachine, CreateToken
from nexus.iam.requests.reviews import ListItems, OpenReview
from nexus.iam.requests.rights import ListGrants
from nexus.iam.store import usage
from nexus.iam.supervision import REVIEW_EVERY, SUSPENSION_KEPT, ItemKind, ItemVerdict
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Denied, Invalid, Unauthenticated
from nexus.kernel.operation import Resource, system_actor
from simulators.people import BROWSER, HOME, Human, Platform, open_platform

BUCKET = Resource("Bucket", "b", {"project": "p", "kind": "standard"})


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, and Rita: researcher of project p for a year, with an access key."""
    ada, ben = await platform.found("ada", "ben")
    rita = await platform.person(ada, "rita")
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p", days=366)
    key = await platform.call(
        "iam.access-key.create",
        platform.op(rita),
        CreateAccessKey(
            identity=rita.id, purpose=Purpose.RESEARCH, expires_at=Instant(platform.clock.now() + 366 * DAY)
        ),
    )
    return ada, ben, rita, key


async def open_review(platform: Platform, by: Human, days: int = 30):
    return await platform.call("iam.review.open", platform.op(by), OpenReview(days=days))


async def items(platform: Platform, who: Human, review, verdict: ItemVerdict = ItemVerdict.NONE):
    found = await platform.call("iam.review.items", platform.op(who), ListItems(id=review.id, verdict=verdict))
    return {(each.identity, each.kind, each.role): each for each in found.items}


async def judge(platform: Platform, who: Human, verb: str, item):
    return await platform.call(f"iam.review.{verb}", platform.op(who), ById(id=item.id))


async def later(platform: Platform, by: int, *back: Human) -> None:
    platform.clock.advance(by)
    for human in back:
        await platform.sign_in(human)


async def advance(platform: Platform) -> None:
    await platform.service.reviews.advance(platform.op(system_actor("worker")))


def reads(platform: Platform, who: Human) -> bool:
    return platform.gate.permits(Question(who.actor, "objects.object.read", BUCKET, "research"))


async def test_a_campaign_shows_everything_to_those_who_may_judge_it(platform, people):
    ada, ben, rita, key = people
    review = await open_review(platform, ada)
    seen = await items(platform, ada, review)
    assert {kind for _, kind, _ in seen} == {ItemKind.GRANT, ItemKind.ACCESS_KEY}
    assert seen[(rita.id, ItemKind.ACCESS_KEY, "")].subject == key.id
    assert len(seen) == review.waiting == 6  # two roles of each founder, and what is Rita's
    assert set(await items(platform, rita, review)) == {key for key in seen if key[0] == rita.id}
    await platform.grant(ben, rita.id, Role.DATA_STEWARD, "project:q")
    assert set(await items(platform, rita, review)) == {key for key in seen if key[0] == rita.id}
    listed = await platform.call("iam.review.list", platform.op(ada), Page())
    assert [each.id for each in listed.reviews] == [review.id]
    due = platform.service.due()
    assert (due.review_deadline, due.items_waiting) == (review.deadline, 6)


async def test_the_last_use_of_a_credential_is_shown(platform, people):
    ada, _, rita, key = people
    platform.authenticator.access_key(key.id)
    used_at = platform.clock.now()
    await later(platform, DAY, ada)
    _written(platform, key.id)
    review = await open_review(platform, ada)
    seen = await items(platform, ada, review)
    assert seen[(rita.id, ItemKind.ACCESS_KEY, "")].last_used_at == used_at
    assert seen[(rita.id, ItemKind.GRANT, "researcher")].last_used_at is None  # it never allowed anything


async def test_the_day_on_which_a_right_was_last_used_and_the_last_elevation_are_shown(platform, people):
    ada, ben, rita, _ = people
    [granted] = (await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=rita.id))).grants
    today = platform.clock.now() // DAY
    await platform.db.bookkeep(Bookkeeping.SESSION_USE, lambda tx: usage.note(tx, {granted.id: today}))
    request = GrantEligibility(
        identity=rita.id, role=Role.DATA_PROVIDER, scope="project:p", ends_at=Instant(platform.clock.now() + DAY)
    )
    eligible = await platform.call("iam.eligibility.grant", platform.op(ben), request)
    opening = OpenElevation(eligibility=eligible.id, reason="results wait for their check")
    opened = await platform.call("iam.elevation.open", platform.op(rita), opening)
    seen = await items(platform, ada, await open_review(platform, ada))
    assert seen[(rita.id, ItemKind.GRANT, "researcher")].last_used_at == today * DAY
    assert seen[(rita.id, ItemKind.ELIGIBILITY, "data_provider")].last_used_at == opened.starts_at


def _written(platform: Platform, subject: str) -> None:
    """Nobody waits for the note of a use: the test does."""
    patience = time.monotonic() + 20
    while platform.db.peek("SELECT 1 FROM iam_use WHERE subject = ?", (subject,)) is None:
        assert time.monotonic() < patience
        time.sleep(0.01)


async def test_what_is_renewed_goes_on_and_what_nobody_renewed_is_suspended(platform, people):
    """NX-11: the yearly review."""
    ada, _, rita, key = people
    review = await open_review(platform, ada)
    seen = await items(platform, ada, review)
    await judge(platform, ada, "renew", seen[(rita.id, ItemKind.ACCESS_KEY, "")])
    await later(platform, review.deadline - platform.clock.now() - 1)
    await advance(platform)
    platform.authenticator.access_key(key.id)
    await later(platform, 1, rita)
    assert reads(platform, rita)
    await advance(platform)
    assert not reads(platform, rita)
    platform.authenticator.access_key(key.id)  # renewed
    assert "iam.review.suspend" in {entry.action for entry in platform.recorder.entries}
    [closed] = (await platform.call("iam.review.list", platform.op(await _in(platform, ada)), Page())).reviews
    assert closed.closed_at is not None


async def _in(platform: Platform, who: Human) -> Human:
    await platform.sign_in(who)
    return who


async def test_a_forgotten_campaign_does_not_leave_the_platform_without_anybody_who_could_act(platform, people):
    ada, ben, *_ = people
    review = await open_review(platform, ada)
    await later(platform, review.deadline - platform.clock.now())
    await advance(platform)
    assert Role.SECURITY_OFFICER not in platform.service.lacking_approvers()
    assert platform.service.due().items_kept == 4
    seen = await items(platform, await _in(platform, ada), review)
    for kept in [each for each in seen.values() if each.identity == ben.id]:
        await judge(platform, ada, "renew", kept)
    assert platform.service.due().items_kept == 2


async def test_what_was_suspended_is_given_back_within_a_month_and_deleted_after_it(platform, people):
    ada, _, rita, key = people
    review = await open_review(platform, ada)
    await later(platform, review.deadline - platform.clock.now(), ada)
    await advance(platform)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(key.id)
    suspended = await items(platform, ada, review, ItemVerdict.SUSPENDED)
    await judge(platform, ada, "restore", suspended[(rita.id, ItemKind.ACCESS_KEY, "")])
    platform.authenticator.access_key(key.id)
    await later(platform, SUSPENSION_KEPT, ada)
    await advance(platform)
    grant = suspended[(rita.id, ItemKind.GRANT, "researcher")]
    assert platform.db.peek("SELECT 1 FROM iam_grant WHERE id = ?", (grant.subject,)) is None
    with pytest.raises(Conflict):
        await judge(platform, ada, "restore", grant)
    platform.authenticator.access_key(key.id)


async def test_nobody_reviews_his_own_nor_through_a_second_account(platform, people):
    ada, ben, rita, _ = people
    review = await open_review(platform, ada)
    seen = await items(platform, ada, review)
    mine = seen[(ada.id, ItemKind.GRANT, "security_officer")]
    for verb in ("renew", "end"):
        with pytest.raises(Denied):
            await judge(platform, ada, verb, mine)
        with pytest.raises(Denied):
            await judge(platform, rita, verb, mine)
    await platform.call("iam.same-person.record", platform.op(ada), RecordSamePerson(identity=rita.id, other=ben.id))
    with pytest.raises(Denied) as refused:
        await judge(platform, ben, "renew", seen[(rita.id, ItemKind.GRANT, "researcher")])
    assert refused.value.code == "iam.same-person"
    await judge(platform, ben, "renew", mine)


async def test_a_steward_judges_rights_on_her_own_data_only(platform, people):
    ada, ben, rita, _ = people
    stella = await platform.person(ada, "stella")
    await platform.grant(ben, stella.id, Role.DATA_STEWARD, "project:p")
    tom = await platform.person(ada, "tom")
    await platform.grant(ben, tom.id, Role.RESEARCHER, "project:q")
    review = await open_review(platform, ada)
    seen = await items(platform, stella, review)
    assert set(seen) == {(rita.id, ItemKind.GRANT, "researcher"), (stella.id, ItemKind.GRANT, "data_steward")}
    other = (await items(platform, ada, review))[(tom.id, ItemKind.GRANT, "researcher")]
    with pytest.raises(Denied):
        await judge(platform, stella, "renew", other)
    await judge(platform, stella, "end", seen[(rita.id, ItemKind.GRANT, "researcher")])
    assert not reads(platform, rita)


async def test_an_item_is_judged_once_and_a_campaign_is_alone(platform, people):
    ada, _, rita, _ = people
    for days in (0, 6, 91):
        with pytest.raises(Invalid):
            await open_review(platform, ada, days)
    review = await open_review(platform, ada)
    with pytest.raises(Conflict):
        await open_review(platform, ada)
    with pytest.raises(Denied):
        await open_review(platform, rita)
    item = (await items(platform, ada, review))[(rita.id, ItemKind.ACCESS_KEY, "")]
    await judge(platform, ada, "end", item)
    for verb in ("renew", "end", "restore"):
        with pytest.raises(Conflict):
            await judge(platform, ada, verb, item)


async def test_eligible_grants_and_tokens_of_machines_are_reviewed_with_what_they_opened(platform, people):
    ada, ben, rita, _ = people
    ends_at = Instant(platform.clock.now() + 100 * DAY)
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="m", owner=rita.id))
    token = await platform.call(
        "iam.token.create", platform.op(rita), CreateToken(identity=machine.id, label="t", expires_at=ends_at)
    )
    eligible = await platform.call(
        "iam.eligibility.grant",
        platform.op(ben),
        GrantEligibility(identity=rita.id, role=Role.DATA_PROVIDER, scope="project:p", ends_at=ends_at),
    )
    opened = OpenElevation(eligibility=eligible.id, reason="results wait for their check")
    await platform.call("iam.elevation.open", platform.op(rita), opened)
    review = await open_review(platform, ada)
    seen = await items(platform, ada, review)
    await judge(platform, ada, "end", seen[(rita.id, ItemKind.ELIGIBILITY, "data_provider")])
    export = Resource("Bucket", "e", {"project": "p", "kind": "ingress"})
    assert not platform.gate.permits(Question(rita.actor, "objects.object.read", export, "research"))
    await judge(platform, ada, "end", seen[(machine.id, ItemKind.TOKEN, "")])
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(token.token.reveal().decode(), HOME, BROWSER)


async def test_the_worker_opens_a_campaign_a_year_after_the_last_one(platform, people):
    await advance(platform)
    assert platform.service.due().review_deadline is None
    await later(platform, REVIEW_EVERY - 10 * 60 * 1_000_000)
    await advance(platform)
    assert platform.service.due().review_deadline is None
    await later(platform, DAY)
    await advance(platform)
    await advance(platform)
    assert platform.service.due().review_deadline is not None
    [entry] = platform.entries("iam.review.open")
    assert entry.operation.actor.id == "system:worker"
