"""Resources out of a history: each Consent is a line of decisions of one subject, and each act on the line is a version.

A line begins with a decision (or a general objection) and goes on with whatever replaces, corrects, withdraws or lifts it. Its
id is that of the first. Pure: a state is what `rules.fold` says of the history up to that act.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nexus.consent.model import Decision, DecisionKind, Effect, Provision
from nexus.consent.rules import fold
from nexus.iam.model import SECONDARY_USE, Purpose

OBJECTED = (Provision(effect=Effect.DENY, purposes=tuple(each for each in Purpose if each in SECONDARY_USE)),)
"""What the general objection says."""
_BEGINNING = frozenset({DecisionKind.PERMISSIONS, DecisionKind.CORRECTION, DecisionKind.OBJECTION})


@dataclass(slots=True)
class Line:
    """One resource: its id, and the acts that made its versions, oldest first."""

    id: str
    kind: DecisionKind
    acts: list[Decision] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    """Ids of the decisions that stood, one after the other, in this line."""


@dataclass(frozen=True, slots=True)
class State:
    """A version of a resource. `provisions`: what it says, or said last where it is no longer active."""

    line: Line
    number: int
    """From 1."""
    act: Decision
    active: bool
    provisions: tuple[Provision, ...]
    heads: tuple[str, ...]
    """Decisions of the line that stand now: what an update replaces."""


def lines_of(history: Sequence[Decision]) -> list[Line]:
    """The lines of a subject's history, oldest first."""
    found: list[Line] = []
    by_member: dict[str, Line] = {}
    for act in sorted(history, key=lambda each: each.number):
        touched = list({id(line): line for about in act.about if (line := by_member.get(about))}.values())
        if not touched and act.kind in _BEGINNING:
            touched = [Line(act.id, act.kind)]
            found.append(touched[0])
        for line in touched:
            line.acts.append(act)
        if touched:
            touched[0].members.add(act.id)
            by_member[act.id] = touched[0]
    return found


def state_of(line: Line, history: Sequence[Decision], number: int | None = None) -> State:
    """A version of a line (the newest without `number`). The caller knows that there is one of this number."""
    number = len(line.acts) if number is None else number
    act = line.acts[number - 1]
    heads, provisions = _standing(line, history, act.number)
    said = provisions
    for earlier in reversed(line.acts[: number - 1]):
        if said:
            break
        said = _standing(line, history, earlier.number)[1]
    return State(line, number, act, bool(provisions), said, heads)


def _standing(line: Line, history: Sequence[Decision], upto: int) -> tuple[tuple[str, ...], tuple[Provision, ...]]:
    """The decisions of a line that stood after an act, and what of them counted."""
    standing = fold([decision for decision in history if decision.number <= upto])
    if line.kind is DecisionKind.OBJECTION:
        stood = standing.objection is not None and standing.objection.id in line.members
        return ((line.id,), OBJECTED) if stood else ((), ())
    heads = [decision for decision in standing.giving if decision.id in line.members]
    provisions = [
        provision
        for decision in heads
        for provision in decision.provisions
        if provision.effect is Effect.DENY or decision.id not in standing.withdrawn
    ]
    return tuple(decision.id for decision in heads), tuple(provisions)
