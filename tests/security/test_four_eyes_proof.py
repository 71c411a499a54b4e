"""Four eyes, proved over the policy: whatever roles one person gathers, he completes no sensitive operation alone.

The proof in steps; each is exhaustive over all 512 sets of roles, every scope that a role is held in, every identity
that one person answers for (the person signed in, his access key, his machines), and every sensitive action:

1. No identity of a person may approve an intent of an identity of the same person.
2. To approve, one must be a signed-in person who holds the approver's role.
3. Every approver's role is a privileged one, and a machine can hold none of them.
4. Nobody, with any set of roles, gives a privileged role without an intent; nor any role to himself, to his machines,
   or to an identity that he created; nor takes over the account of somebody else without an intent.

So a second approver exists only through another person's agreement, and a first intent never completes by one person.
The positive control is step 5: two persons with the right roles do complete each of them.

6. An elevation adds nothing to this: the roles it gives are roles of these sets, no policy permits anything about a
   sensitive action, an approval or a right because a role is elevated, and nobody elevates for somebody else; a
   privileged role is elevated alone only where the four eyes that made its holder eligible said so.
"""

import json
from importlib.resources import files
from itertools import chain, combinations, product

import cedarpy
import pytest

from nexus.iam.actions import ACTIONS, SENSITIVE
from nexus.iam.decisions import ELEVATED, POLICY_FILES, Circumstances, Policy, Principal
from nexus.iam.matrix import MATRIX_FILE, REFERENCE_FILE, cases, matrix, reference
from nexus.iam.model import MACHINE_ROLES, PRIVILEGED_ROLES, Purpose, Role
from nexus.iam.rules import ResourceFacts, facts_of
from nexus.kernel.operation import Resource

ME, OTHER = "per_me", "per_other"
EVERY_SET = [frozenset(roles) for roles in chain.from_iterable(combinations(Role, n) for n in range(len(Role) + 1))]
EVERYWHERE = frozenset({"platform", "site:s", "project:p", "bucket:b"})
SENSITIVE_NAMES = [action.name for action in SENSITIVE]
POLICIES = "\n".join((files("nexus.iam") / "policy" / name).read_text("utf-8") for name in POLICY_FILES)


@pytest.fixture(scope="module")
def policy():
    return Policy.shipped()


def person(roles, scopes=EVERYWHERE) -> Principal:
    return Principal(ME, "Person", ME, dict.fromkeys(roles, scopes))


def machine(roles, scopes=EVERYWHERE) -> Principal:
    """A machine that the same person answers for. Given every role of the set, though none may be granted to it."""
    return Principal("mac_mine", "Machine", ME, dict.fromkeys(roles, scopes))


def intent(action, requester: str) -> ResourceFacts:
    attributes = {"requester": requester, "approver_role": action.approver.value, "site": "s", "project": "p"}
    return facts_of(Resource("Approval", "int_x", attributes))


def approves(policy: Policy, who: Principal, action, requester: str, *, signed_in: bool, purpose=Purpose.OPERATION):
    circumstances = Circumstances(purpose.value, signed_in)
    return policy.decide(who, "iam.approval.approve", intent(action, requester), circumstances).allowed


def proposes(policy: Policy, who: Principal, action) -> bool:
    return any(
        policy.decide(who, action.name, facts_of(case.resource), Circumstances(case.purpose.value, True)).allowed
        for case in cases(action)
    )


def test_there_are_2048_sets_of_roles():
    assert len(EVERY_SET) == 2 ** len(Role) == 2_048


@pytest.mark.parametrize("action", SENSITIVE, ids=SENSITIVE_NAMES)
def test_step_1_no_identity_of_a_person_approves_what_the_same_person_proposed(policy, action):
    """F-002."""
    for roles, who, signed_in in product(EVERY_SET, (person, machine), (True, False)):
        assert not approves(policy, who(roles), action, ME, signed_in=signed_in), (action.name, roles)


@pytest.mark.parametrize("action", SENSITIVE, ids=SENSITIVE_NAMES)
def test_step_2_only_a_signed_in_person_with_the_approvers_role_approves(policy, action):
    for roles in EVERY_SET:
        entitled = action.approver in roles
        assert approves(policy, person(roles), action, OTHER, signed_in=True) is entitled, (action.name, roles)
        assert not approves(policy, person(roles), action, OTHER, signed_in=False)
        assert not approves(policy, machine(roles), action, OTHER, signed_in=True)
        assert not approves(policy, machine(roles), action, OTHER, signed_in=False)


def test_step_3_approvers_hold_privileged_roles_that_no_machine_may_hold():
    approvers = {action.approver for action in SENSITIVE}
    assert approvers <= PRIVILEGED_ROLES
    assert not (approvers - {Role.AUDITOR}) & MACHINE_ROLES
    # a machine may be auditor, to export the log; step 2 shows that it approves nothing all the same


def _grantee(role: Role, *, person: str, created_by: str) -> ResourceFacts:
    attributes = {"person": person, "created_by": created_by, "role": role.value, "scope": "platform", "project": "p"}
    return facts_of(Resource("Identity", "x", attributes))


