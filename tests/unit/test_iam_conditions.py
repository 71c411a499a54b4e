"""Conditions: which rules are in force, what each takes away, and what it leaves; zones and hours."""

import json
from dataclasses import replace
from importlib.resources import files

import cedarpy
import pytest

from nexus.iam.actions import ACTIONS, SENSITIVE
from nexus.iam.conditions import (
    FRESH_FACTOR,
    MEMBERS_ONLY,
    NO_CONDITIONS,
    PASSKEYS_ONLY,
    PRIVILEGED_DEVICE,
    PRIVILEGED_ZONES,
    RESEARCH_HOURS,
    RESEARCH_ZONES,
    SEPARATE_DUTIES,
    SETTING_OF,
    Conditions,
    refusal,
)
from nexus.iam.decisions import Circumstances, Policy
from nexus.iam.matrix import cases, holder
from nexus.iam.model import PRIVILEGED_ROLES, Role
from nexus.iam.rules import facts_of
from nexus.iam.surroundings import Client, Surroundings
from nexus.iam.zones import MAX_NETWORKS, zones
from nexus.kernel.clock import HOUR, MINUTE, SECOND, Instant, parse_rfc3339
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import Actor, ActorKind, Resource

OFFICE = zones(["office=10.1.0.0/16", "ward=10.1.7.0/24", "ward=2001:db8::/32"])
AT_WORK = Circumstances(
    "research",
    signed_in=True,
    zone="office",
    hour=10,
    weekday=1,
    factors=frozenset({"passkey"}),
    factor_age_s=60,
    device_certificate=True,
)
RESEARCH_BUCKET = facts_of(Resource("Bucket", "b", {"project": "p", "site": "s", "kind": "standard"}))
EACH = {
    PRIVILEGED_ZONES: Conditions(zones=OFFICE, privileged_zones=frozenset({"office"})),
    PRIVILEGED_DEVICE: Conditions(privileged_device=True),
    PASSKEYS_ONLY: Conditions(passkeys_only=True),
    FRESH_FACTOR: Conditions(fresh_factor_s=900),
    RESEARCH_ZONES: Conditions(zones=OFFICE, research_zones=frozenset({"office"})),
    RESEARCH_HOURS: Conditions(research_hours=True),
    MEMBERS_ONLY: Conditions(members_only=True),
    SEPARATE_DUTIES: Conditions(separate_duties=True),
}
UNMET = {
    PRIVILEGED_ZONES: replace(AT_WORK, zone="ward"),
    PRIVILEGED_DEVICE: replace(AT_WORK, device_certificate=False),
    PASSKEYS_ONLY: replace(AT_WORK, factors=frozenset({"password", "totp"})),
    FRESH_FACTOR: replace(AT_WORK, factor_age_s=960),
    RESEARCH_ZONES: replace(AT_WORK, zone="outside"),
    RESEARCH_HOURS: replace(AT_WORK, hour=20),
    MEMBERS_ONLY: AT_WORK,
    SEPARATE_DUTIES: AT_WORK,
}


def decided(rule, who, action, facts, moment):
    return Policy.shipped(EACH[rule]).decide(who, action, facts, moment)


def key():
    return facts_of(Resource("Key", "key_1"))


@pytest.mark.parametrize("rule", EACH)
def test_a_rule_is_in_force_by_its_setting_and_not_otherwise(rule):
    assert EACH[rule].in_force() == {rule}
    assert rule in EACH[rule].described()
    assert NO_CONDITIONS.in_force() == frozenset() and NO_CONDITIONS.described() == {}


def test_a_condition_permits_nothing():
    every = all_conditions()
    for action in ACTIONS.values():
        for case in cases(action):
            for role in Role:
                asked = (holder([role]), action.name, facts_of(case.resource), AT_WORK)
                if not Policy.shipped().decide(*asked).allowed:
                    assert not Policy.shipped(every).decide(*asked).allowed


