"""What happens to the people of a block inside the window: encounters, and what is found, given, done and measured there.

Rates are those of `catalogue`; who has a chronic disease sees a doctor each quarter. Diclofenac is given at random within
ages, so that nothing confounds it: for `RISK_DAYS` after each box the rate of gastric bleeds is multiplied by
`Asked.effect`, and whoever counts bleeds per person-day at risk finds that factor again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy

from nexus.warehouse.generator import catalogue
from nexus.warehouse.generator.catalogue import ACUTE, BLEEDING, CHRONIC, CITY, CLINIC, DELIVERY, Acute
from nexus.warehouse.generator.model import Asked, Flags, Real, Whole, draws
from nexus.warehouse.generator.people import NEVER, People

RISK_DAYS: Final = 30
QUARTER_DAYS: Final = 91


@dataclass(frozen=True, slots=True)
class Encounters:
    """Contacts with care, in order of person and time. `where` as in `catalogue`; `minute` of the day."""

    person: Whole
    day: Whole
    minute: Whole
    stay: Whole
    """Days; 0 where nobody stays over night."""
    where: Whole
    condition: Whole
    """Why: a position in `CONDITIONS`, or -1."""

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, given, done or measured: `what` at encounter `at`, `after` days later, with a `value` if measured."""

    at: Whole
    what: Whole
    after: Whole
    value: Real


@dataclass(frozen=True, slots=True)
class Lives:
    """Everything that happens to a block."""

    encounters: Encounters
    conditions: Findings
    drugs: Findings
    acts: Findings
    measures: Findings
    chronic: Whole
    """For each person and each of `CHRONIC`, the day of its onset; shape (people, diseases)."""
    cause: Whole
    """Of each person who dies, a position in `CONDITIONS`; -1 for others."""


@dataclass(slots=True)
class _Drawn:
    """Encounters while they are drawn, an array for each kind."""

    person: list[Whole] = field(default_factory=list)
    day: list[Whole] = field(default_factory=list)
    kind: list[Whole] = field(default_factory=list)

    def add(self, person: Whole, day: Whole, kind: int) -> None:
        self.person.append(person)
        self.day.append(day)
        self.kind.append(numpy.full(len(person), kind, dtype=numpy.int64))


def lives(asked: Asked, block: int, people: People) -> Lives:
    """The lives of a block."""
    random = draws(asked, block, "lives")
    onset = _onsets(random, people)
    middle = (asked.begin + asked.end) // 2
    drawn = _Drawn()
    for number, acute in enumerate(ACUTE):
        who = people.female if number == DELIVERY else 1
        drawn.add(*_acute(random, asked, people, acute, _rates(people, onset, acute, middle) * who), number)
    bleeds = len(ACUTE)
    drawn.add(*_acute(random, asked, people, BLEEDING, _rates(people, onset, BLEEDING, middle)), bleeds)
    given = numpy.concatenate([d for d, k in zip(drawn.day, drawn.kind, strict=True) if _gives_diclofenac(k)])
    taking = numpy.concatenate([p for p, k in zip(drawn.person, drawn.kind, strict=True) if _gives_diclofenac(k)])
    drawn.add(*_caused(random, asked, people, taking, given), bleeds)
    for number in range(len(CHRONIC)):
        drawn.add(*_quarterly(random, asked, people, onset[:, number]), bleeds + 1 + 2 * number)
        drawn.add(*_checks(random, asked, people, onset[:, number], CHRONIC[number].checks), bleeds + 2 + 2 * number)
    return _assembled(random, people, drawn, onset)


def _gives_diclofenac(kind: Whole) -> bool:
    return bool(len(kind)) and kind[0] < len(ACUTE) and catalogue.DICLOFENAC in ACUTE[kind[0]].drugs


def _onsets(random: numpy.random.Generator, people: People) -> Whole:
    columns = []
    for disease in CHRONIC:
        age = disease.onset(random, people.female)
        day = numpy.where(age < 110, people.born + (numpy.minimum(age, 110) * 365.25).astype(numpy.int64), NEVER)
        if disease.condition in catalogue.WOMEN_ONLY:
            day = numpy.where(people.female == 1, day, NEVER)
        columns.append(day)
    return numpy.stack(columns, axis=1)


