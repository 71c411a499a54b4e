"""Analysis: who can, what can, and why. Each answer is compared with the gate's own decisions."""

import pytest

from nexus.iam.actions import ACTIONS
from nexus.iam.conditions import PRIVILEGED_ZONES, Conditions
from nexus.iam.gate import Question, asked
from nexus.iam.holdings import How
from nexus.iam.model import Purpose, Role
from nexus.iam.ports import PastDecision
from nexus.iam.requests.analysis import Explain, UnusedRights, WhatCan, WhatIf, WhoCan
from nexus.iam.requests.elevations import GrantEligibility
from nexus.iam.requests.forms import ById
from nexus.iam.requests.machines import CreateMachine
from nexus.iam.zones import zones
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Denied, Invalid, NotFound
from nexus.kernel.operation import Actor, ActorKind, Resource
from simulators.people import HOME, open_platform

BUCKET = Resource("Bucket", "trials", {"site": "lyon", "project": "p", "kind": "standard"})
INGRESS = Resource("Bucket", "arrivals", {"site": "lyon", "project": "", "kind": "ingress"})
STRICT = Conditions(zones=zones(["office=192.0.2.0/24"]), privileged_zones=frozenset({"office"}))


class Evidence:
    """Two buckets, and a log of what tests put into it."""

    def __init__(self) -> None:
        self.log: dict[str, PastDecision] = {}

    def bucket(self, name: str) -> Resource | None:
        return {"trials": BUCKET, "arrivals": INGRESS}.get(name)

    def past(self, operation: str) -> PastDecision | None:
        return self.log.get(operation)


@pytest.fixture
def evidence():
    return Evidence()


@pytest.fixture
def platform(tmp_path, evidence):
    with open_platform(tmp_path, STRICT, evidence) as platform:
        yield platform


@pytest.fixture
async def people(platform):
    """Two founders; rita researches in p, sam stewards lyon, eve checks exports of q; ella may elevate a researcher."""
    ada, ben = await platform.found("ada", "ben")
    rita, sam, eve, ella = [await platform.person(ada, login) for login in ("rita", "sam", "eve", "ella")]
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p", days=10)
    await platform.grant(ben, sam.id, Role.DATA_STEWARD, "site:lyon", days=20)
    await platform.grant(ben, eve.id, Role.OUTPUT_CHECKER, "project:q")
    eligible = GrantEligibility(
        identity=ella.id, role=Role.RESEARCHER, scope="project:p", ends_at=Instant(platform.clock.now() + 5 * DAY)
    )
    await platform.call("iam.eligibility.grant", platform.op(ben), eligible)
    return ada, ben, rita, sam, eve, ella


async def who_can(platform, by, action, resource, **more):
    return await platform.call("iam.who-can", platform.op(by), WhoCan(action=action, resource=resource, **more))


async def test_who_can_names_each_holder_with_the_right_its_end_and_its_policy(platform, people):
    """EMC-41, F-068."""
    ada, _, rita, sam, _, ella = people
    found = await who_can(platform, ada, "objects.object.read", "Bucket:trials")
    by_person = {holder.identity: holder for holder in found.holders}
    assert set(by_person) == {rita.id, sam.id, ella.id}
    reader = by_person[rita.id]
    assert (reader.role, reader.scope, reader.how) == ("researcher", "project:p", How.GRANTED)
    assert reader.policies == ("researcher-reads-project-objects-for-research",)
    assert reader.purposes == ("research", "quality")
    assert 9 * DAY < reader.until - platform.clock.now() < 11 * DAY
    assert "operation" not in by_person[sam.id].purposes and "care" in by_person[sam.id].purposes
    assert by_person[ella.id].how is How.ELIGIBLE
    assert found.approver == ""
    for_care = await who_can(platform, ada, "objects.object.read", "Bucket:trials", purpose=Purpose.CARE)
    assert {holder.identity for holder in for_care.holders} == {sam.id}


