"""The policies, their schema and the table of actions agree; cutting them up changes no decision."""

import json
from importlib.resources import files

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.iam.actions import ACTIONS, ROLES, SENSITIVE
from nexus.iam.conditions import NO_CONDITIONS, Conditions
from nexus.iam.decisions import POLICY_FILES, SCHEMA_FILE, Circumstances, Policy, PolicyError, Principal, declare
from nexus.iam.matrix import SCOPE, cases, directory, holder, patient
from nexus.iam.model import PLATFORM_SCOPE, PRIVILEGED_ROLES, Purpose, Role
from nexus.iam.rules import facts_of
from nexus.iam.tables.action import RESOURCE_TYPES, Action
from nexus.iam.zones import zones
from nexus.kernel.operation import Resource

ROOM = files("nexus.iam") / "policy"
POLICIES = "\n".join((ROOM / name).read_text("utf-8") for name in POLICY_FILES)
RIGHTS_ALONE = "\n".join((ROOM / name).read_text("utf-8") for name in POLICY_FILES if name != "conditions.cedar")
SCHEMA = (ROOM / SCHEMA_FILE).read_text("utf-8")
ALL_CONDITIONS = Conditions(
    zones=zones(["office=10.0.0.0/8", "ward=10.7.0.0/16"]),
    privileged_zones=frozenset({"office", "local"}),
    privileged_device=True,
    passkeys_only=True,
    fresh_factor_s=900,
    research_zones=frozenset({"ward"}),
    research_hours=True,
    members_only=True,
    separate_duties=True,
)
WHOLE = {
    ALL_CONDITIONS: cedarpy.PolicySet.from_str(POLICIES),
    NO_CONDITIONS: cedarpy.PolicySet.from_str(RIGHTS_ALONE),
}
WHOLE_SCHEMA = cedarpy.Schema.from_str(f"{SCHEMA}\n{declare(ACTIONS.values())}")
SIGNED_IN = Circumstances("research", signed_in=True)


@pytest.fixture(scope="module")
def policy():
    return Policy.shipped()


def test_the_shipped_policies_fit_their_schema():
    result = cedarpy.validate_policies(POLICIES, f"{SCHEMA}\n{declare(ACTIONS.values())}")
    assert result.validation_passed, [str(error) for error in result.errors]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ('permit (principal, action == Action::"no.such.action", resource);', "action"),
        (
            'permit (principal, action == Action::"platform.status", resource) when { principal.shoe_size > 40 };',
            "attr",
        ),
        ('permit (principal, action == Action::"platform.status", resource) when { resource.kind == "x" };', "attr"),
        ("permit (principal, action, resource", "parse"),
    ],
)
def test_a_policy_that_does_not_fit_stops_the_program(broken, why):
    with pytest.raises(PolicyError):
        Policy(POLICIES + broken, SCHEMA, ACTIONS.values())


def test_a_policy_with_a_form_of_scope_that_we_do_not_cut_is_refused():
    with pytest.raises(PolicyError):
        Policy('permit (principal, action in Action::"platform.status", resource);', SCHEMA, ACTIONS.values())


def test_every_policy_has_a_name_of_its_own():
    parsed = json.loads(cedarpy.policies_to_json_str(POLICIES))["staticPolicies"]
    names = [policy["annotations"]["id"] for policy in parsed.values()]
    assert len(set(names)) == len(names) == len(parsed)


NOBODYS = {"objects.lock.bypass"}
"""Named so that a request for it is refused by name; two persons have `objects.lock.lift` instead."""


def test_every_action_is_somebodys_and_has_its_sentences(policy):
    for action in ACTIONS.values():
        assert action.sentence
        assert action.phrase
        assert set(action.resource_types) <= set(RESOURCE_TYPES)
        principals = [
            *(holder([role], elevated=through) for role in Role for through in (False, True)),
            directory(),
            patient(),
        ]
        decided = [
            policy.decide(who, action.name, facts_of(case.resource), Circumstances(case.purpose.value, True)).allowed
            for who in principals
            for case in cases(action)
        ]
        assert any(decided) != (action.name in NOBODYS), f"who may {action.name}?"


def test_what_is_sensitive_names_a_privileged_approver_and_nothing_else_does():
    for action in ACTIONS.values():
        assert action.sensitive is (action.approver is not None)
    assert {action.approver for action in SENSITIVE} <= PRIVILEGED_ROLES
    assert all(action.approvals >= 1 for action in SENSITIVE)