def _rates(people: People, onset: Whole, acute: Acute, day: int) -> Real:
    """The yearly rate of each, at the age and with the diseases that they have on a day."""
    age = numpy.clip((day - people.born) / 365.25, 0, 100)
    rate: Real = acute.rate * numpy.exp(acute.slope * (age - 50)) * numpy.where(people.female == 1, acute.women, 1.0)
    for disease, factor in acute.raised:
        rate = rate * numpy.where(onset[:, disease] < day, factor, 1.0)
    return rate


def _acute(
    random: numpy.random.Generator, asked: Asked, people: People, acute: Acute, rate: Real
) -> tuple[Whole, Whole]:
    """Person and day of each: drawn over the whole window and all ages, then kept where somebody lives and is of the age."""
    count = random.poisson(rate * asked.years)
    person = numpy.repeat(numpy.arange(len(people)), count)
    day = _days(random, asked, acute, len(person))
    years = (day - people.born[person]) / 365.25
    kept = _alive(people, person, day) & (years >= acute.ages[0]) & (years < acute.ages[1] + 1)
    return person[kept], day[kept]


def _days(random: numpy.random.Generator, asked: Asked, acute: Acute, count: int) -> Whole:
    days = numpy.arange(asked.begin, asked.end)
    weights = 1 + acute.season * numpy.cos((days % 365.25 - acute.peak) * 2 * numpy.pi / 365.25)
    edges = numpy.cumsum(weights) / weights.sum()
    return asked.begin + numpy.minimum(numpy.searchsorted(edges, random.random(count)), len(days) - 1)


def _caused(
    random: numpy.random.Generator, asked: Asked, people: People, taking: Whole, given: Whole
) -> tuple[Whole, Whole]:
    """Bleeds that diclofenac adds to those that come of themselves. None of their rates is raised by a disease."""
    rate = _rates(people, numpy.empty((len(people), 0), dtype=numpy.int64), BLEEDING, (asked.begin + asked.end) // 2)[
        taking
    ]
    count = random.poisson((asked.effect - 1) * rate * RISK_DAYS / 365.25)
    person = numpy.repeat(taking, count)
    day = numpy.repeat(given, count) + random.integers(1, RISK_DAYS + 1, len(person))
    kept = _alive(people, person, day) & (day < asked.end)
    return person[kept], day[kept]