async def test_who_can_says_who_approves_and_which_conditions_hold(platform, people):
    ada, ben, *_ = people
    found = await who_can(platform, ada, "kms.key.destroy", "Key:key_1")
    assert {holder.identity for holder in found.holders} == {ada.id, ben.id}
    assert found.approver == "key_custodian"
    assert {holder.conditions for holder in found.holders} == {(PRIVILEGED_ZONES,)}


async def test_who_can_shows_what_somebody_may_with_his_own(platform, people):
    ada, _, rita, *_ = people
    found = await who_can(platform, ada, "iam.session.end", f"Identity:{rita.id}")
    ways = {(holder.identity, holder.how) for holder in found.holders}
    assert (rita.id, How.OWN) in ways and (ada.id, How.GRANTED) in ways


async def test_who_can_agrees_with_the_gate_for_every_identity_and_action(platform, people):
    """The analysis decides alike once; the gate decides for each. They must not differ."""
    ada, _, rita, sam, *_ = people
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="sync", owner=sam.id))
    await platform.grant(people[1], machine.id, Role.DATA_PROVIDER, "site:lyon")
    everybody = [*(human.actor for human in people), Actor(machine.id, ActorKind.MACHINE, person=sam.id)]
    things = [BUCKET, INGRESS, Resource("Platform", "nexus"), Resource("Key", "k"), Resource("Log", "audit")]
    things += [platform.service.resources.identity(identity) for identity in (rita.id, machine.id)]
    compared = 0
    for action in ACTIONS.values():
        for thing in things:
            if thing.type not in action.resource_types:
                continue
            found = await who_can(platform, ada, action.name, str(thing))
            told = {(h.identity, purpose) for h in found.holders if h.how is not How.ELIGIBLE for purpose in h.purposes}
            decided = {
                (actor.id, purpose.value)
                for actor in everybody
                for purpose in Purpose
                if platform.gate.permits(Question(actor, action.name, thing, purpose.value, HOME))
            }
            assert told == decided, (action.name, str(thing))
            compared += len(decided)
    assert compared > 500


async def test_who_can_goes_on_page_by_page(platform, people):
    ada, *_ = people
    whole = await who_can(platform, ada, "iam.me.read", "Platform")
    pages, after = [], ""
    while after is not None:
        page = await who_can(platform, ada, "iam.me.read", "Platform", limit=2, after=after)
        pages += page.holders
        after = page.next
    assert pages == list(whole.holders) and len(pages) == 6


@pytest.mark.parametrize(
    ("action", "resource", "error"),
    [
        ("objects.object.fly", "Bucket:trials", Invalid),
        ("objects.object.read", "Platform", Invalid),
        ("objects.object.read", "trials", Invalid),
        ("objects.object.read", "Bucket:", Invalid),
        ("objects.object.read", "Bucket:nowhere", NotFound),
        ("iam.session.end", "Identity:per_nobody", NotFound),
    ],
)
async def test_a_question_about_nothing_is_told_so(platform, people, action, resource, error):
    with pytest.raises(error):
        await who_can(platform, people[0], action, resource)


async def test_only_those_who_supervise_ask_who_can_and_everybody_asks_about_herself(platform, people):
    ada, ben, rita, sam, eve, _ = people
    await platform.grant_privileged(ben, ada, eve.id, Role.DATA_PROTECTION_OFFICER)
    await who_can(platform, eve, "objects.object.read", "Bucket:trials")
    with pytest.raises(Denied):
        await who_can(platform, rita, "objects.object.read", "Bucket:trials")
    own = await platform.call("iam.what-can", platform.op(rita), WhatCan(person=rita.id))
    assert own.identity == rita.id
    for request in (WhatCan(person=sam.id), WhatCan(person="per_nobody")):
        with pytest.raises(Denied):
            await platform.call("iam.what-can", platform.op(rita), request)
    with pytest.raises(Denied):
        await platform.call("iam.unused-rights", platform.op(rita), UnusedRights())
    with pytest.raises(Denied):
        await platform.call(
            "iam.what-if", platform.op(rita), WhatIf(actor=sam.id, action="iam.me.read", resource="Platform")
        )


