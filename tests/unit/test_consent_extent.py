"""How far a purpose is allowed, as switches show it, is what the rules say of every single question."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_consent_laws import EARLIER, LATER, NOW, PUBLIC, histories, row

from nexus.consent.extent import extent
from nexus.consent.model import (
    DataCategory,
    DecisionKind,
    Effect,
    Extent,
    LegalBasis,
    Period,
    Provision,
    Question,
    Recipient,
    Sensitivity,
)
from nexus.consent.rules import CONSENT_ONLY, Bases, decide
from nexus.iam.model import SECONDARY_USE
from nexus.kernel.clock import Instant
from simulators.consents import deny, permit

PURPOSE = "research"
ASKED = Question(("sub_1",), PURPOSE, Recipient(), NOW)
KNOWN = st.builds(
    Question,
    subjects=st.just(("sub_1",)),
    purpose=st.just(PURPOSE),
    recipient=st.builds(
        Recipient,
        site=st.sampled_from(["", "chu", "clinic", "x"]),
        project=st.sampled_from(["", "p", "q", "x"]),
        person=st.sampled_from(["", "per_reader"]),
    ),
    at=st.just(NOW),
    categories=st.lists(st.sampled_from([*DataCategory]), min_size=1, max_size=3, unique=True).map(tuple),
    source=st.sampled_from(["lab1", "lab2"]),
    collected=st.tuples(st.sampled_from([EARLIER, NOW, LATER]), st.just(0)).map(lambda span: (span[0], span[0])),
    sensitivity=st.sampled_from([*Sensitivity]),
    references=st.sampled_from([("instance:Observation/1",), ("instance:Observation/2",)]),
)
"""Questions in which all is known of data and recipient."""


def far(*provisions: Provision, bases: Bases = CONSENT_ONLY, **more) -> Extent:
    rows = [row(DecisionKind.PERMISSIONS, each, number=number) for number, each in enumerate(provisions, 1)]
    return extent(replace(ASKED, **more), rows, lambda _: bases)


@pytest.mark.parametrize("bases", [CONSENT_ONLY, PUBLIC], ids=["by consent", "in the public interest"])
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(histories(), st.lists(KNOWN, min_size=10, max_size=10))
def test_it_is_what_the_rules_say_of_each_question(bases, history, questions):
    """Without the general objection, which the switches leave aside; nothing is taken out of every use in these histories."""
    told = extent(ASKED, history, lambda _: bases)
    history = [each for each in history if each.kind not in {DecisionKind.OBJECTION, DecisionKind.LIFTING}]
    answers = {decide(each, history, bases).allowed for each in questions}
    if told is not Extent.SOME:
        assert answers == {told is Extent.ALL}


def test_a_choice_for_everything_is_all_and_its_denial_none():
    assert far(permit(PURPOSE)) is Extent.ALL
    assert far(permit(PURPOSE), deny(PURPOSE)) is Extent.NONE
    assert far() is Extent.NONE
    assert far(bases=PUBLIC) is Extent.ALL


@pytest.mark.parametrize(
    "narrow",
    [
        {"categories": (DataCategory.IMAGING,)},
        {"projects": ("p",)},
        {"sites": ("chu",)},
        {"persons": ("per_x",)},
        {"sources": ("lab1",)},
        {"sensitivities": (Sensitivity.RESTRICTED,)},
        {"references": ("instance:Observation/1",)},
        {"collected": Period(start=EARLIER)},
    ],
    ids=lambda narrow: next(iter(narrow)),
)
def test_what_is_narrowed_on_any_side_is_some(narrow):
    assert far(permit(PURPOSE, **narrow)) is Extent.SOME
    assert far(permit(PURPOSE), deny(PURPOSE, **narrow)) is Extent.SOME
    assert far(deny(PURPOSE, **narrow), bases=PUBLIC) is Extent.SOME


def test_a_provision_that_does_not_hold_yet_or_any_more_narrows_nothing():
    assert far(permit(PURPOSE), deny(PURPOSE, valid=Period(start=LATER))) is Extent.ALL
    assert far(permit(PURPOSE, valid=Period(end=EARLIER))) is Extent.NONE


@pytest.mark.parametrize("narrow", [{"categories": tuple(DataCategory)[:2]}, {"projects": ("p", "q")}])
def test_kinds_of_data_and_projects_out_of_every_secondary_use_are_left_aside(narrow):
    out = Provision(effect=Effect.DENY, purposes=tuple(sorted(SECONDARY_USE)), **narrow)
    assert far(permit(PURPOSE), out) is Extent.ALL
    assert far(out) is Extent.NONE
    assert far(permit(PURPOSE), replace_out(out)) is Extent.SOME, "of one use only it is told"


def replace_out(out: Provision) -> Provision:
    return Provision(effect=out.effect, purposes=(PURPOSE,), categories=out.categories, projects=out.projects)


def test_the_general_objection_is_left_aside():
    rows = [
        row(DecisionKind.PERMISSIONS, permit(PURPOSE), number=1),
        row(DecisionKind.OBJECTION, number=2),
    ]
    assert extent(ASKED, rows, lambda _: CONSENT_ONLY) is Extent.ALL


def test_a_project_that_is_named_rests_on_its_own_basis():
    bases = {"p": Bases(by_project={"p": LegalBasis.PUBLIC_INTEREST})}
    rows = [row(DecisionKind.PERMISSIONS, deny(PURPOSE, projects=("q",)), number=1)]
    rows.append(row(DecisionKind.PERMISSIONS, permit("statistics", projects=("p",)), number=2))
    far_of = lambda **who: extent(  # noqa: E731
        replace(ASKED, recipient=Recipient(**who)), rows, lambda project: bases.get(project, CONSENT_ONLY)
    )
    assert (far_of(project="p"), far_of(project="q"), far_of()) == (Extent.ALL, Extent.NONE, Extent.NONE)


def test_more_kinds_than_anybody_asks_about_are_some():
    names = tuple(f"s{number}" for number in range(100))
    assert far(permit(PURPOSE, sites=names, persons=names), permit(PURPOSE)) is Extent.SOME


def test_moments_are_between_the_dates_that_are_named():
    one = Period(start=EARLIER, end=LATER)
    assert far(permit(PURPOSE, collected=one)) is Extent.SOME
    assert far(permit(PURPOSE, collected=one), permit(PURPOSE)) is Extent.ALL
    assert far(permit(PURPOSE), deny(PURPOSE, collected=Period(start=LATER, end=Instant(LATER + 1)))) is Extent.SOME
