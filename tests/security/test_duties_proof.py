"""Duties that conflict are held apart, proved over the policy: by refusal at the grant, and by Cedar where that was missed.

The proof is exhaustive over all 512 sets of roles and all 36 pairs:

1. No role alone completes a sensitive operation, as a person or as a machine.
2. No pair of roles may do what neither of the two may: roles add up, and never breed.
3. Where duties are kept apart, a set of roles that holds a conflicting pair may nothing but protect what is its own, and
   every other set may what it may without the rule.
4. Whoever is to check results never checks those of data on which he researches, or which he stewards.
5. What a conflicting pair would have in one hand is listed in the matrix, and is both halves of a sensitive operation only.
"""

from itertools import chain, combinations

import pytest

from nexus.iam.actions import ACTIONS, SENSITIVE
from nexus.iam.conditions import SEPARATE_DUTIES, Conditions
from nexus.iam.decisions import Circumstances, Policy, Principal
from nexus.iam.duties import CONFLICTS, conflict_with, conflicts_among
from nexus.iam.matrix import ME, OTHER, cases, halves, holder
from nexus.iam.model import PRIVILEGED_ROLES, Role
from nexus.iam.rules import facts_of
from nexus.kernel.operation import Resource

EVERY_SET = [frozenset(roles) for roles in chain.from_iterable(combinations(Role, n) for n in range(len(Role) + 1))]
PAIRS = [frozenset(pair) for pair in combinations(Role, 2)]
APART = Policy.shipped(Conditions(separate_duties=True))
PLAIN = Policy.shipped()
OF_THE_PLATFORM = [duties for duties in CONFLICTS if not duties.same_data]
ON_THE_SAME_DATA = [duties for duties in CONFLICTS if duties.same_data]
PROTECTING = {
    "iam.me.read",
    "iam.session.list",
    "iam.session.end",
    "iam.elevation.end",
    "iam.access-key.revoke",
    "iam.temporary-key.end",
    "iam.token.revoke",
}


def may(policy, who, action, case):
    moment = Circumstances(case.purpose.value, signed_in=who.type == "Person")
    return policy.decide(who, action.name, facts_of(case.resource), moment)


def named(action, role):
    return f"{action.name}-{role.value}"


@pytest.mark.parametrize("role", list(Role))
def test_no_role_alone_completes_a_sensitive_operation(role):
    """F-002."""
    for action in SENSITIVE:
        for kind in ("Person", "Machine"):
            who = holder([role], kind=kind)
            own = facts_of(
                Resource("Approval", "i", {"requester": ME, "approver_role": action.approver.value, "project": "p"})
            )
            for signed_in in (True, False):
                moment = Circumstances("operation", signed_in=signed_in)
                assert not PLAIN.decide(who, "iam.approval.approve", own, moment).allowed, (action.name, role)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "+".join(sorted(pair)))
def test_a_pair_of_roles_may_nothing_that_neither_may(pair):
    """F-002."""
    for action in ACTIONS.values():
        for case in cases(action):
            if may(PLAIN, holder(pair), action, case).allowed:
                assert any(may(PLAIN, holder([role]), action, case).allowed for role in pair), (action.name, case.label)


def test_where_duties_are_kept_apart_cedar_holds_exactly_the_table():
    """Every set of roles: with a conflicting pair inside it may nothing but protect itself; without one, all that it may."""
    asked = [
        (ACTIONS[name], case)
        for name in (
            "kms.key.rotate",
            "iam.person.create",
            "audit.entry.list",
            "platform.doctor",
            "objects.bucket.create",
            "objects.object.read",
            "iam.approval.approve",
            "iam.me.read",
            "iam.session.end",
        )
        for case in list(cases(ACTIONS[name]))[:1]
    ]
    for roles in EVERY_SET:
        who = holder(roles)
        conflicting = any(duties.roles <= roles for duties in OF_THE_PLATFORM)
        for action, case in asked:
            apart = may(APART, who, action, case)
            if not conflicting:
                assert apart == may(PLAIN, who, action, case), (roles, action.name)
            elif action.name not in PROTECTING:
                assert not apart.allowed, (roles, action.name)


@pytest.mark.parametrize("duties", OF_THE_PLATFORM, ids=lambda duties: f"{duties.one}+{duties.other}")
def test_whoever_holds_both_does_neither_and_hears_why(duties):
    left = set()
    for action in ACTIONS.values():
        for case in cases(action):
            decision = may(APART, holder(duties.roles), action, case)
            if decision.allowed:
                left.add(action.name)
            elif may(PLAIN, holder(duties.roles), action, case).allowed:
                assert decision.conditions == (SEPARATE_DUTIES,)
    assert left == PROTECTING