async def test_what_can_lists_powers_right_by_right(platform, people):
    ada, _, rita, _, _, ella = people
    found = await platform.call("iam.what-can", platform.op(ada), WhatCan(person=rita.id))
    project, own = found.powers
    assert (project.role, project.scope, project.how) == ("researcher", "project:p", How.GRANTED)
    assert {"objects.object.read", "objects.bucket.list"} <= set(project.actions)
    assert "objects.object.delete" not in project.actions and "iam.me.read" not in project.actions
    assert own.how is How.OWN and "iam.me.read" in own.actions and own.until is None
    officer = await platform.call("iam.what-can", platform.op(ada), WhatCan(person=ada.id))
    custodian = next(power for power in officer.powers if power.role == "key_custodian")
    assert "kms.key.destroy" in custodian.held and "kms.key.rotate" in custodian.actions
    assert custodian.conditions == (PRIVILEGED_ZONES,)
    eligible = await platform.call("iam.what-can", platform.op(ada), WhatCan(person=ella.id))
    assert [power.how for power in eligible.powers] == [How.ELIGIBLE, How.OWN]


async def test_a_right_that_another_role_forbids_gives_nothing(platform, people):
    """Whoever runs the platform never touches objects, and what-can does not say otherwise."""
    ada, ben, rita, *_ = people
    await platform.grant_privileged(ben, ada, rita.id, Role.PLATFORM_OPERATOR)
    found = await platform.call("iam.what-can", platform.op(ada), WhatCan(person=rita.id))
    researcher = next(power for power in found.powers if power.role == "researcher")
    assert "objects.object.read" not in researcher.actions and "objects.bucket.list" in researcher.actions


async def test_who_is_suspended_can_nothing(platform, people):
    ada, _, rita, *_ = people
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=rita.id))
    found = await platform.call("iam.what-can", platform.op(ada), WhatCan(person=rita.id))
    assert (found.active, found.powers) == (False, ())
    assert rita.id not in {
        h.identity for h in (await who_can(platform, ada, "objects.object.read", "Bucket:trials")).holders
    }


# Why


def past(op, action, resource, outcome, **more):
    actor = op.actor
    told = {"code": "", "rules": (), **more}
    return PastDecision(
        op.id,
        op.at,
        actor.id,
        actor.kind.value,
        actor.person,
        actor.session,
        action,
        resource,
        op.purpose,
        op.origin,
        outcome,
        **told,
    )


async def explained(platform, evidence, by, decision):
    evidence.log[decision.operation] = decision
    return await platform.call("iam.explain", platform.op(by), Explain(decision=decision.operation))