@pytest.mark.parametrize("role", list(Role))
def test_step_4_nobody_makes_himself_a_second_approver(policy, role):
    circumstances = Circumstances("operation", signed_in=True)
    for roles in EVERY_SET:
        me = person(roles)
        stranger = _grantee(role, person=OTHER, created_by=OTHER)
        if role in PRIVILEGED_ROLES:
            assert not policy.decide(me, "iam.role.grant", stranger, circumstances).allowed
        for target in (
            _grantee(role, person=ME, created_by=OTHER),
            _grantee(role, person=OTHER, created_by=ME),
            _grantee(role, person=ME, created_by=ME),
        ):
            for action in ("iam.role.grant", "iam.role.grant-privileged"):
                assert not policy.decide(me, action, target, circumstances).allowed, (action, role, roles)
        assert not policy.decide(machine(roles), "iam.role.grant", stranger, circumstances).allowed
        assert not policy.decide(machine(roles), "iam.role.grant-privileged", stranger, circumstances).allowed


def test_step_4_whatever_leads_to_another_persons_account_or_role_is_sensitive():
    for name in ("iam.role.grant-privileged", "iam.person.re-enrol"):
        assert ACTIONS[name].sensitive
    alone = {
        "iam.access-key.create",
        "iam.access-key.rotate",
        "iam.temporary-key.create",
        "iam.token.create",
        "iam.password.change",
    }
    policy = Policy.shipped()
    somebody_else = facts_of(Resource("Identity", OTHER, {"person": OTHER, "created_by": ME, "project": "p"}))
    for roles, name in product(EVERY_SET, alone):
        assert not policy.decide(person(roles), name, somebody_else, Circumstances("operation", True)).allowed


@pytest.mark.parametrize("action", SENSITIVE, ids=SENSITIVE_NAMES)
def test_step_5_two_persons_with_the_right_roles_complete_it(policy, action):
    """The control: the proof does not hold because nothing works."""
    requesters = [roles for roles in EVERY_SET if proposes(policy, person(roles), action)]
    assert requesters
    least = min(requesters, key=len)
    assert len(least) <= 1
    assert approves(policy, person({action.approver}), action, OTHER, signed_in=True)


GIVES_RIGHTS = {name for name in ACTIONS if name.startswith("iam.") and name.rsplit(".", 1)[1].startswith("grant")}


def test_step_6_no_policy_permits_what_gives_rights_or_is_sensitive_because_a_role_is_elevated():
    """Decisions about them with an elevation are those of steps 1 to 4 with the same roles, or a no."""
    parsed = json.loads(cedarpy.policies_to_json_str(POLICIES))["staticPolicies"].values()
    permits = [policy for policy in parsed if policy["effect"] == "permit" and ELEVATED in json.dumps(policy)]
    concerned = {*SENSITIVE_NAMES, "iam.approval.approve", *GIVES_RIGHTS}
    assert not [policy for policy in permits if any(f'"{name}"' in json.dumps(policy["action"]) for name in concerned)]
    assert all(policy["action"]["op"] != "All" for policy in permits)


def eligible(role: Role, *, person: str, approval: str, kind: str = "elevation") -> ResourceFacts:
    attributes = {"person": person, "role": role.value, "kind": kind, "approval": approval, "project": "p"}
    return facts_of(Resource("Eligibility", "e", attributes))


@pytest.mark.parametrize("role", list(Role))
def test_step_6_nobody_elevates_for_somebody_else_nor_a_privileged_role_alone(policy, role):
    opening = ("iam.elevation.open", "iam.elevation.open-privileged")
    signed_in, by_key = Circumstances("operation", signed_in=True), Circumstances("operation", signed_in=False)
    mine = eligible(role, person=ME, approval="second-person")
    for roles in EVERY_SET:
        me = Principal(ME, "Person", ME, dict.fromkeys(roles, EVERYWHERE), frozenset(role.value for role in roles))
        assert policy.decide(me, "iam.elevation.open", mine, signed_in).allowed is (role not in PRIVILEGED_ROLES)
        for name, approval in product(opening, ("second-person", "alone")):
            theirs = eligible(role, person=OTHER, approval=approval)
            assert not policy.decide(me, name, theirs, signed_in).allowed
            assert not policy.decide(me, name, eligible(role, person=ME, approval=approval), by_key).allowed
            assert not policy.decide(machine(roles), name, mine, signed_in).allowed
    assert ACTIONS["iam.elevation.open-privileged"].sensitive


def test_step_6_an_elevated_role_approves_as_the_role_does(policy):
    """The control, and no more than that: with every role of each set elevated, and with one alone."""
    for action, roles in product(SENSITIVE, EVERY_SET):
        everything = frozenset(role.value for role in roles)
        for elevated in (everything, everything & {action.approver.value}):
            me = Principal(ME, "Person", ME, dict.fromkeys(roles, EVERYWHERE), elevated)
            assert not approves(policy, me, action, ME, signed_in=True)
            assert approves(policy, me, action, OTHER, signed_in=True) is (action.approver in roles)


def test_the_approvals_of_a_sensitive_action_are_at_least_one():
    assert all(action.approvals >= 1 and action.approver is not None for action in SENSITIVE)


# The matrix, kept as a golden file


def test_the_authorisation_matrix_is_the_one_that_was_reviewed(policy, request):
    """EMC-41: nine roles by operation. On purpose? Then run `python -m nexus.iam.matrix .` and read the difference."""
    assert (request.config.rootpath / MATRIX_FILE).read_text("utf-8") == matrix(policy)


def test_the_reference_page_of_roles_and_actions_is_current(policy, request):
    assert (request.config.rootpath / REFERENCE_FILE).read_text("utf-8") == reference(policy)
