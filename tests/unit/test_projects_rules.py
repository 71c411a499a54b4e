"""When a project may be worked for. HD-06, EMC-58, RG-31."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Conflict, Invalid
from nexus.projects.model import (
    FOLLOWS,
    MAX_DECISION,
    Decision,
    DecisionKind,
    LegalBasis,
    Project,
    ProjectState,
    Scope,
    StudyPurpose,
)
from nexus.projects.rules import (
    Lack,
    lacks_to_open,
    readiness,
    require_follows,
    require_name,
    require_period,
    require_ready,
    require_scope,
)

NOW = Instant(1_000 * DAY)
SCOPE = Scope(
    tables={"person": ("person_id", "year_of_birth")},
    period_from="2020-01-01",
    period_until="2025-12-31",
    pseudonym_domain="HEART",
)


def project(state: ProjectState = ProjectState.OPEN) -> Project:
    basis, purpose = LegalBasis.PUBLIC_INTEREST, StudyPurpose.RESEARCH
    return Project("prj_1", "heart", "Hearts", "CHU", purpose, basis, "A study.", state, "per_1", NOW, NOW)


def decision(kind: DecisionKind, begins: int = -10, ends: int = 10, revoked: bool = False) -> Decision:
    scope = SCOPE if kind is DecisionKind.PERMIT else None
    at, until = Instant(NOW + begins * DAY), Instant(NOW + ends * DAY)
    return Decision("pdc_1", "prj_1", kind, "ref", at, until, "per_1", scope, NOW if revoked else None)


ALL = [decision(kind) for kind in DecisionKind]


def test_a_project_is_ready_while_every_decision_holds_and_until_the_first_ends():
    found = readiness(project(), [*ALL[:2], decision(DecisionKind.PERMIT, ends=4)], NOW)
    assert found.lacks == ()
    assert found.until == NOW + 4 * DAY
    assert require_ready(found).kind is DecisionKind.PERMIT


@pytest.mark.parametrize("kind", DecisionKind)
@pytest.mark.parametrize(
    ("changed", "lack"),
    [({"ends": 0}, "{}-ended"), ({"revoked": True}, "no-{}"), ({"begins": 1}, "{}-ended")],
)
def test_without_any_one_of_them_nothing_is_built(kind, changed, lack):
    decisions = [one for one in ALL if one.kind is not kind] + [decision(kind, **changed)]
    found = readiness(project(), decisions, NOW)
    assert found.lacks == (Lack(lack.format(kind.value)),)
    with pytest.raises(Conflict) as refused:
        require_ready(found)
    assert refused.value.code == "projects.not-ready"


@given(
    st.sampled_from(ProjectState), st.lists(st.tuples(st.sampled_from(DecisionKind), st.integers(-9, 9), st.booleans()))
)
def test_it_is_ready_if_and_only_if_it_is_open_and_each_kind_holds(state, drawn):
    decisions = [decision(kind, ends=ends, revoked=revoked) for kind, ends, revoked in drawn]
    holding = {kind for kind, ends, revoked in drawn if ends > 0 and not revoked}
    found = readiness(project(state), decisions, NOW)
    assert (found.permit is not None) is (state is ProjectState.OPEN and holding == set(DecisionKind))
    assert (found.lacks == ()) is (found.permit is not None)
    assert lacks_to_open(project(state), decisions, NOW) == tuple(
        one for one in found.lacks if one is not Lack.NOT_OPEN
    )


def test_what_is_over_stays_over():
    for state in (ProjectState.REFUSED, ProjectState.CLOSED, ProjectState.ARCHIVED):
        for then in set(ProjectState) - {ProjectState.ARCHIVED}:
            with pytest.raises(Conflict):
                require_follows(state, then)
    assert FOLLOWS[ProjectState.ARCHIVED] == frozenset()
    assert FOLLOWS.keys() == set(ProjectState)


@pytest.mark.parametrize(
    "changed",
    [
        {"tables": {}},
        {"tables": {"person": ()}},
        {"tables": {"person": ("a", "a")}},
        {"tables": {"person": ("*",)}},
        {"tables": {"person; drop": ("a",)}},
        {"tables": {"Person": ("a",)}},
        {"period_from": "2026-01-01"},
        {"period_from": "yesterday"},
        {"pseudonym_domain": "heart"},
        {"pseudonym_domain": ""},
        {"cohort": "../x"},
    ],
)
def test_a_permit_that_is_not_precise_is_refused(changed):
    whole = {field: getattr(SCOPE, field) for field in SCOPE.__struct_fields__}
    with pytest.raises(Invalid):
        require_scope(Scope(**{**whole, **changed}))
    require_scope(SCOPE)


@pytest.mark.parametrize(("begins", "length"), [(1, 10), (-10, 10), (-10, 5), (-1, MAX_DECISION // DAY + 1)])
def test_a_decision_of_the_future_ended_or_endless_is_refused(begins, length):
    with pytest.raises(Invalid):
        require_period(Instant(NOW + begins * DAY), Instant(NOW + (begins + length) * DAY), NOW)


@pytest.mark.parametrize("name", ["", "A", "a", "été", "a_b", "-a", "a" * 42, "a.b", "a/b"])
def test_a_name_that_cannot_stand_in_a_scope_is_refused(name):
    with pytest.raises(Invalid):
        require_name(name)