def all_conditions():
    """All of them at once."""
    return Conditions(
        zones=OFFICE,
        privileged_zones=frozenset({"office"}),
        privileged_device=True,
        passkeys_only=True,
        fresh_factor_s=900,
        research_zones=frozenset({"office"}),
        research_hours=True,
        members_only=True,
        separate_duties=True,
    )


def test_the_rules_in_the_file_are_those_that_the_settings_speak_of():
    text = (files("nexus.iam") / "policy" / "conditions.cedar").read_text("utf-8")
    rules = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    assert {rule["annotations"]["id"]: rule["annotations"]["setting"] for rule in rules} == SETTING_OF
    assert {rule["effect"] for rule in rules} == {"forbid"}


@pytest.mark.parametrize("role", sorted(PRIVILEGED_ROLES))
@pytest.mark.parametrize("rule", [PRIVILEGED_ZONES, PRIVILEGED_DEVICE])
def test_privileged_roles_do_nothing_from_elsewhere_but_protect_what_is_their_own(rule, role):
    """EMC-41: conditional access and privileged access."""
    who = holder([role])
    left = set()
    for action in ACTIONS.values():
        for case in cases(action):
            asked = (who, action.name, facts_of(case.resource))
            before, here, elsewhere = (
                Policy.shipped().decide(*asked, AT_WORK),
                decided(rule, *asked, AT_WORK),
                decided(rule, *asked, UNMET[rule]),
            )
            assert here == before
            if before.allowed and not elsewhere.allowed:
                assert elsewhere.conditions == (rule,)
            if elsewhere.allowed:
                left.add(action.name)
    assert left == {
        "iam.me.read",
        "iam.session.list",
        "iam.session.end",
        "iam.elevation.end",
        "iam.access-key.revoke",
        "iam.token.revoke",
        "iam.temporary-key.end",
    }


def test_an_ordinary_role_is_not_held_to_the_zones_of_privileged_ones():
    assert decided(PRIVILEGED_ZONES, holder([Role.DATA_STEWARD]), "objects.object.read", RESEARCH_BUCKET, AT_WORK)


def test_whoever_signed_in_without_a_passkey_registers_one_and_protects_what_is_her_own():
    """OWASP ASVS 6.3.3 at level 3. Access keys, service tokens, machines and patients are not held by it."""
    left = set()
    for action in ACTIONS.values():
        for case in cases(action):
            asked = (holder(Role), action.name, facts_of(case.resource))
            before = Policy.shipped().decide(*asked, AT_WORK)
            after = decided(PASSKEYS_ONLY, *asked, UNMET[PASSKEYS_ONLY])
            assert decided(PASSKEYS_ONLY, *asked, AT_WORK) == before
            without_session = replace(UNMET[PASSKEYS_ONLY], signed_in=False, factors=frozenset())
            assert decided(PASSKEYS_ONLY, *asked, without_session) == Policy.shipped().decide(*asked, without_session)
            if after.allowed:
                left.add(action.name)
    assert left == {
        *("iam.me.read", "iam.step-up.prove", "iam.passkey.list", "iam.passkey.register"),
        *("iam.session.list", "iam.session.end", "iam.elevation.end"),
        *("iam.access-key.revoke", "iam.token.revoke", "iam.temporary-key.end"),
    }


def test_keys_and_rights_wait_for_a_fresh_factor_and_emergencies_do_not():
    """EMC-41: a sensitive operation asks for a fresh factor."""
    custodian, officer = holder([Role.KEY_CUSTODIAN]), holder([Role.SECURITY_OFFICER])
    for age in (None, 901, 10**9):
        stale = replace(AT_WORK, factor_age_s=age)
        refused = decided(FRESH_FACTOR, custodian, "kms.key.rotate", key(), stale)
        assert (refused.allowed, refused.conditions) == (False, (FRESH_FACTOR,))
        for action in ("kms.key.disable", "kms.key.read"):
            assert decided(FRESH_FACTOR, custodian, action, key(), stale).allowed
        person = facts_of(Resource("Identity", "per_x", {"person": "per_x", "created_by": "per_y"}))
        assert decided(FRESH_FACTOR, officer, "iam.person.suspend", person, stale).allowed
        assert not decided(FRESH_FACTOR, officer, "iam.person.resume", person, stale).allowed
    assert decided(FRESH_FACTOR, custodian, "kms.key.rotate", key(), replace(AT_WORK, factor_age_s=900)).allowed


