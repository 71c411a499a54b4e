"""Conditions at the gate: what is remembered equals what is decided anew; refusals say which condition, and what helps."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.iam.conditions import FRESH_FACTOR, MEMBERS_ONLY, PRIVILEGED_ZONES, Conditions
from nexus.iam.gate import Gate, asked
from nexus.iam.model import Role
from nexus.iam.requests.approvals import Approve
from nexus.iam.requests.forms import ById
from nexus.iam.zones import zones
from nexus.kernel.clock import DAY, HOUR, MINUTE, SECOND, Instant
from nexus.kernel.errors import Denied, particulars
from nexus.kernel.operation import Resource
from simulators.clock import ManualClock
from simulators.people import HOME, open_platform

OFFICE, OUTSIDE = HOME, "198.51.100.7"
STRICT = Conditions(
    zones=zones(["office=192.0.2.0/24"]),
    time_zone="Europe/Paris",
    privileged_zones=frozenset({"office"}),
    fresh_factor_s=900,
    research_zones=frozenset({"office"}),
    research_hours=True,
    members_only=True,
)


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path, STRICT) as platform:
        yield platform


@pytest.fixture
async def people(platform):
    """A security officer and a researcher of project p with a right for the whole platform as well."""
    ada, ben = await platform.found("ada", "ben")
    rita = await platform.person(ada, "rita")
    await platform.grant(ben, rita.id, Role.RESEARCHER, "platform")
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p")
    return ada, ben, rita


def gate(platform, clock=None):
    return Gate(platform.db, clock or platform.clock, STRICT)


def bucket(project="p"):
    return Resource("Bucket", f"b-{project}", {"project": project, "site": "", "kind": "standard"})


async def test_a_refusal_names_the_condition_to_the_log_and_what_helps_to_the_person(platform, people):
    """EMC-41: conditional access."""
    ada, _, rita = people
    await platform.sign_in(ada)
    at_office = platform.op(ada)
    gate(platform).check(at_office, "kms.key.rotate", Resource("Key", "key_1"))
    platform.clock.advance(16 * MINUTE)
    for op, action, resource, code, rule in (
        (at_office, "kms.key.rotate", Resource("Key", "key_1"), "iam.condition-factor", FRESH_FACTOR),
        (
            platform.op(ada, origin=OUTSIDE),
            "kms.key.read",
            Resource("Key", "key_1"),
            "iam.condition-zone",
            PRIVILEGED_ZONES,
        ),
        (
            platform.op(rita, origin=OFFICE, purpose="research"),
            "objects.object.read",
            bucket("q"),
            "iam.condition-membership",
            MEMBERS_ONLY,
        ),
    ):
        with pytest.raises(Denied) as refused:
            gate(platform).check(op, action, resource)
        assert (refused.value.code, refused.value.rules) == (code, (rule,))
        assert particulars(refused.value) == {"code": code, "rule": rule}
        assert rule not in refused.value.message + refused.value.hint
        assert OFFICE not in refused.value.message + refused.value.hint


async def test_proving_a_factor_again_opens_what_had_closed(platform, people):
    ada, _, _ = people
    strict = gate(platform)
    platform.clock.advance(16 * MINUTE)
    key = Resource("Key", "key_1")
    assert not strict.permits(asked(platform.op(ada, origin=OFFICE), "kms.key.rotate", key))
    await platform.sign_in(ada, origin=OFFICE)
    assert strict.permits(asked(platform.op(ada, origin=OFFICE), "kms.key.rotate", key))


async def test_an_approval_is_given_under_the_conditions_and_outlives_the_moment(platform, people):
    """When it is carried out the approver may have gone home; her right must still hold."""
    ada, ben, rita = people
    await platform.sign_in(ada)
    intent = await platform.call("iam.person.delete", platform.op(ada), ById(id=rita.id))
    approval = Approve(id=intent.id, digest=intent.digest)
    with pytest.raises(Denied) as refused:
        await platform.call("iam.approval.approve", platform.op(ben, origin=OUTSIDE), approval)
    assert refused.value.code == "iam.condition-zone"
    await platform.call("iam.approval.approve", platform.op(ben), approval)
    await platform.execute(platform.op(ada), intent.id)
    assert platform.entries("iam.person.delete")


STEPS = st.lists(
    st.tuples(
        st.sampled_from([SECOND, MINUTE - 1, MINUTE, 7 * MINUTE, 59 * MINUTE, HOUR, 5 * HOUR, DAY]),
        st.booleans(),  # whether the clock goes back
        st.integers(0, 1),
        st.sampled_from([OFFICE, OUTSIDE, "local", "garbage"]),
        st.sampled_from([None, -HOUR, -MINUTE, 0, 30 * SECOND, 15 * MINUTE, HOUR]),
        st.sampled_from(
            [
                ("objects.object.read", bucket("p")),
                ("objects.object.read", bucket("q")),
                ("kms.key.rotate", Resource("Key", "key_1")),
                ("kms.key.read", Resource("Key", "key_1")),
                ("iam.me.read", Resource("Platform", "nexus")),
            ]
        ),
        st.sampled_from(["", "laptop-7"]),
    ),
    max_size=40,
)


async def test_what_is_remembered_equals_what_is_decided_anew(platform, people):
    ada, _, rita = people
    clock = ManualClock(platform.clock.now())
    remembering, base = gate(platform, clock), platform.clock.now()
    seen = set()

    @given(STEPS)
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def agree(steps):
        for step, back, who, origin, age, (action, resource), device in steps:
            then = max(base, clock.now() + (-step if back else step))
            clock.advance((then if then < base + 20 * DAY else base) - clock.now())
            proved_at = None if age is None else Instant((clock.now() - age) // MINUTE * MINUTE)
            actor = replace((ada, rita)[who].actor, proved_at=proved_at)
            op = replace(platform.op(actor, purpose="research", origin=origin), device=device)
            question = asked(op, action, resource)
            decision = remembering.decide(question)
            assert decision == gate(platform, clock).decide(question)
            seen.add((action, decision.allowed))

    agree()
    assert {allowed for _, allowed in seen} == {True, False}


async def test_facts_that_no_rule_looks_at_do_not_cost_memory(platform, people):
    """The hit rate: a session that goes on, and an address that moves within its zone, ask the same question."""
    _, _, rita = people
    strict = gate(platform)
    for address in ("192.0.2.10", "192.0.2.77"):
        for moment in (0, 20 * MINUTE):
            platform.clock.advance(moment)
            strict.permits(
                asked(platform.op(rita, purpose="research", origin=address), "objects.object.read", bucket())
            )
    assert len(strict) == 1