@pytest.mark.parametrize("duties", ON_THE_SAME_DATA, ids=lambda duties: f"{duties.one}+{duties.other}")
def test_nobody_checks_what_he_made_or_prepared(duties):
    """F-002."""
    export = {"kind": "export", "project": "p", "site": "s"}
    for mine, checked in (
        ("project:p", "project:p"),
        ("site:s", "project:p"),
        ("platform", "project:p"),
        ("bucket:b", "site:s"),
    ):
        other = next(role for role in duties.roles if role is not Role.OUTPUT_CHECKER)
        rights = {other: frozenset({mine}), Role.OUTPUT_CHECKER: frozenset({checked})}
        both = Principal(ME, "Person", ME, rights)
        for name in ("objects.object.read", "objects.version.read", "objects.object.write"):
            bucket = facts_of(Resource("Bucket", "b", export))
            assert not PLAIN.decide(both, name, bucket, Circumstances("research", signed_in=True)).allowed
    apart = Principal(
        ME, "Person", ME, {other: frozenset({"project:q"}), Role.OUTPUT_CHECKER: frozenset({"project:p"})}
    )
    bucket = facts_of(Resource("Bucket", "b", {"kind": "export", "project": "p"}))
    assert PLAIN.decide(apart, "objects.object.read", bucket, Circumstances("research", signed_in=True)).allowed


def test_what_a_conflicting_pair_would_have_in_one_hand():
    """What a second person would still have to approve, were it not kept apart. A change here is a change of duties."""
    in_one_hand = {
        (duties.one, duties.other): halves(PLAIN, duties.one, duties.other)
        for duties in CONFLICTS
        if halves(PLAIN, duties.one, duties.other)
    }
    assert in_one_hand[Role.SECURITY_OFFICER, Role.KEY_CUSTODIAN] == [
        "kms.key.export",
        "pseudonyms.domain.renew",
    ]
    assert in_one_hand[Role.SECURITY_OFFICER, Role.AUDITOR] == ["audit.log.configure"]
    assert in_one_hand[Role.SECURITY_OFFICER, Role.DATA_PROTECTION_OFFICER] == [
        "objects.subject.erase",
        "audit.entry.erase",
    ]


def test_every_pair_that_has_both_halves_of_something_is_declared_to_conflict():
    """F-002: whoever could propose in one role and approve in another holds two duties that belong to two persons."""
    declared = {duties.roles for duties in CONFLICTS}
    undeclared = {tuple(sorted(pair)): halves(PLAIN, *sorted(pair)) for pair in PAIRS if pair not in declared}
    assert {pair: both for pair, both in undeclared.items() if both} == {}


def test_the_table_names_each_pair_once_and_privileged_duties_for_the_whole_platform():
    assert len({duties.roles for duties in CONFLICTS}) == len(CONFLICTS)
    for duties in CONFLICTS:
        assert duties.one is not duties.other and duties.why
        everywhere = PRIVILEGED_ROLES | {Role.REIDENTIFICATION_DESK}  # who says who somebody is reads no data at all
        assert duties.same_data is (not duties.roles & everywhere)


@pytest.mark.parametrize(
    ("held", "new", "conflicts"),
    [
        ((Role.PLATFORM_OPERATOR, "platform"), (Role.AUDITOR, "platform"), True),
        ((Role.AUDITOR, "platform"), (Role.PLATFORM_OPERATOR, "platform"), True),
        ((Role.DATA_STEWARD, "site:s"), (Role.DATA_PROTECTION_OFFICER, "platform"), True),
        ((Role.RESEARCHER, "project:p"), (Role.OUTPUT_CHECKER, "project:p"), True),
        ((Role.RESEARCHER, "platform"), (Role.OUTPUT_CHECKER, "project:p"), True),
        ((Role.RESEARCHER, "project:q"), (Role.OUTPUT_CHECKER, "project:p"), False),
        ((Role.DATA_PROVIDER, "site:s"), (Role.DATA_STEWARD, "site:s"), False),
        ((Role.AUDITOR, "platform"), (Role.AUDITOR, "platform"), False),
        ((Role.AUDITOR, "platform"), (Role.DATA_PROTECTION_OFFICER, "platform"), False),
    ],
)
def test_a_grant_beside_a_conflicting_one_is_a_conflict(held, new, conflicts):
    assert (conflict_with(*new, [held]) is not None) is conflicts
    assert bool(conflicts_among([held, new])) is conflicts
    assert OTHER != ME
