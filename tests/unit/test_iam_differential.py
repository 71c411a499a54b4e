"""The evaluator and Cedar answer alike, over 8,000 random questions; a million: `bench/authorisation.py --differential`."""

from collections import Counter
from itertools import islice
from random import SystemRandom

import pytest

from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.decisions import Policy
from nexus.iam.evaluating import Request, rule
from nexus.iam.rules import facts_of
from nexus.iam.slicing import PolicyError
from nexus.iam.surroundings import Surroundings
from nexus.kernel.operation import Resource
from simulators.clock import EPOCH
from simulators.crowd import STRICT, Crowd

QUESTIONS = 4_000
"""Of each of the two sets of conditions."""


@pytest.mark.parametrize("conditions", [NO_CONDITIONS, STRICT], ids=["no conditions", "every condition"])
def test_the_evaluator_decides_as_cedar_does(conditions):
    """EMC-41."""
    seed = SystemRandom().randrange(2**32)
    policy, surroundings, crowd = (
        Policy.shipped(conditions),
        Surroundings(conditions),
        Crowd(seed, people=500, projects=20),
    )
    answers = Counter()
    for member, question in islice(crowd.questions(EPOCH), QUESTIONS):
        moment = surroundings.moment(policy.facts(question.action), question.client(), question.purpose, EPOCH).facts
        asked = (member.principal(), question.action, facts_of(question.resource), moment)
        ours, theirs = policy.decide(*asked), policy.cedar.decide(*asked)
        assert (ours.allowed, ours.forbidden_by, ours.permitted_by if ours.allowed else ()) == (
            theirs.allowed,
            theirs.forbidden_by,
            theirs.permitted_by,
        ), f"seed {seed}: {asked}"
        answers[ours.allowed] += 1
    assert answers[True] > QUESTIONS // 100 and answers[False] > QUESTIONS // 2, answers


def policy_of(body, kind="when"):
    return {"annotations": {"id": "x"}, "effect": "permit", "conditions": [{"kind": kind, "body": body}]}


@pytest.mark.parametrize(
    "body",
    [
        {"like": {"left": {"Var": "principal"}, "pattern": ["a"]}},
        {"+": {"left": {"Value": 1}, "right": {"Value": 2}}},
        {"if-then-else": {"if": {"Value": True}, "then": {"Value": True}, "else": {"Value": True}}},
        {"Var": "universe"},
        {"in": {"left": {"Var": "principal"}, "right": {"Value": {"__entity": {"type": "Person", "id": "x"}}}}},
        {"is": {"left": {"Var": "context"}, "entity_type": "Person"}},
    ],
)
def test_a_form_that_the_evaluator_does_not_know_stops_the_program(body):
    with pytest.raises(PolicyError):
        rule(policy_of(body))


@pytest.mark.parametrize(
    "body",
    [
        {".": {"left": {"Var": "context"}, "attr": "missing"}},
        {"&&": {"left": {"Value": "yes"}, "right": {"Value": True}}},
        {"!": {"arg": {"Value": 1}}},
        {"contains": {"left": {"Value": "abc"}, "right": {"Value": "a"}}},
        {"<": {"left": {"Value": "a"}, "right": {"Value": 1}}},
        {"Value": 1},
    ],
)
def test_what_is_an_error_to_cedar_is_one_here(body):
    request = Request("Person", {}, "Bucket", {}, {}, ("Action", "a"), frozenset(), {})
    with pytest.raises((TypeError, KeyError)):
        rule(policy_of(body)).holds(request)


def test_a_number_is_no_truth_and_a_truth_no_number():
    request = Request("Person", {}, "Bucket", {}, {}, ("Action", "a"), frozenset(), {})
    same = {"==": {"left": {"Value": True}, "right": {"Value": 1}}}
    assert not rule(policy_of(same)).holds(request)
    assert rule(policy_of(same, "unless")).holds(request)


def test_an_error_in_one_policy_refuses_whatever_the_others_permit():
    """Cedar would leave the policy out; if that were one that forbids, its mistake would open a door."""
    policy = Policy.shipped()
    member, question = next(iter(Crowd(7, people=10, projects=2).questions(EPOCH)))
    surroundings = Surroundings(NO_CONDITIONS)
    facts = facts_of(Resource("Bucket", "b", {"kind": "standard", "project": "p"}))
    broken = type(facts)(facts.type, facts.id, facts.scopes, ())  # no kind
    moment = surroundings.moment(frozenset(), question.client(), "research", EPOCH).facts
    assert not policy.decide(member.principal(), "objects.object.read", broken, moment).allowed
