"""What no set of roles allows: the rules of never.cedar, each tried over all 512 sets, each with its positive control."""

from itertools import chain, combinations, product

import pytest

from nexus.iam.actions import ACTIONS
from nexus.iam.decisions import Circumstances, Policy, Principal
from nexus.iam.matrix import cases
from nexus.iam.model import Purpose, Role
from nexus.iam.rules import facts_of
from nexus.kernel.operation import Resource

EVERY_SET = [frozenset(roles) for roles in chain.from_iterable(combinations(Role, n) for n in range(len(Role) + 1))]
EVERYWHERE = frozenset({"platform"})
CONTENT = [name for name in ACTIONS if name.split(".")[1] in {"object", "version", "upload"}]
READING = ["objects.object.read", "objects.version.read"]
ADMINISTRATION = [
    name
    for name in ACTIONS
    if name.startswith("iam.")
    and name.rsplit(".", 1)[1] in {"create", "suspend", "resume", "delete", "re-enrol", "grant"}
    and name != "iam.temporary-key.create"  # less of one's own credential, which a machine has too
]


@pytest.fixture(scope="module")
def policy():
    return Policy.shipped()


def holder(roles, kind: str = "Person") -> Principal:
    return Principal("x", kind, "per_me", dict.fromkeys(roles, EVERYWHERE))


def bucket(kind: str):
    return facts_of(Resource("Bucket", "b", {"project": "p", "kind": kind}))


def allowed(policy: Policy, who: Principal, action: str, facts, purpose: Purpose = Purpose.RESEARCH) -> bool:
    return policy.decide(who, action, facts, Circumstances(purpose.value, signed_in=True)).allowed


@pytest.mark.parametrize("role", [Role.PLATFORM_OPERATOR, Role.SECURITY_OFFICER])
def test_those_who_run_or_secure_the_platform_never_touch_objects(policy, role):
    """EMC-41, RG-12: not even with every role of data work besides."""
    for roles, action in product([roles for roles in EVERY_SET if role in roles], CONTENT):
        assert not allowed(policy, holder(roles), action, bucket("standard")), (roles, action)
    rest = set(Role) - {Role.PLATFORM_OPERATOR, Role.SECURITY_OFFICER, Role.REIDENTIFICATION_DESK}
    assert allowed(policy, holder(rest), READING[0], bucket("standard"))


def test_who_says_who_somebody_is_never_reads_what_is_known_about_her(policy):
    """R-051, R-086: not even with every role of data work besides; and whoever has one of those never asks."""
    desk = [roles for roles in EVERY_SET if Role.REIDENTIFICATION_DESK in roles]
    for roles, action in product(desk, READING):
        assert not allowed(policy, holder(roles), action, bucket("standard")), (roles, action)
    project = facts_of(Resource("Project", "p", {"project": "p"}))
    harmless = {Role.REIDENTIFICATION_DESK, Role.DATA_PROVIDER, Role.CONSENT_DESK}
    for roles, verb in product(desk, ("recontact", "emergency")):
        assert allowed(policy, holder(roles), f"pseudonyms.person.{verb}", project) is (roles <= harmless), roles
        assert not allowed(policy, holder(roles, "Machine"), f"pseudonyms.person.{verb}", project)


def test_researchers_never_read_data_as_they_came_in(policy):
    """RG-12: pseudonymised data only."""
    for roles, action in product([roles for roles in EVERY_SET if Role.RESEARCHER in roles], READING):
        assert not allowed(policy, holder(roles), action, bucket("ingress")), (roles, action)
    assert allowed(policy, holder({Role.DATA_STEWARD}), READING[0], bucket("ingress"))


def test_health_data_are_never_read_to_run_the_platform(policy):
    """R-052."""
    for roles, action, kind in product(EVERY_SET, READING, ("standard", "ingress", "export")):
        assert not allowed(policy, holder(roles), action, bucket(kind), Purpose.OPERATION)
    assert allowed(policy, holder({Role.DATA_STEWARD}), READING[0], bucket("standard"), Purpose.CARE)


def test_machines_administer_nobody(policy):
    for action in ADMINISTRATION:
        for case in cases(ACTIONS[action]):
            facts = facts_of(case.resource)
            assert not allowed(policy, holder(Role, "Machine"), action, facts), (action, case.label)
    assert allowed(
        policy, holder({Role.SECURITY_OFFICER}), "iam.person.create", facts_of(Resource("Platform", "nexus"))
    )


def test_nobody_obtains_credentials_of_somebody_else(policy):
    somebody_else = facts_of(Resource("Identity", "y", {"person": "per_other", "created_by": "per_me", "project": "p"}))
    own = (
        "iam.access-key.create",
        "iam.access-key.rotate",
        "iam.temporary-key.create",
        "iam.token.create",
        "iam.password.change",
    )
    for roles, action in product(EVERY_SET, own):
        assert not allowed(policy, holder(roles), action, somebody_else)
    oneself = facts_of(Resource("Identity", "x", {"person": "per_me", "created_by": "per_other"}))
    assert allowed(policy, holder(()), "iam.access-key.create", oneself)


@pytest.mark.parametrize("purpose", [Purpose.OPERATION, Purpose.OPERATION.value], ids=["enumeration", "text"])
def test_a_purpose_is_the_same_whether_it_comes_as_text_or_as_a_member_of_its_list(policy, purpose):
    """R-052. The doors bring either; a forbid that compared types, and not words, once let the one pass."""
    who, facts = holder({Role.DATA_STEWARD}), bucket("standard")
    assert not policy.decide(who, READING[0], facts, Circumstances(purpose, signed_in=True)).allowed
    assert policy.decide(who, READING[0], facts, Circumstances(Purpose.RESEARCH, signed_in=True)).allowed
