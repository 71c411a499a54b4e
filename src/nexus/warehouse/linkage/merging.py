"""Records become persons: the surest pairs first, and none that would put two people into one. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nexus.warehouse.linkage.model import Doubt, Edge, Review, Rule

_ORDER = (Rule.NUMBER, Rule.TRAITS, Rule.PROBABILITY)
_WAITING = frozenset("78")
"""First characters of numbers of waiting: somebody has one before the own."""


@dataclass(frozen=True, slots=True)
class Known:
    """What must not differ within one person."""

    number: str | None
    rank: int | None
    born: str | None


@dataclass(slots=True)
class _Person:
    records: list[int]
    own: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    ranks: dict[str, set[int]] = field(default_factory=dict)
    """Ranks among twins, by day of birth: another day may be a slip, another rank on one day is another twin."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Persons as groups of records, in order; the merges by each rule; and what was refused."""

    persons: list[list[int]]
    by_rule: dict[Rule, int]
    refused: list[Review]


def merge(known: Mapping[int, Known], edges: Iterable[Edge]) -> Merged:
    """Follow the edges, surest first, and refuse each that contradicts what a person is known to be."""
    person_of = {number: _person(number, one) for number, one in sorted(known.items())}
    by_rule = dict.fromkeys(_ORDER, 0)
    refused = []
    for edge in sorted(edges, key=lambda one: (_ORDER.index(one.rule), -one.probability, one.left, one.right)):
        left, right = person_of[edge.left], person_of[edge.right]
        if left is right:
            continue
        if _contradict(left, right):
            refused.append(Review(edge.left, edge.right, Doubt.CONTRADICTION, edge.probability))
            continue
        by_rule[edge.rule] += 1
        for number in _join(left, right):
            person_of[number] = left
    persons = {id(person): sorted(person.records) for person in person_of.values()}
    return Merged(sorted(persons.values()), by_rule, refused)


def _person(number: int, known: Known) -> _Person:
    person = _Person([number])
    if known.number:
        (person.waiting if known.number[0] in _WAITING else person.own).add(known.number)
    if known.rank is not None and known.born is not None:
        person.ranks[known.born] = {known.rank}
    return person


def _contradict(left: _Person, right: _Person) -> bool:
    return (
        len(left.own | right.own) > 1
        or len(left.waiting | right.waiting) > 1
        or any(len(ranks | right.ranks.get(born, ranks)) > 1 for born, ranks in left.ranks.items())
    )


def _join(left: _Person, right: _Person) -> list[int]:
    """The right one becomes part of the left one; its records."""
    moved = right.records
    left.records = left.records + moved
    left.own |= right.own
    left.waiting |= right.waiting
    for born, ranks in right.ranks.items():
        left.ranks[born] = left.ranks.get(born, set()) | ranks
    return moved