def _quarterly(random: numpy.random.Generator, asked: Asked, people: People, onset: Whole) -> tuple[Whole, Whole]:
    ill = numpy.flatnonzero(onset < numpy.minimum(people.died, asked.end))
    first = numpy.maximum(onset[ill], asked.begin + random.integers(0, QUARTER_DAYS, len(ill)))
    visits = numpy.maximum(0, -(-(asked.end - first) // QUARTER_DAYS))
    person = numpy.repeat(ill, visits)
    nth = numpy.arange(len(person)) - numpy.repeat(numpy.cumsum(visits) - visits, visits)
    day = numpy.repeat(first, visits) + nth * QUARTER_DAYS + random.integers(-6, 7, len(person)) * (nth > 0)
    kept = _alive(people, person, day) & (day < asked.end)
    return person[kept], day[kept]


def _checks(
    random: numpy.random.Generator, asked: Asked, people: People, onset: Whole, yearly: float
) -> tuple[Whole, Whole]:
    ill = numpy.flatnonzero(onset < numpy.minimum(people.died, asked.end))
    count = random.poisson(yearly * asked.years, len(ill))
    person = numpy.repeat(ill, count)
    day = random.integers(asked.begin, asked.end, len(person))
    kept = _alive(people, person, day) & (day >= onset[person])
    return person[kept], day[kept]


def _alive(people: People, person: Whole, day: Whole) -> Flags:
    return (day >= people.born[person]) & (day <= people.died[person])


def _assembled(random: numpy.random.Generator, people: People, drawn: _Drawn, onset: Whole) -> Lives:
    person, day, kind = (numpy.concatenate(parts) for parts in (drawn.person, drawn.day, drawn.kind))
    order = numpy.lexsort((kind, day, person))
    person, day, kind = person[order], day[order], kind[order]
    mean = numpy.array([_of(number).stay for number in range(_KINDS)])[kind]
    stay = numpy.where(mean > 0, 1 + random.poisson(numpy.maximum(mean - 1, 0)), 0)
    stay = numpy.minimum(stay, people.died[person] - day)
    encounters = Encounters(
        person,
        day,
        random.integers(8 * 60, 20 * 60, len(day)),
        stay,
        numpy.array([_of(number).where for number in range(_KINDS)])[kind],
        numpy.array([-1 if (why := _of(number).condition) is None else why for number in range(_KINDS)])[kind],
    )
    found = numpy.flatnonzero(encounters.condition >= 0)
    nothing = numpy.zeros(len(found), dtype=numpy.int64)
    conditions = Findings(found, encounters.condition[found], nothing, nothing.astype(numpy.float64))
    drugs = _things(random, kind, [_of(number).drugs for number in range(_KINDS)])
    return Lives(
        encounters,
        conditions,
        _monthly(encounters, kind, drugs, people),
        _things(random, kind, [_of(number).acts for number in range(_KINDS)]),
        _things(random, kind, [_of(number).measures for number in range(_KINDS)], measured=True),
        onset,
        _causes(random, people, encounters, kind, onset),
    )


def _things(
    random: numpy.random.Generator, kind: Whole, of: Sequence[tuple[int, ...]], *, measured: bool = False
) -> Findings:
    """One finding for each thing that belongs to the kind of an encounter, in order of encounters."""
    most = max(len(things) for things in of)
    table = numpy.array([(*things, *(-1,) * (most - len(things))) for things in of], dtype=numpy.int64)[kind]
    at, place = numpy.nonzero(table >= 0)
    what = table[at, place]
    value = numpy.zeros(len(at))
    if measured:
        mean = numpy.array([measure.mean for measure in catalogue.MEASURES])[what]
        spread = numpy.array([measure.spread for measure in catalogue.MEASURES])[what]
        value = numpy.round(numpy.maximum(mean / 4, random.normal(mean, spread)), 2)
    return Findings(at.astype(numpy.int64), what, numpy.zeros(len(at), dtype=numpy.int64), value)


def _monthly(encounters: Encounters, kind: Whole, drugs: Findings, people: People) -> Findings:
    """Three boxes, a month apart, where a drug is taken for good; one elsewhere. The dead buy none."""
    boxes = numpy.where((kind[drugs.at] > len(ACUTE)) & (encounters.where[drugs.at] == CITY), 3, 1)
    at = numpy.repeat(drugs.at, boxes)
    nth = numpy.arange(len(at)) - numpy.repeat(numpy.cumsum(boxes) - boxes, boxes)
    alive = encounters.day[at] + 30 * nth <= people.died[encounters.person[at]]
    return Findings(at[alive], numpy.repeat(drugs.what, boxes)[alive], 30 * nth[alive], numpy.zeros(int(alive.sum())))


def _causes(random: numpy.random.Generator, people: People, encounters: Encounters, kind: Whole, onset: Whole) -> Whole:
    """What each died of: a deadly illness of the last month, else a chronic disease, else heart failure."""
    dead = people.died < NEVER
    cause = numpy.where(dead, 5, -1)
    for number, disease in enumerate(CHRONIC):
        cause = numpy.where(
            dead & (onset[:, number] < people.died) & (random.random(len(people)) < 0.4), disease.condition, cause
        )
    last = people.died[encounters.person] - encounters.day <= RISK_DAYS
    deadly = numpy.array([_of(number).deadly for number in range(_KINDS)])[kind] > 0
    final = numpy.flatnonzero(last & deadly)
    cause[encounters.person[final]] = encounters.condition[final]
    return cause


def _of(kind: int) -> Acute:
    """The kinds of encounters in one table: acute ones, bleeds, then a visit and a check of each chronic disease."""
    if kind < len(ACUTE):
        return ACUTE[kind]
    if kind == len(ACUTE):
        return BLEEDING
    disease = CHRONIC[(kind - len(ACUTE) - 1) // 2]
    if (kind - len(ACUTE) - 1) % 2 == 0:
        return Acute(disease.condition, 0, 0, 1, (0, 120), CITY, drugs=disease.drugs, measures=disease.measures)
    return Acute(disease.condition, 0, 0, 1, (0, 120), CLINIC, acts=disease.acts, measures=disease.measures)


_KINDS: Final = len(ACUTE) + 1 + 2 * len(CHRONIC)