def test_the_sensitive_operations_that_were_asked_for_are_sensitive():
    """F-002."""
    asked = {
        "kms.key.destroy",
        "kms.key.export",
        "iam.role.grant-privileged",
        "audit.entry.erase",
        "audit.log.configure",
        "iam.person.delete",
    }
    assert asked <= {action.name for action in SENSITIVE}


def test_there_are_eleven_roles_each_with_a_text():
    """EMC-41: the nine roles that were asked for, and the desks that record consents and that go back to persons."""
    assert len(Role) == 11 == len(ROLES)


def test_nobody_may_anything_without_a_role_but_with_what_is_his_own(policy):
    nobody = holder([])
    allowed = {
        action.name
        for action in ACTIONS.values()
        for case in cases(action)
        if policy.decide(nobody, action.name, facts_of(case.resource), SIGNED_IN).allowed
    }
    assert allowed == {
        "bastion.host.read",
        "iam.me.read",
        "iam.identity.name",
        "iam.notice.list",
        "iam.notice.acknowledge",
        "iam.person.read",
        "iam.password.change",
        "iam.machine.read",
        "iam.access-key.create",
        "iam.access-key.list",
        "iam.access-key.rotate",
        "iam.access-key.revoke",
        "iam.temporary-key.create",
        "iam.temporary-key.list",
        "iam.temporary-key.end",
        "iam.token.create",
        "iam.token.list",
        "iam.token.revoke",
        "iam.role.list",
        "iam.session.list",
        "iam.session.end",
        "iam.passkey.register",
        "iam.passkey.list",
        "iam.passkey.rename",
        "iam.passkey.remove",
        "iam.password.remove",
        "iam.federation.link",
        "iam.federation.list",
        "iam.federation.unlink",
        "iam.agreement.list",
        "iam.agreement.end",
        "iam.device.list",
        "iam.device.revoke",
        "iam.step-up.prove",
        "iam.approval.list",
        "iam.approval.read",
        "iam.approval.reject",
        "iam.approval.execute",
        "iam.elevation.open",
        "iam.elevation.open-privileged",
        "iam.elevation.end",
        "iam.elevation.list",
        "iam.review.list",
        "iam.review.items",
        "iam.break-glass.open",
        "iam.break-glass.list",
        "iam.access-request.create",
        "iam.access-request.list",
        "iam.access-request.read",
        "iam.access-request.withdraw",
        "consent.own.list",
        "consent.own.read",
        "consent.own.accesses",
        "consent.own.proof",
        "consent.own.notices",
        "consent.own.notice-address",
        "consent.own.notice-confirm",
        "consent.own.notice-choose",
        "consent.own.notice-stop",
        "consent.own.decide",
        "consent.own.withdraw",
        "consent.own.object",
        "consent.own.lift-objection",
        "consent.own.receipt",
        "consent.own.ask",
        "objects.subject.holdings",
        "objects.withdrawal.reached",
        "iam.what-can",
        "iam.what-if",
        "iam.explain",
        "iam.unused-rights",
    }


SCOPES = st.sampled_from(["platform", "site:a", "site:b", "project:p", "project:q", "bucket:b", "bucket:c"])
RIGHTS = st.dictionaries(st.sampled_from(list(Role)), st.frozensets(SCOPES, max_size=3), max_size=9)
NAMES = st.sampled_from(["per_me", "per_other", ""])


