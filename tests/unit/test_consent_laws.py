"""Laws of consent that hold for every history: order does not matter, what takes away never gives, doubt never gives."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.consent.model import (
    COVERED,
    Capacity,
    DataCategory,
    Decision,
    DecisionKind,
    Effect,
    LegalBasis,
    Period,
    Provision,
    Question,
    Reason,
    Recipient,
    Ruling,
    Sensitivity,
)
from nexus.consent.rules import CONSENT_ONLY, Bases, decide, fold
from nexus.iam.model import SECONDARY_USE, Purpose
from nexus.kernel.clock import DAY, Instant
from simulators.consents import deny

NOW = Instant(1_800_000_000_000_000)
EARLIER, LATER = Instant(NOW - 30 * DAY), Instant(NOW + 30 * DAY)
PUBLIC = Bases(by_purpose=dict.fromkeys(SECONDARY_USE, LegalBasis.PUBLIC_INTEREST))
READER = Recipient("chu", "p", "per_reader")


def row(kind: DecisionKind, *provisions: Provision, number: int, about: tuple[str, ...] = ()) -> Decision:
    """A row `d<number>`."""
    return Decision(f"d{number}", "sub_1", number, kind, provisions, about, Capacity.SELF, "per_a", "per_a", NOW, NOW)


PURPOSES = st.lists(st.sampled_from(sorted(COVERED)), min_size=1, max_size=3, unique=True).map(tuple)
MOMENTS = st.sampled_from([None, EARLIER, NOW, LATER])
PERIODS = st.builds(Period, start=MOMENTS, end=MOMENTS)
PROVISIONS = st.builds(
    Provision,
    effect=st.sampled_from(Effect),
    purposes=PURPOSES,
    projects=st.sampled_from([(), ("p",), ("q",)]),
    sites=st.sampled_from([(), ("chu",), ("clinic",)]),
    categories=st.sampled_from([(), (DataCategory.LABORATORY,), (DataCategory.HIV, DataCategory.LABORATORY)]),
    sources=st.sampled_from([(), ("lab1",)]),
    sensitivities=st.sampled_from([(), (Sensitivity.NORMAL,)]),
    references=st.sampled_from([(), ("instance:Observation/1",)]),
    collected=PERIODS,
    valid=PERIODS,
    emergency=st.booleans(),
)


@st.composite
def histories(draw) -> list[Decision]:
    rows = []
    for number in range(1, draw(st.integers(0, 6)) + 1):
        kind = draw(st.sampled_from(DecisionKind))
        earlier = [each.id for each in rows]
        about = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        giving = kind in {DecisionKind.PERMISSIONS, DecisionKind.CORRECTION}
        provisions = draw(st.lists(PROVISIONS, max_size=2)) if giving else []
        rows.append(row(kind, *provisions, number=number, about=tuple(about)))
    return rows


QUESTIONS = st.builds(
    Question,
    subjects=st.just(("sub_1",)),
    purpose=st.sampled_from([*sorted(COVERED), "operation"]),
    recipient=st.sampled_from([READER, Recipient("clinic"), Recipient()]),
    at=st.sampled_from([EARLIER, NOW, LATER]),
    categories=st.sampled_from([(), ("laboratory",), ("laboratory", "hiv")]),
    source=st.sampled_from(["", "lab1", "lab2"]),
    collected=st.sampled_from([None, (EARLIER, EARLIER), (EARLIER, LATER)]),
    sensitivity=st.sampled_from([None, *Sensitivity]),
    references=st.sampled_from([(), ("instance:Observation/1",), ("instance:Observation/2",)]),
    break_glass=st.booleans(),
)
BASES = st.sampled_from([CONSENT_ONLY, PUBLIC])


@given(QUESTIONS, histories(), BASES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_history_replayed_in_any_order_gives_the_same_ruling(question, rows, bases, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    moved = [replace(each, decided_at=Instant(NOW - each.number * DAY), recorded_at=EARLIER) for each in shuffled]
    assert decide(question, moved, bases) == decide(question, rows, bases)


@given(QUESTIONS, histories(), BASES)
@settings(max_examples=60, deadline=None)
def test_an_objection_ends_every_secondary_use_and_a_lifting_gives_back_what_was(question, rows, bases):
    number = len(rows)
    objected = [*rows, row(DecisionKind.OBJECTION, number=number + 1)]
    ruling = decide(question, objected, bases)
    if question.purpose in SECONDARY_USE:
        assert not ruling.allowed
    else:
        assert ruling == decide(question, rows, bases)
    if fold(rows).objection is None:
        lifted = [*objected, row(DecisionKind.LIFTING, number=number + 2)]
        assert decide(question, lifted, bases) == decide(question, rows, bases)


@given(QUESTIONS, histories(), BASES)
@settings(max_examples=60, deadline=None)
def test_a_denial_of_everything_ends_what_it_names_and_a_withdrawal_never_gives_more(question, rows, bases):
    if question.purpose == "operation":
        return
    denial = deny(question.purpose, emergency=question.break_glass and question.purpose == Purpose.CARE)
    denied = [*rows, row(DecisionKind.PERMISSIONS, denial, number=len(rows) + 1)]
    assert not decide(question, denied, bases).allowed
    for named in rows:
        taken = [*rows, row(DecisionKind.WITHDRAWAL, number=len(rows) + 1, about=(named.id,))]
        assert decide(question, rows, bases).allowed or not decide(question, taken, bases).allowed


@given(QUESTIONS, histories(), BASES)
@settings(max_examples=60, deadline=None)
def test_what_is_not_known_of_the_data_never_gives_more(question, rows, bases):
    doubtful = replace(question, categories=(), source="", collected=None, sensitivity=None, references=())
    unknown, known = decide(doubtful, rows, bases), decide(question, rows, bases)
    assert known.allowed or not unknown.allowed or _by_default(unknown)


def _by_default(ruling: Ruling) -> bool:
    return ruling.reason in {Reason.CARE, Reason.PUBLIC_INTEREST, Reason.EMERGENCY}
