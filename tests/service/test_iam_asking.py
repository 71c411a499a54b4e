"""Asking for rights: asked by a person, answered by those who may grant, never by the same human being."""

import pytest

from nexus.iam.model import REQUEST_VALID, AccessRequestState, Role
from nexus.iam.requests.asking import AskForRole, GrantPrivilegedRequest, ListAccessRequests, RefuseRequest
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.requests.humans import RecordSamePerson
from nexus.iam.requests.machines import CreateMachine
from nexus.iam.requests.rights import ListGrants
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.operation import Actor, ActorKind
from simulators.people import BOTH, Human, Platform, open_platform

WHY = "I join the cohort study on heart failure"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, and Rita and Tom, who hold nothing."""
    ada, ben = await platform.found("ada", "ben")
    return ada, ben, await platform.person(ada, "rita"), await platform.person(ada, "tom")


def wish(platform: Platform, who: str, role: Role = Role.RESEARCHER, scope: str = "project:p", days: int = 30, **more):
    ends_at = Instant(platform.clock.now() + days * DAY)
    return AskForRole(identity=who, role=role, scope=scope, ends_at=ends_at, reason=more.get("reason", WHY))


async def ask(platform: Platform, who: Human, *args, **more):
    return await platform.call("iam.access-request.create", platform.op(who), wish(platform, who.id, *args, **more))


async def answer(platform: Platform, who: Human, verb: str, request_id: str):
    return await platform.call(f"iam.access-request.{verb}", platform.op(who), ById(id=request_id))


async def held(platform: Platform, ada: Human, who: str) -> list[Role]:
    return [g.role for g in (await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=who))).grants]


async def queue(platform: Platform, who: Human, state: AccessRequestState = AccessRequestState.OPEN) -> list[str]:
    found = await platform.call("iam.access-request.list", platform.op(who), ListAccessRequests(state=state))
    return [each.id for each in found.requests]


async def test_a_right_is_asked_for_granted_and_seen_by_its_asker(platform, people):
    """EMC-41, F-002: no right without somebody who asked for it and somebody else who gave it."""
    ada, ben, rita, tom = people
    asked = await ask(platform, rita)
    assert await queue(platform, ben) == await queue(platform, rita) == [asked.id]
    assert await queue(platform, tom) == []
    granted = await answer(platform, ben, "grant", asked.id)
    assert granted.state is AccessRequestState.GRANTED
    assert await held(platform, ada, rita.id) == [Role.RESEARCHER]
    seen = await answer(platform, rita, "read", asked.id)
    assert (seen.decided_by, seen.grant) == (ben.id, granted.grant)
    [entry] = platform.entries("iam.access-request.grant")
    assert (entry.details["request"], entry.details["grant"]) == (asked.id, granted.grant)


async def test_a_refusal_says_why_and_is_final(platform, people):
    _, ben, rita, _ = people
    asked = await ask(platform, rita)
    with pytest.raises(Invalid):
        await platform.call("iam.access-request.refuse", platform.op(ben), RefuseRequest(id=asked.id, answer="no"))
    refusal = RefuseRequest(id=asked.id, answer="the ethics committee has not agreed yet")
    await platform.call("iam.access-request.refuse", platform.op(ben), refusal)
    seen = await answer(platform, rita, "read", asked.id)
    assert (seen.state, seen.answer) == (AccessRequestState.REFUSED, refusal.answer)
    for verb in ("grant", "withdraw"):
        with pytest.raises(Conflict):
            await answer(platform, ben if verb == "grant" else rita, verb, asked.id)


async def test_nobody_grants_what_he_asked_for_himself(platform, people):
    ada, ben, *_ = people
    asked = await ask(platform, ben, Role.DATA_STEWARD, "platform")
    with pytest.raises(Denied):
        await answer(platform, ben, "grant", asked.id)
    with pytest.raises(Denied):  # the service itself, whatever a door forgot
        await platform.service.asking.grant(platform.op(ben), ById(id=asked.id))
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="m", owner=ben.id))
    for_machine = await platform.call("iam.access-request.create", platform.op(ben), wish(platform, machine.id))
    with pytest.raises(Denied):
        await answer(platform, ben, "grant", for_machine.id)
    assert set(await held(platform, ada, ben.id)) == BOTH


async def test_nobody_grants_through_a_second_account_of_his_own(platform, people):
    """Issue 3: privilege escalation by approving one's own request through a second account of the same person."""
    ada, ben, rita, tom = people
    await platform.grant_privileged(ben, ada, rita.id, Role.SECURITY_OFFICER)
    mine = await ask(platform, tom)
    privileged = await ask(platform, tom, Role.AUDITOR, "platform")
    exact = GrantPrivilegedRequest(
        id=privileged.id, identity=tom.id, role=Role.AUDITOR, scope="platform", ends_at=privileged.ends_at
    )
    before = await platform.call("iam.access-request.grant-privileged", platform.op(ben), exact)
    await platform.approve(rita, before)  # nobody knows yet that Rita is Tom
    await platform.call("iam.same-person.record", platform.op(ada), RecordSamePerson(identity=rita.id, other=tom.id))
    with pytest.raises(Denied) as refused:
        await answer(platform, rita, "grant", mine.id)
    assert refused.value.code == "iam.same-person"
    role = platform.role(tom.id, Role.AUDITOR)
    intent = await platform.call("iam.role.grant-privileged", platform.op(rita), role)
    await platform.approve(ben, intent)
    with pytest.raises(Denied):  # Rita would give Tom, and so herself, a right
        await platform.execute(platform.op(rita), intent.id)
    of_tom = await platform.call(
        "iam.access-request.create", platform.op(tom), wish(platform, tom.id, Role.OUTPUT_CHECKER)
    )
    assert of_tom.id in await queue(platform, rita)  # she sees it, and cannot answer with a grant
    assert await held(platform, ada, tom.id) == []


