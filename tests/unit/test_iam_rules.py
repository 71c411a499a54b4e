"""The pure rules: scopes, periods, names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.iam.model import MAX_GRANT, IdentityKind, Role
from nexus.iam.rules import (
    check_email,
    check_grant,
    check_login,
    check_name,
    check_period,
    facts_of,
    page_size,
    scopes_of,
)
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.operation import Resource

NOW = Instant(1_800_000_000_000_000)
PERSON, MACHINE = IdentityKind.PERSON, IdentityKind.MACHINE


def grant(role=Role.RESEARCHER, scope="project:p", kind=PERSON, starts_at=NOW, ends_at=NOW + DAY):
    check_grant(role, scope, kind, starts_at=starts_at, ends_at=ends_at, now=NOW)


def test_a_bucket_lies_in_its_site_its_project_itself_and_the_platform():
    bucket = Resource("Bucket", "scans", {"site": "lyon", "project": "p", "kind": "standard"})
    assert scopes_of(bucket) == ("platform", "site:lyon", "project:p", "bucket:scans")


def test_a_resource_without_site_or_project_is_reached_from_the_platform_only():
    assert scopes_of(Resource("Key", "key_x", {"site": ""})) == ("platform",)


def test_only_an_identity_takes_its_scope_from_the_request():
    assert "project:p" in scopes_of(Resource("Identity", "per_x", {"scope": "project:p"}))
    assert "project:p" not in scopes_of(Resource("Bucket", "b", {"scope": "project:p"}))


def test_a_fact_that_is_no_text_is_refused_rather_than_guessed():
    with pytest.raises(ValueError, match="site"):
        facts_of(Resource("Bucket", "b", {"site": 1, "kind": "standard"}))
    with pytest.raises(KeyError):
        facts_of(Resource("Unheard-of", "x"))


def test_what_a_decision_does_not_look_at_stays_out_of_it():
    facts = facts_of(Resource("Bucket", "b", {"kind": "standard", "owner": "per_x", "size": 7}))
    assert facts.attributes == (("kind", "standard"),)


@pytest.mark.parametrize(
    "scope", ["", "everything", "site:", "site:A", "project:a/b", "bucket:*", "platform:x", "tenant:x", "site:-a"]
)
def test_what_is_no_scope_is_refused(scope):
    with pytest.raises(Invalid):
        grant(scope=scope)


@pytest.mark.parametrize("scope", ["platform", "site:chu-lyon", "project:p1", "bucket:my.bucket-1"])
def test_the_four_scopes_are_taken(scope):
    grant(scope=scope)


def test_a_privileged_role_is_for_the_whole_platform_only():
    """EMC-41."""
    with pytest.raises(Invalid):
        grant(role=Role.AUDITOR, scope="site:x")
    grant(role=Role.AUDITOR, scope="platform")


@pytest.mark.parametrize("role", [Role.SECURITY_OFFICER, Role.KEY_CUSTODIAN, Role.DATA_STEWARD, Role.OUTPUT_CHECKER])
def test_a_machine_never_holds_a_role_that_approves_or_gives_rights(role):
    with pytest.raises(Denied):
        grant(role=role, scope="platform", kind=MACHINE)


def test_a_right_ends_and_ends_within_a_year():
    """RG-40: rights are reviewed at least yearly."""
    grant(ends_at=NOW + MAX_GRANT)
    for ends_at in (NOW, NOW - 1, NOW + MAX_GRANT + 1, 0):
        with pytest.raises(Invalid):
            grant(ends_at=ends_at)


def test_a_right_may_start_later_but_not_after_its_end():
    grant(starts_at=NOW + DAY, ends_at=NOW + 2 * DAY)
    with pytest.raises(Invalid):
        grant(starts_at=NOW + 2 * DAY, ends_at=NOW + DAY)


@given(st.integers(-(10**16), 10**16), st.integers(-(10**16), 10**16))
def test_every_period_that_passes_has_an_end_in_reach(start, length):
    try:
        check_period(NOW + start, NOW + start + length, NOW, longest=MAX_GRANT)
    except Invalid:
        return
    assert NOW + start + length > NOW
    assert length > 0
    assert NOW + start + length - max(NOW, NOW + start) <= MAX_GRANT


def test_logins_are_one_spelling_only():
    assert check_login("  Ada.Martin ") == "ada.martin"
    for bad in ("", "ab", "a" * 65, "ada martin", "ada@x", ".ada", "adа"):  # the last one has a Cyrillic letter
        with pytest.raises(Invalid):
            check_login(bad)


def test_addresses_and_names_are_cleaned():
    assert check_email(" Ada@CHU.Example ") == "ada@chu.example"
    assert check_name("  Ada   Martin ") == "Ada Martin"
    for bad in ("ada", "a@", "@b", "a b@c"):
        with pytest.raises(Invalid):
            check_email(bad)
    for bad in ("", "   ", "x" * 129, "Ada\x00"):
        with pytest.raises(Invalid):
            check_name(bad)


def test_a_page_has_a_limit():
    assert page_size(1000) == 1000
    for bad in (0, -1, 1001):
        with pytest.raises(Invalid):
            page_size(bad)