def test_every_sensitive_action_and_every_approval_waits_for_a_fresh_factor():
    policy = Policy.shipped(EACH[FRESH_FACTOR])
    needed = {*(action.name for action in SENSITIVE), "iam.approval.approve", "iam.approval.execute", "iam.role.grant"}
    missing = {name for name in needed if "factor_age_s" not in policy.facts(name)}
    assert missing == set()


@pytest.mark.parametrize("rule", [RESEARCH_ZONES, RESEARCH_HOURS])
def test_researchers_are_held_to_place_and_time_and_stewards_are_not(rule):
    researcher, steward = holder([Role.RESEARCHER]), holder([Role.RESEARCHER, Role.DATA_STEWARD])
    refused = decided(rule, researcher, "objects.object.read", RESEARCH_BUCKET, UNMET[rule])
    assert (refused.allowed, refused.conditions) == (False, (rule,))
    assert decided(rule, researcher, "objects.object.read", RESEARCH_BUCKET, AT_WORK).allowed
    assert decided(rule, steward, "objects.object.read", RESEARCH_BUCKET, UNMET[rule]).allowed


def test_programs_compute_at_night():
    moment = replace(UNMET[RESEARCH_HOURS], signed_in=False)
    program = holder([Role.RESEARCHER], kind="Machine")
    assert decided(RESEARCH_HOURS, program, "objects.object.read", RESEARCH_BUCKET, moment).allowed


def test_a_wide_right_opens_a_projects_data_to_its_members_only():
    """EMC-41."""
    wide = {"platform", "site:s"}
    stranger = replace_rights(Role.RESEARCHER, wide)
    member = replace_rights(Role.RESEARCHER, {*wide, "project:p"})
    elsewhere = replace_rights(Role.RESEARCHER, {*wide, "project:q"})
    for who, allowed in ((stranger, False), (member, True), (elsewhere, False)):
        assert decided(MEMBERS_ONLY, who, "objects.object.read", RESEARCH_BUCKET, AT_WORK).allowed is allowed
    no_project = facts_of(Resource("Bucket", "b", {"site": "s", "project": "", "kind": "standard"}))
    assert decided(MEMBERS_ONLY, stranger, "objects.object.read", no_project, AT_WORK).allowed


def replace_rights(role, scopes):
    return replace(holder([]), rights={role: frozenset(scopes)})


def test_a_stranger_never_hears_of_a_condition():
    """The condition is told only to whom it alone stops; to others it could tell what there is."""
    for rule, moment in UNMET.items():
        refused = decided(
            rule, replace_rights(Role.RESEARCHER, {"project:other"}), "objects.object.read", RESEARCH_BUCKET, moment
        )
        assert not refused.allowed and refused.conditions == ()


def test_each_refusal_says_what_helps_under_a_code_of_its_own():
    said = {rule: refusal(rule, "rotate a key (Key)", (rule,)) for rule in SETTING_OF}
    assert {rule: error.code for rule, error in said.items()} == {
        PRIVILEGED_ZONES: "iam.condition-zone",
        PRIVILEGED_DEVICE: "iam.condition-device",
        PASSKEYS_ONLY: "iam.condition-passkey",
        FRESH_FACTOR: "iam.condition-factor",
        RESEARCH_ZONES: "iam.condition-zone",
        RESEARCH_HOURS: "iam.condition-hours",
        MEMBERS_ONLY: "iam.condition-membership",
        SEPARATE_DUTIES: "iam.condition-duties",
    }
    assert all(error.hint and "rotate a key" in error.message and error.rules for error in said.values())