@st.composite
def questions(draw):
    action = draw(st.sampled_from(list(ACTIONS.values())))
    attributes = {
        "site": draw(st.sampled_from(["", "a", "b"])),
        "project": draw(st.sampled_from(["", "p"])),
        "kind": draw(
            st.sampled_from(["standard", "ingress", "export", "release", "elevation", "emergency", "", "odd"])
        ),
        "person": draw(NAMES),
        "created_by": draw(NAMES),
        "requester": draw(NAMES),
        "approver_role": draw(st.sampled_from([*(role.value for role in Role), ""])),
        "approval": draw(st.sampled_from(["second-person", "alone", ""])),
        "holders": draw(st.sampled_from(["per_me", "per_other", "per_other per_me", ""])),
    }
    if draw(st.booleans()):
        attributes["privileged"] = draw(st.sampled_from(["yes", "no", ""]))
    if draw(st.booleans()):
        attributes["role"] = draw(st.sampled_from([role.value for role in Role]))
    resource = Resource(draw(st.sampled_from(action.resource_types)), draw(st.sampled_from(["b", "c"])), attributes)
    kind = draw(st.sampled_from(["Person", "Machine"]))
    circumstances = Circumstances(
        draw(st.sampled_from([p.value for p in Purpose])),
        draw(st.booleans()),
        zone=draw(st.sampled_from(["local", "office", "ward", "outside"])),
        hour=draw(st.integers(0, 23)),
        weekday=draw(st.integers(1, 7)),
        factors=draw(st.frozensets(st.sampled_from(["password", "totp", "passkey"]))),
        factor_age_s=draw(st.sampled_from([None, 0, 60, 900, 960, 10**6])),
        device_certificate=draw(st.booleans()),
    )
    rights = draw(RIGHTS)
    elevated = frozenset(role.value for role in rights if draw(st.booleans()))
    lists_people, is_patient = (kind == which and draw(st.booleans()) for which in ("Machine", "Person"))
    principal = Principal("per_me", kind, "per_me", rights, elevated, lists_people, is_patient)
    return principal, action, facts_of(resource), circumstances


@given(questions(), st.sampled_from([NO_CONDITIONS, ALL_CONDITIONS]))
@settings(max_examples=500, deadline=None)
def test_a_slice_decides_as_all_policies_do_and_the_values_fit_the_schema(question, conditions):
    principal, action, facts, circumstances = question
    policy = Policy.shipped(conditions)
    policy.cedar.check_form(principal, facts)
    whole = cedarpy.is_authorized(
        {
            "principal": {"type": principal.type, "id": principal.id},
            "action": {"type": "Action", "id": action.name},
            "resource": {"type": facts.type, "id": facts.id},
            "context": circumstances.context(),
        },
        WHOLE[conditions],
        [principal.entity(), facts.entity(), conditions.entity()],
        WHOLE_SCHEMA,
    )
    assert not whole.diagnostics.errors
    decision = policy.decide(principal, action.name, facts, circumstances)
    spoke = set(whole.diagnostics.id_annotations_by_reason.values())
    assert decision.allowed is whole.allowed
    assert set(decision.permitted_by if whole.allowed else decision.forbidden_by) == spoke


@given(
    st.sampled_from([role for role in Role if role not in PRIVILEGED_ROLES]), st.sampled_from(list(ACTIONS.values()))
)
@settings(max_examples=100, deadline=None)
def test_a_right_reaches_no_further_than_its_scope(role: Role, action: Action):
    """EMC-41: what lies outside the scope is as if there were no right at all."""
    policy = Policy.shipped()
    elsewhere = Principal(
        "per_me", "Person", "per_me", {role: frozenset({"project:other", "site:other", "bucket:other"})}
    )
    for case in cases(action):
        if case.resource.type == "Platform":
            continue
        asked = (action.name, facts_of(case.resource), Circumstances(case.purpose.value, True))
        assert policy.decide(elsewhere, *asked).allowed is policy.decide(holder([]), *asked).allowed


def test_a_project_right_reaches_the_project():
    buckets = facts_of(Resource("Bucket", "b", {"project": "p", "kind": "standard"}))
    assert Policy.shipped().decide(holder([Role.RESEARCHER]), "objects.object.read", buckets, SIGNED_IN).allowed
    assert SCOPE == "project:p"
    assert PLATFORM_SCOPE == "platform"


def test_an_unknown_action_or_principal_is_no_yes(policy):
    log = facts_of(Resource("Log", "audit"))
    assert not policy.decide(holder([Role.AUDITOR]), "audit.entry.invent", log, SIGNED_IN).allowed
    stranger = Principal("x", "Robot", "x", {Role.AUDITOR: frozenset({"platform"})})
    assert not policy.decide(stranger, "audit.entry.list", log, SIGNED_IN).allowed


def test_a_patients_account_may_what_patients_do_and_nothing_else_whatever_it_is_granted(policy):
    """Issue 4: a patient's account opens nothing of the platform; roles that it was given by mistake are worth nothing."""
    everything = dict.fromkeys(Role, frozenset({"platform", SCOPE}))
    mistaken = Principal("per_me", "Person", "per_me", everything, patient=True)
    for action in ACTIONS.values():
        for case in cases(action):
            moment = Circumstances(case.purpose.value, True)
            decided = policy.decide(mistaken, action.name, facts_of(case.resource), moment)
            assert not decided.allowed or action.patient, action.name