async def test_a_past_decision_is_explained_with_the_rights_of_then(platform, people, evidence):
    """F-068: why somebody could, after the right was taken away."""
    ada, ben, rita, *_ = people
    read = platform.op(rita, purpose="research")
    [grant] = platform.service.grants.ending_soon()[:1]
    platform.clock.advance(DAY // 2)
    await platform.sign_in(ben)
    await platform.call("iam.role.revoke", platform.op(ben), ById(id=grant.id))
    await platform.sign_in(ada)
    then = await explained(
        platform, evidence, ada, past(read, "objects.object.read", Resource("Bucket", "trials"), "allowed")
    )
    assert (then.outcome, then.agrees, then.recorded) == ("allowed", True, "allowed")
    assert then.permitted_by == ("researcher-reads-project-objects-for-research",)
    assert [(right.role, right.grant) for right in then.rights] == [("researcher", grant.id)]
    assert {fact.fact: fact.value for fact in then.facts}["resource kind"] == "standard"
    now = await platform.call(
        "iam.what-if",
        platform.op(ada),
        WhatIf(actor=rita.id, action="objects.object.read", resource="Bucket:trials", purpose=Purpose.RESEARCH),
    )
    assert (now.outcome, now.rights) == ("denied", ())


async def test_a_refusal_is_explained_with_the_rule_that_forbade(platform, people, evidence):
    ada, *_ = people
    op = platform.op(ada, purpose="research", origin="198.51.100.7")
    with pytest.raises(Denied) as refused:
        platform.gate.check(op, "kms.key.read", Resource("Key", "key_1"))
    told = past(
        op, "kms.key.read", Resource("Key", "key_1"), "denied", code=refused.value.code, rules=refused.value.rules
    )
    why = await explained(platform, evidence, ada, told)
    assert (why.outcome, why.agrees) == ("denied", True)
    assert why.recorded == f"denied iam.condition-zone {PRIVILEGED_ZONES}"
    assert why.unmet == why.forbidden_by == (PRIVILEGED_ZONES,)
    assert "key-custodian-keeps-keys" in why.permitted_by
    assert {fact.fact: fact.value for fact in why.facts}["network zone"] == "outside"


async def test_a_decision_that_today_would_be_another_says_so(platform, people, evidence):
    ada, _, rita, *_ = people
    told = past(platform.op(rita, purpose="research"), "objects.object.delete", Resource("Bucket", "trials"), "allowed")
    assert (await explained(platform, evidence, ada, told)).agrees is False


async def test_the_decisions_of_others_are_as_if_they_were_not_there(platform, people, evidence):
    """IDOR: the answer does not tell a decision that one may not see from one that does not exist."""
    _, _, rita, sam, *_ = people
    theirs = past(platform.op(sam, purpose="care"), "objects.object.read", BUCKET, "allowed")
    evidence.log[theirs.operation] = theirs
    answers = []
    for decision in (theirs.operation, "op_00000000000000000000000000"):
        with pytest.raises(NotFound) as refused:
            await platform.call("iam.explain", platform.op(rita), Explain(decision=decision))
        answers.append((refused.value.code, refused.value.message, refused.value.hint))
    assert answers[0] == answers[1]


async def test_whoever_lacks_the_right_does_not_learn_what_there_is(platform, people, evidence):
    """A bucket of others and no bucket at all are explained in the same words, to everybody but those who supervise."""
    ada, _, rita, *_ = people
    answers = []
    for name in ("arrivals", "nowhere"):
        request = WhatIf(
            actor=rita.id, action="objects.object.read", resource=f"Bucket:{name}", purpose=Purpose.RESEARCH
        )
        mine = await platform.call("iam.what-if", platform.op(rita), request)
        answers.append((mine.outcome, mine.permitted_by, mine.forbidden_by, mine.facts))
        told = past(
            platform.op(rita, purpose="research"),
            "objects.object.read",
            Resource("Bucket", name),
            "denied",
            rules=("x",),
        )
        why = await explained(platform, evidence, rita, told)
        assert (why.forbidden_by, why.recorded) == ((), "denied")
    assert answers[0] == answers[1]
    request = WhatIf(actor=rita.id, action="objects.object.read", resource="Bucket:arrivals", purpose=Purpose.RESEARCH)
    supervising = await platform.call("iam.what-if", platform.op(ada), request)
    assert supervising.forbidden_by == ("researchers-never-see-data-as-they-came-in",)


async def test_what_if_agrees_with_the_gate(platform, people):
    ada, _, rita, sam, *_ = people
    for human in (ada, rita, sam):
        for name in (
            "objects.object.read",
            "objects.object.write",
            "kms.key.rotate",
            "iam.person.create",
            "platform.doctor",
        ):
            for thing in (BUCKET, INGRESS, Resource("Key", "k"), Resource("Platform", "nexus")):
                if thing.type not in ACTIONS[name].resource_types:
                    continue
                for zone, origin in (("office", HOME), ("outside", "198.51.100.7")):
                    request = WhatIf(
                        actor=human.id, action=name, resource=str(thing), purpose=Purpose.RESEARCH, zone=zone
                    )
                    found = await platform.call("iam.what-if", platform.op(ada), request)
                    question = asked(platform.op(human, purpose="research", origin=origin), name, thing)
                    decision = platform.gate.decide(question)
                    assert found.outcome == ("allowed" if decision.allowed else "denied")
                    assert (found.forbidden_by, found.unmet) == (decision.forbidden_by, decision.conditions)


async def test_what_if_needs_a_zone_that_exists(platform, people):
    ada, _, rita, *_ = people
    with pytest.raises(Invalid):
        await platform.call(
            "iam.what-if",
            platform.op(ada),
            WhatIf(actor=rita.id, action="iam.me.read", resource="Platform", zone="offce"),
        )
