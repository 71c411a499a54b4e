"""Who lives in a block: families, twins, births and deaths, names, moves. No number yet: numbers are the register's."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy

from nexus.warehouse.generator import names, places
from nexus.warehouse.generator.model import Asked, Flags, Whole, day_of, draws

NEVER: Final = day_of(date(2110, 1, 1))
"""The day of what does not happen."""
_SIZES: Final = (0.36, 0.30, 0.14, 0.13, 0.05, 0.02)
"""Shares of households of one to six people."""
_FOREIGN: Final = 0.11
_PROVISIONAL: Final = 0.06
"""Share of those born abroad who have had a number of waiting before their own."""
_MARRIED_NAME: Final = 0.55
_MARRIES: Final = 0.06
"""Share of women who take a name of use inside the window."""
_MOVES: Final = 0.08
_GOMPERTZ_RATE: Final = 2.6e-5
"""Yearly risk of death at birth; it grows by `_GOMPERTZ_SLOPE` a year: half of all men are dead at about 81."""
_GOMPERTZ_SLOPE: Final = 0.098
_WOMEN_DIE: Final = 0.6
"""Risk of death of women, that of men being 1."""


@dataclass(frozen=True, slots=True)
class People:
    """One block of people; every array has one element each. `first`: number of the first person."""

    block: int
    first: int
    family: Whole
    """Position of the first person of the household."""
    parent: Whole
    """Position of the parent that a child is insured with; one's own for adults."""
    other_parent: Whole
    """The second parent, or again the first."""
    female: Whole
    born: Whole
    died: Whole
    birthplace: Whole
    """Position in `places.CODES`."""
    twin_of: Whole
    """Position of the first born of two, for both of them; -1 for all others."""
    birth_rank: Whole
    given: Whole
    family_name: Whole
    """Name at birth."""
    used_name: Whole
    used_from: Whole
    """Day from which the name of use is used; `NEVER` for who has none."""
    home: Whole
    """Department."""
    moved_home: Whole
    moved: Whole
    """Day of the move to `moved_home`."""
    provisional: Flags
    """Has had a number of waiting, which begins with 7 or 8."""

    def __len__(self) -> int:
        return len(self.born)


def people(asked: Asked, block: int) -> People:
    """The people of a block."""
    count = asked.people_of(block)
    random = draws(asked, block, "people")
    family, role, couple = _households(random, count)
    eldest = _ages(random, family, role, couple)
    born = asked.end - 1 - (eldest * 365.25).astype(numpy.int64)
    child = role > couple.astype(numpy.int64)
    twin_of = _twins(random, asked, role, child)
    second = (twin_of >= 0) & (twin_of != numpy.arange(count))
    born[second] = born[twin_of[second]]
    female = random.integers(0, 2, count)
    alike = second & (random.random(count) < 0.36)  # a third of twins come from one egg
    female[alike] = female[twin_of[alike]]
    partner = (role == 1) & couple
    female[partner] = 1 - female[family[partner]]
    home = random.integers(0, places.DEPARTMENTS, count)[family]
    birthplace = _birthplaces(random, born, home, child, twin_of)
    names_at_birth = _names_at_birth(random, family, child, couple)
    wife = partner & (female == 1) | (role == 0) & couple & (female == 1)
    spouse = numpy.where(role == 0, numpy.minimum(family + 1, count - 1), family)
    used_from = _used_from(random, asked, wife)
    moves = (random.random(count) < _MOVES)[family]
    return People(
        block=block,
        first=block * asked.block,
        family=family,
        parent=numpy.where(child, family, numpy.arange(count)),
        other_parent=numpy.where(child & couple, numpy.minimum(family + 1, count - 1), numpy.arange(count)),
        female=female,
        born=born,
        died=_deaths(random, asked, born, female),
        birthplace=birthplace,
        twin_of=twin_of,
        birth_rank=numpy.where(second, 2, 1),
        given=_given_names(random, female, born, twin_of, second),
        family_name=names_at_birth,
        used_name=names_at_birth[spouse],
        used_from=used_from,
        home=home,
        moved_home=random.integers(0, places.DEPARTMENTS, count)[family],
        moved=numpy.where(moves, random.integers(asked.begin, asked.end, count)[family], NEVER),
        provisional=(birthplace >= places.ABROAD_FROM) & (random.random(count) < _PROVISIONAL),
    )