# Zones


@pytest.mark.parametrize(
    ("origin", "zone"),
    [
        ("10.1.2.3", "office"),
        ("10.1.7.3", "ward"),
        ("::ffff:10.1.7.3", "ward"),
        ("2001:db8::1", "ward"),
        ("127.0.0.1", "local"),
        ("::1", "local"),
        ("local", "local"),
        ("10.2.0.1", "outside"),
        ("unknown", "outside"),
        ("", "outside"),
        ("010.1.7.3", "outside"),
        ("10.1.7.3%eth0", "outside"),
    ],
)
def test_the_most_specific_network_names_the_zone_and_what_is_odd_is_outside(origin, zone):
    assert OFFICE.of(origin) == zone


@pytest.mark.parametrize(
    "lines",
    [
        ["10.1.0.0/16"],
        ["office=10.1.0.1/16"],
        ["office=somewhere"],
        ["Office=10.1.0.0/16"],
        ["local=10.1.0.0/16"],
        ["outside=10.1.0.0/16"],
        ["a=10.1.0.0/16", "b=10.1.0.0/16"],
        ["home=127.0.0.0/8"],
        [f"a=10.{n // 256}.{n % 256}.0/24" for n in range(MAX_NETWORKS)],
    ],
)
def test_zones_that_are_none_are_refused(lines):
    with pytest.raises(Invalid):
        zones(lines)


@pytest.mark.parametrize(
    "wrong",
    [
        {"privileged_zones": frozenset({"nowhere"})},
        {"research_zones": frozenset({"nowhere"})},
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"from_hour": 20, "to_hour": 8},
        {"working_days": frozenset({0, 1})},
    ],
)
def test_conditions_that_would_lock_everybody_out_are_refused(wrong):
    with pytest.raises(Invalid):
        Conditions(**wrong)


# The facts of the moment


def moment_at(text, *, proved_at=None, zone="Europe/Paris", looks=frozenset({"hour", "weekday", "factor_age_s"})):
    actor = Actor("per_x", ActorKind.PERSON, person="per_x", session="ses_1", proved_at=proved_at)
    surroundings = Surroundings(Conditions(time_zone=zone))
    return surroundings.moment(looks, Client(actor, "192.0.2.1", ""), "research", parse_rfc3339(text))


@pytest.mark.parametrize(
    ("utc", "hour", "weekday"),
    [
        ("2026-11-27T07:59:59Z", 8, 5),
        ("2026-07-27T07:59:59Z", 9, 1),
        ("2026-10-25T00:30:00Z", 2, 7),  # the hour that comes twice
        ("2026-10-25T01:30:00Z", 2, 7),
        ("2026-03-29T01:30:00Z", 3, 7),  # the hour that is missing is 2
        ("2026-12-31T23:30:00Z", 0, 5),
    ],
)
def test_the_hour_is_that_of_the_platforms_time_zone(utc, hour, weekday):
    found = moment_at(utc)
    assert (found.facts.hour, found.facts.weekday) == (hour, weekday)
    assert found.since <= parse_rfc3339(utc) < found.until <= found.since + HOUR


def test_the_age_of_a_factor_is_rounded_up_so_that_it_is_never_younger_than_it_is():
    now = parse_rfc3339("2026-11-27T08:00:00Z")
    for microseconds, age in ((0, 0), (1, 60), (MINUTE, 60), (MINUTE + 1, 120), (15 * MINUTE, 900), (-SECOND, 0)):
        found = moment_at("2026-11-27T08:00:00Z", proved_at=Instant(now - microseconds))
        assert found.facts.factor_age_s == age
        assert found.since <= now < found.until
    assert moment_at("2026-11-27T08:00:00Z").facts.factor_age_s is None
