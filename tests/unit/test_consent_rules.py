"""What follows from decisions: a table of cases, and laws that hold for every history."""

from dataclasses import replace

import pytest

from nexus.consent.model import (
    Capacity,
    Decision,
    DecisionKind,
    LegalBasis,
    Period,
    Provision,
    Question,
    Reason,
    Recipient,
    Sensitivity,
    Status,
)
from nexus.consent.rules import CONSENT_ONLY, Bases, decide, status_of
from nexus.iam.model import SECONDARY_USE
from nexus.kernel.clock import DAY, Instant
from simulators.consents import deny, permit

NOW = Instant(1_800_000_000_000_000)
EARLIER, LATER = Instant(NOW - 30 * DAY), Instant(NOW + 30 * DAY)
PUBLIC = Bases(by_purpose=dict.fromkeys(SECONDARY_USE, LegalBasis.PUBLIC_INTEREST))
READER = Recipient("chu", "p", "per_reader")


def history(*acts: tuple) -> list[Decision]:
    """Rows `d1`, `d2`, … out of kinds, each with its provisions or with what it is about."""
    rows = []
    for number, (kind, *content) in enumerate(acts, start=1):
        provisions = tuple(part for part in content if isinstance(part, Provision))
        about = tuple(part for part in content if isinstance(part, str))
        rows.append(
            Decision(f"d{number}", "sub_1", number, kind, provisions, about, Capacity.SELF, "per_a", "per_a", NOW, NOW)
        )
    return rows


def given_(*content):
    return (DecisionKind.PERMISSIONS, *content)


def corrected(*content):
    return (DecisionKind.CORRECTION, *content)


def withdrawn(*about):
    return (DecisionKind.WITHDRAWAL, *about)


OBJECTED = (DecisionKind.OBJECTION,)
LIFTED = (DecisionKind.LIFTING,)


def ask(**more) -> Question:
    asked = {"subjects": ("sub_1",), "purpose": "research", "recipient": READER, "at": NOW, **more}
    return Question(**asked)


LAB = ask(categories=("laboratory",))
CARE = ask(purpose="care")
GLASS = ask(purpose="care", break_glass=True)
NO, YES = False, True