async def test_accounts_of_one_human_are_one_pair_of_eyes(platform, people):
    """F-002: what one account proposes the other does not approve, and an approval given before no longer stands."""
    ada, ben, rita, tom = people
    await platform.grant_privileged(ben, ada, rita.id, Role.SECURITY_OFFICER)
    request = platform.role(tom.id, Role.AUDITOR)
    given = await platform.call("iam.role.grant-privileged", platform.op(ben), request)
    await platform.approve(rita, given)
    await platform.call("iam.same-person.record", platform.op(ada), RecordSamePerson(identity=ben.id, other=rita.id))
    with pytest.raises(Denied):
        await platform.execute(platform.op(ben), given.id)
    fresh = await platform.call("iam.role.grant-privileged", platform.op(ben), request)
    with pytest.raises(Denied):
        await platform.approve(rita, fresh)
    await platform.approve(ada, fresh)
    await platform.execute(platform.op(ben), fresh.id)
    with pytest.raises(Denied):  # nobody records it of himself, nor undoes it alone
        await platform.call("iam.same-person.record", platform.op(ben), RecordSamePerson(identity=ben.id, other=tom.id))
    undoing = await platform.call("iam.same-person.forget", platform.op(rita), ById(id=rita.id))
    with pytest.raises(Denied):
        await platform.approve(ben, undoing)
    await platform.approve(ada, undoing)
    await platform.execute(platform.op(rita), undoing.id)
    assert (await platform.call("iam.same-person.list", platform.op(ada), Nothing())).accounts == ()


async def test_a_privileged_role_is_granted_as_it_was_asked_for_and_by_two(platform, people):
    ada, ben, rita, _ = people
    asked = await ask(platform, rita, Role.AUDITOR, "platform")
    with pytest.raises(Denied):
        await answer(platform, ben, "grant", asked.id)

    async def granting(ends_at: Instant):
        exact = GrantPrivilegedRequest(
            id=asked.id, identity=rita.id, role=Role.AUDITOR, scope="platform", ends_at=ends_at
        )
        intent = await platform.call("iam.access-request.grant-privileged", platform.op(ben), exact)
        await platform.approve(ada, intent)
        return await platform.execute(platform.op(ben), intent.id)

    with pytest.raises(Conflict):
        await granting(Instant(asked.ends_at + 1))
    assert (await granting(asked.ends_at)).state is AccessRequestState.GRANTED
    assert await held(platform, ada, rita.id) == [Role.AUDITOR]


async def test_a_steward_answers_for_her_own_data_only(platform, people):
    ada, ben, rita, tom = people
    await platform.grant(ben, tom.id, Role.DATA_STEWARD, "project:p")
    mine, other = await ask(platform, rita), await ask(platform, rita, Role.RESEARCHER, "project:q")
    assert await queue(platform, tom) == [mine.id]
    await answer(platform, tom, "grant", mine.id)
    for verb in ("grant", "read"):
        with pytest.raises(Denied):
            await answer(platform, tom, verb, other.id)
    with pytest.raises(Denied):
        await answer(platform, ada, "grant", other.id)  # she created Rita


async def test_a_request_ends_by_itself_and_is_taken_back_by_its_asker_alone(platform, people):
    ada, ben, rita, tom = people
    asked = await ask(platform, rita)
    with pytest.raises(Denied):
        await answer(platform, tom, "withdraw", asked.id)
    await answer(platform, rita, "withdraw", asked.id)
    late = await ask(platform, rita)
    platform.clock.advance(REQUEST_VALID)
    await platform.sign_in(ben)
    with pytest.raises(Conflict):
        await answer(platform, ben, "grant", late.id)
    assert await platform.service.asking.expire() == 1
    await platform.sign_in(rita)
    assert await queue(platform, rita, AccessRequestState.EXPIRED) == [late.id]
    assert await held(platform, await _again(platform, ada), rita.id) == []


async def _again(platform: Platform, who: Human) -> Human:
    await platform.sign_in(who)
    return who


async def test_what_could_never_be_granted_is_refused_at_once(platform, people):
    ada, _, rita, tom = people
    for role, scope, days in (
        (Role.AUDITOR, "project:p", 30),
        (Role.RESEARCHER, "everything", 30),
        (Role.RESEARCHER, "project:p", 400),
        (Role.RESEARCHER, "project:p", -1),
    ):
        with pytest.raises(Invalid):
            await ask(platform, rita, role, scope, days)
    for reason in ("", "please", "x" * 501):
        with pytest.raises(Invalid):
            await ask(platform, rita, reason=reason)
    await ask(platform, rita)
    with pytest.raises(Conflict):
        await ask(platform, rita)
    with pytest.raises(Denied):  # for somebody else
        await platform.call("iam.access-request.create", platform.op(tom), wish(platform, rita.id))
    by_key = Actor(rita.id, ActorKind.PERSON, person=rita.id)
    with pytest.raises(Denied):
        await platform.call("iam.access-request.create", platform.op(by_key), wish(platform, rita.id))
    with pytest.raises((Denied, NotFound)):
        await answer(platform, ada, "grant", "req_unknown")


async def test_one_person_does_not_fill_the_queue(platform, people):
    *_, rita, _ = people
    for n in range(20):
        await ask(platform, rita, Role.RESEARCHER, f"project:p{n}")
    with pytest.raises(Conflict) as refused:
        await ask(platform, rita, Role.RESEARCHER, "project:one-more")
    assert refused.value.code == "iam.too-many-requests"