def _households(random: numpy.random.Generator, count: int) -> tuple[Whole, Whole, Flags]:
    """Of each person: the position of the first of the household, the rank in it, and whether a couple leads it."""
    sizes = random.choice(numpy.arange(1, 7), size=count, p=_SIZES)
    starts = numpy.concatenate(([0], numpy.cumsum(sizes)))
    house = numpy.searchsorted(starts, numpy.arange(count), side="right") - 1
    family = starts[house]
    role = numpy.arange(count) - family
    whole = numpy.minimum(starts[house + 1], count) - family  # the last household of a block may be cut
    couple = (whole >= 2) & (random.random(count) < 0.8)[house]
    return family, role, couple


def _ages(
    random: numpy.random.Generator, family: Whole, role: Whole, couple: Flags
) -> numpy.typing.NDArray[numpy.float64]:
    """Age in years at the end of the window; below 0 is born never, so children are at least 0."""
    count = len(role)
    child = role > couple.astype(numpy.int64)
    with_children = numpy.zeros(count, dtype=bool)
    with_children[family[child]] = True
    alone = 18 + 80 * random.beta(1.15, 1.5, count)
    parents = 27 + 30 * random.beta(2, 2.2, count)
    age = numpy.where(with_children, parents, alone)
    partner = (role == 1) & couple
    age[partner] = numpy.clip(age[family[partner]] + random.normal(0, 3.5, count)[partner], 20, 99)
    childhood = random.random(count) * numpy.minimum(22, numpy.maximum(1, age[family] - 21))
    return numpy.where(child, childhood, age)


def _twins(random: numpy.random.Generator, asked: Asked, role: Whole, child: Flags) -> Whole:
    """Twins are neighbours: the second child of two is born with the one before."""
    count = len(role)
    second = numpy.zeros(count, dtype=bool)
    second[1:] = child[1:] & child[:-1] & (role[1:] > role[:-1]) & (random.random(count)[1:] < asked.twins)
    second[1:] &= ~second[:-1]
    twin_of = numpy.full(count, -1, dtype=numpy.int64)
    found = numpy.flatnonzero(second)
    twin_of[found] = found - 1
    twin_of[found - 1] = found - 1
    return twin_of


def _birthplaces(random: numpy.random.Generator, born: Whole, home: Whole, child: Flags, twin_of: Whole) -> Whole:
    year = 1970 + born // 365.2425
    france = places.births_in_france(random, home, year.astype(numpy.int64))
    foreign = ~child & (random.random(len(born)) < _FOREIGN)
    birthplace = numpy.where(foreign, places.births_abroad(random, len(born)), france)
    twins = twin_of >= 0
    birthplace[twins] = birthplace[twin_of[twins]]
    return birthplace


def _names_at_birth(random: numpy.random.Generator, family: Whole, child: Flags, couple: Flags) -> Whole:
    """Children bear the name of one of those who lead the household."""
    own = names.family_names(random, len(family))
    of_the_second = (couple & (random.random(len(family)) < 0.2))[family]
    leading = numpy.where(of_the_second, numpy.minimum(family + 1, len(family) - 1), family)
    return numpy.where(child, own[leading], own)


def _used_from(random: numpy.random.Generator, asked: Asked, wife: Flags) -> Whole:
    chance = random.random(len(wife))
    inside = random.integers(asked.begin, asked.end, len(wife))
    since = numpy.where(chance < _MARRIED_NAME, asked.begin - 1, NEVER)
    return numpy.where(wife, numpy.where(chance > 1 - _MARRIES, inside, since), NEVER)


def _given_names(random: numpy.random.Generator, female: Whole, born: Whole, twin_of: Whole, second: Flags) -> Whole:
    year = (1970 + born // 365.2425).astype(numpy.int64)
    given = names.given_names(random, female, year)
    again = names.given_names(random, female, year)
    same = second & (given == given[twin_of])
    given[same] = again[same]  # nearly all twins have two names; the few that have one are a trap worth having
    return given


def _deaths(random: numpy.random.Generator, asked: Asked, born: Whole, female: Whole) -> Whole:
    """Everybody lives at the beginning of the window, or is born in it; a risk that grows with age does the rest."""
    from_age = numpy.maximum(0, asked.begin - born) / 365.25
    risk = _GOMPERTZ_RATE * numpy.where(female == 1, _WOMEN_DIE, 1.0)
    spent = risk / _GOMPERTZ_SLOPE * numpy.exp(_GOMPERTZ_SLOPE * from_age)
    age = numpy.log((spent + random.exponential(size=len(born))) * _GOMPERTZ_SLOPE / risk) / _GOMPERTZ_SLOPE
    died = born + (age * 365.25).astype(numpy.int64)
    return numpy.where(died < asked.end, numpy.maximum(died, asked.begin), NEVER)