CASES = [
    # what no patient decided
    ("research rests on consent", ask(), [], CONSENT_ONLY, NO, Reason.NO_DECISION),
    ("public interest is allowed", ask(), [], PUBLIC, YES, Reason.PUBLIC_INTEREST),
    ("care is allowed", CARE, [], CONSENT_ONLY, YES, Reason.CARE),
    ("running the platform reads no patient", ask(purpose="operation"), [given_(permit())], PUBLIC, NO, Reason.PURPOSE),
    ("an unknown purpose neither", ask(purpose="marketing"), [given_(permit())], PUBLIC, NO, Reason.PURPOSE),
    # permissions
    ("a permission", ask(), [given_(permit())], CONSENT_ONLY, YES, Reason.PERMITTED),
    ("of another purpose", ask(), [given_(permit("statistics"))], CONSENT_ONLY, NO, Reason.NO_DECISION),
    ("of this project", ask(), [given_(permit(projects=("p",)))], CONSENT_ONLY, YES, Reason.PERMITTED),
    ("of another project", ask(), [given_(permit(projects=("q",)))], CONSENT_ONLY, NO, Reason.NOT_COVERED),
    ("of another site", ask(), [given_(permit(sites=("clinic",)))], CONSENT_ONLY, NO, Reason.NOT_COVERED),
    ("of another person", ask(), [given_(permit(persons=("per_x",)))], CONSENT_ONLY, NO, Reason.NOT_COVERED),
    ("not yet", ask(), [given_(permit(valid=Period(start=LATER)))], CONSENT_ONLY, NO, Reason.NO_DECISION),
    ("no more", ask(), [given_(permit(valid=Period(end=NOW)))], CONSENT_ONLY, NO, Reason.EXPIRED),
    (
        "within its period",
        ask(),
        [given_(permit(valid=Period(start=NOW, end=LATER)))],
        CONSENT_ONLY,
        YES,
        Reason.PERMITTED,
    ),
    # what is permitted of the data
    ("of these data", LAB, [given_(permit(categories=("laboratory",)))], CONSENT_ONLY, YES, Reason.PERMITTED),
    ("of other data", LAB, [given_(permit(categories=("imaging",)))], CONSENT_ONLY, NO, Reason.NOT_COVERED),
    (
        "of data that nobody named",
        ask(),
        [given_(permit(categories=("imaging",)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    (
        "of some of the data",
        ask(categories=("laboratory", "genetic")),
        [given_(permit(categories=("laboratory",)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    (
        "of all of them, by two decisions",
        ask(categories=("laboratory", "genetic")),
        [given_(permit(categories=("laboratory",))), given_(permit(categories=("genetic",)))],
        CONSENT_ONLY,
        YES,
        Reason.PERMITTED,
    ),
    (
        "of another source",
        ask(source="lab1"),
        [given_(permit(sources=("lab2",)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    ("of a source unknown", ask(), [given_(permit(sources=("lab2",)))], CONSENT_ONLY, NO, Reason.NOT_COVERED),
    (
        "of normal data",
        ask(sensitivity=Sensitivity.NORMAL),
        [given_(permit(sensitivities=(Sensitivity.NORMAL,)))],
        CONSENT_ONLY,
        YES,
        Reason.PERMITTED,
    ),
    (
        "but not of restricted ones",
        ask(sensitivity=Sensitivity.RESTRICTED),
        [given_(permit(sensitivities=(Sensitivity.NORMAL,)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    (
        "collected within the period",
        ask(collected=(EARLIER, EARLIER)),
        [given_(permit(collected=Period(end=NOW)))],
        CONSENT_ONLY,
        YES,
        Reason.PERMITTED,
    ),
    (
        "collected partly outside",
        ask(collected=(EARLIER, LATER)),
        [given_(permit(collected=Period(end=NOW)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    (
        "collected nobody knows when",
        ask(),
        [given_(permit(collected=Period(end=NOW)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    # denials win
    ("a denial before", ask(), [given_(deny()), given_(permit())], PUBLIC, NO, Reason.DENIED),
    ("a denial after", ask(), [given_(permit()), given_(deny())], PUBLIC, NO, Reason.DENIED),
    ("a denial within", ask(), [given_(permit(), deny(projects=("p",)))], PUBLIC, NO, Reason.DENIED),
    ("a denial of another project", ask(), [given_(permit(), deny(projects=("q",)))], PUBLIC, YES, Reason.PERMITTED),
    ("of some of the data", LAB, [given_(permit(), deny(categories=("laboratory", "hiv")))], PUBLIC, NO, Reason.DENIED),
    ("of data that these may be", ask(), [given_(permit(), deny(categories=("hiv",)))], PUBLIC, NO, Reason.DENIED),
    ("of a source that it may be", ask(), [given_(permit(), deny(sources=("lab2",)))], PUBLIC, NO, Reason.DENIED),
    ("of data surely others", LAB, [given_(permit(), deny(categories=("hiv",)))], PUBLIC, YES, Reason.PERMITTED),
    ("a denial that is over", ask(), [given_(permit(), deny(valid=Period(end=NOW)))], PUBLIC, YES, Reason.PERMITTED),
    # the general objection
    ("the objection beats a permission", ask(), [given_(permit()), OBJECTED], PUBLIC, NO, Reason.OBJECTION),
    ("also one given later", ask(), [OBJECTED, given_(permit())], PUBLIC, NO, Reason.OBJECTION),
    ("and public interest", ask(purpose="statistics"), [OBJECTED], PUBLIC, NO, Reason.OBJECTION),
    ("and quality", ask(purpose="quality"), [OBJECTED], PUBLIC, NO, Reason.OBJECTION),
    ("but not care", CARE, [OBJECTED], CONSENT_ONLY, YES, Reason.CARE),
    ("until it is lifted", ask(), [given_(permit()), OBJECTED, LIFTED], CONSENT_ONLY, YES, Reason.PERMITTED),
    ("lifting it permits nothing", ask(), [OBJECTED, LIFTED], CONSENT_ONLY, NO, Reason.NO_DECISION),
    # withdrawal
    ("withdrawn", ask(), [given_(permit()), withdrawn("d1")], CONSENT_ONLY, NO, Reason.WITHDRAWN),
    ("no default revives it", ask(), [given_(permit()), withdrawn("d1")], PUBLIC, NO, Reason.WITHDRAWN),
    ("nor for care", CARE, [given_(permit("care")), withdrawn("d1")], CONSENT_ONLY, NO, Reason.WITHDRAWN),
    ("its denials stay", ask(), [given_(permit("care"), deny()), withdrawn("d1")], PUBLIC, NO, Reason.DENIED),
    (
        "another permission stays",
        ask(),
        [given_(permit()), given_(permit()), withdrawn("d1")],
        CONSENT_ONLY,
        YES,
        Reason.PERMITTED,
    ),
    (
        "permitted anew",
        ask(),
        [given_(permit()), withdrawn("d1"), given_(permit(), "d1")],
        CONSENT_ONLY,
        YES,
        Reason.PERMITTED,
    ),
    # replacement, correction
    ("a denial replaced", ask(), [given_(deny()), given_(permit(), "d1")], CONSENT_ONLY, YES, Reason.PERMITTED),
    (
        "a permission replaced",
        ask(),
        [given_(permit()), given_(permit("care"), "d1")],
        CONSENT_ONLY,
        NO,
        Reason.NO_DECISION,
    ),
    ("corrected", ask(), [given_(permit()), corrected(deny(), "d1")], CONSENT_ONLY, NO, Reason.DENIED),
    (
        "a withdrawn one corrected stays withdrawn",
        ask(),
        [given_(permit()), withdrawn("d1"), corrected(permit(), "d1")],
        PUBLIC,
        NO,
        Reason.WITHDRAWN,
    ),
    # public interest, narrowed by a permission: who permits a reader some data permits him no others
    ("some data for this reader", LAB, [given_(permit(categories=("imaging",)))], PUBLIC, NO, Reason.NOT_COVERED),
    ("some data of unknown kind", ask(), [given_(permit(categories=("imaging",)))], PUBLIC, NO, Reason.NOT_COVERED),
    (
        "for another project, and so nothing about this one",
        LAB,
        [given_(permit(categories=("imaging",), projects=("q",)))],
        PUBLIC,
        YES,
        Reason.PUBLIC_INTEREST,
    ),
    (
        "for another purpose, and so nothing about this one",
        LAB,
        [given_(permit("statistics", categories=("imaging",)))],
        PUBLIC,
        YES,
        Reason.PUBLIC_INTEREST,
    ),
    ("an objection struck out", ask(), [OBJECTED, corrected("d1")], PUBLIC, YES, Reason.PUBLIC_INTEREST),
    (
        "a withdrawal struck out",
        ask(),
        [given_(permit()), withdrawn("d1"), corrected("d2")],
        CONSENT_ONLY,
        YES,
        Reason.PERMITTED,
    ),
    ("a lifting struck out", ask(), [OBJECTED, LIFTED, corrected("d2")], PUBLIC, NO, Reason.OBJECTION),
    # care, and broken glass
    ("care denied", CARE, [given_(deny("care"))], CONSENT_ONLY, NO, Reason.DENIED),
    (
        "care narrowed to normal data",
        ask(purpose="care", sensitivity=Sensitivity.RESTRICTED),
        [given_(permit("care", sensitivities=(Sensitivity.NORMAL,)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    (
        "care permitted until yesterday",
        CARE,
        [given_(permit("care", valid=Period(end=NOW)))],
        CONSENT_ONLY,
        NO,
        Reason.EXPIRED,
    ),
    ("broken glass", GLASS, [], CONSENT_ONLY, YES, Reason.EMERGENCY),
    ("broken glass passes a denial of care", GLASS, [given_(deny("care"))], CONSENT_ONLY, YES, Reason.EMERGENCY),
    ("but not one that names it", GLASS, [given_(deny("care", emergency=True))], CONSENT_ONLY, NO, Reason.DENIED),
    (
        "within what was permitted for it",
        replace(GLASS, sensitivity=Sensitivity.VERY_RESTRICTED),
        [given_(permit("care", emergency=True, sensitivities=(Sensitivity.RESTRICTED,)))],
        CONSENT_ONLY,
        NO,
        Reason.NOT_COVERED,
    ),
    (
        "a permission for emergencies permits no other care",
        CARE,
        [given_(deny("care"), permit("care", emergency=True))],
        CONSENT_ONLY,
        NO,
        Reason.DENIED,
    ),
    ("glass is broken for care only", ask(break_glass=True), [OBJECTED], PUBLIC, NO, Reason.OBJECTION),
]


@pytest.mark.parametrize(
    ("question", "acts", "bases", "allowed", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_follows_from_decisions(question, acts, bases, allowed, reason):
    ruling = decide(question, history(*acts), bases)
    assert (ruling.allowed, ruling.reason) == (allowed, reason)


def test_a_basis_of_the_project_is_more_precise_than_that_of_the_purpose():
    bases = Bases(by_project={"p": LegalBasis.CONSENT}, by_purpose={"research": LegalBasis.PUBLIC_INTEREST})
    assert not decide(ask(), [], bases).allowed
    assert decide(ask(recipient=Recipient("chu", "q")), [], bases).allowed


@pytest.mark.parametrize(
    ("acts", "which", "status"),
    [
        ([given_(permit())], 0, Status.IN_FORCE),
        ([given_(permit()), withdrawn("d1")], 0, Status.WITHDRAWN),
        ([given_(permit()), withdrawn("d1")], 1, Status.SPENT),
        ([given_(permit()), given_(deny(), "d1")], 0, Status.REPLACED),
        ([given_(permit(valid=Period(end=NOW)))], 0, Status.EXPIRED),
        ([OBJECTED], 0, Status.IN_FORCE),
        ([OBJECTED, LIFTED], 0, Status.SPENT),
    ],
)
def test_where_a_decision_stands(acts, which, status):
    rows = history(*acts)
    assert status_of(rows[which], rows, NOW) is status
