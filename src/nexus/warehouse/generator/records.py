"""What hospitals believe their patients to be: records with numbers of their own, spellings, gaps and errors.

Which spelling a hospital uses is no error; what is one is named in `Mistake` and listed in the truth.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy

from nexus.warehouse.generator import names, places, register
from nexus.warehouse.generator.lives import Encounters
from nexus.warehouse.generator.model import Asked, Mistake, Strings, Whole, years_between
from nexus.warehouse.generator.people import People
from nexus.warehouse.generator.register import Numbers

_ELSEWHERE: Final = 0.12
"""Share of encounters in another hospital than the one of the region."""
_ADULT: Final = 18
_PARENTS_NUMBER: Final = 0.04
"""Share of children's records under the number of a parent."""
_WAITING_STILL: Final = 0.5
_WRONG_KEY: Final = 0.01
_NO_PLACE: Final = 0.10
_NO_RANK: Final = 0.15
"""Share of records of twins that do not say which of them."""
_BIRTH_NAME_KNOWN: Final = 0.7
RECORDS_OF_BLOCK: Final = 40_000
"""Serials of records that a block may use; two for each person and hospital at the most."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one hospital, in order of their persons. Texts are as delivered; "" is missing."""

    person: Whole
    local: Whole
    """The hospital's number."""
    nir: Strings
    """15 characters."""
    given: Strings
    last: Strings
    maiden: Strings
    born: Whole
    female: Whole
    place: Strings
    rank: Strings
    mistakes: Strings
    """`Mistake`s, with `+` between."""
    second: Whole
    """1 for a duplicate of the record before."""

    def __len__(self) -> int:
        return len(self.person)


def hospital_of(random: numpy.random.Generator, asked: Asked, people: People, encounters: Encounters) -> Whole:
    """The hospital of each encounter, 1 to `Asked.hospitals`; 0 in town."""
    who = encounters.person
    department = numpy.where(encounters.day >= people.moved[who], people.moved_home[who], people.home[who])
    near = 1 + department % asked.hospitals
    other = random.integers(1, asked.hospitals + 1, len(encounters))
    chosen = numpy.where(random.random(len(encounters)) < _ELSEWHERE, other, near)
    return numpy.where(encounters.where == 0, 0, chosen)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a hospital's records are made."""

    random: numpy.random.Generator
    asked: Asked
    hospital: int
    people: People
    numbers: Numbers


def records(desk: Desk, visits: Encounters) -> Records:
    """The records of those who have been in a hospital. `visits`: the encounters there, in order of persons."""
    random, asked, people = desk.random, desk.asked, desk.people
    persons, firsts = numpy.unique(visits.person, return_index=True)
    twice = random.random(len(persons)) < asked.duplicates
    person = numpy.repeat(persons, 1 + twice)
    since = numpy.repeat(visits.day[firsts], 1 + twice)
    second = numpy.zeros(len(person), dtype=numpy.int64)
    second[1:] = person[1:] == person[:-1]
    serial = people.block * RECORDS_OF_BLOCK + numpy.arange(len(person))
    made = _true(desk, person, since)
    mistakes: list[list[Mistake]] = [[] for _ in range(len(person))]
    _number_mistakes(desk, person, since, made, mistakes)
    _typing_mistakes(random, asked, made, mistakes)
    return Records(
        person=person,
        local=register.local_numbers(asked, desk.hospital, serial),
        second=second,
        mistakes=_objects(["+".join(found) for found in mistakes]),
        born=made.born,
        female=people.female[person],
        **{name: getattr(made, name) for name in ("nir", "given", "last", "maiden", "place", "rank")},
    )


@dataclass(slots=True)
class _Made:
    nir: Strings
    given: Strings
    last: Strings
    maiden: Strings
    place: Strings
    rank: Strings
    born: Whole


def _true(desk: Desk, person: Whole, since: Whole) -> _Made:
    random, people, numbers = desk.random, desk.people, desk.numbers
    count = len(person)
    family, given = _spelt(desk.hospital)
    at_birth = family[people.family_name[person]]
    uses = since >= people.used_from[person]
    place = places.CODES[people.birthplace[person]].copy()
    place[random.random(count) < _NO_PLACE] = ""
    rank = people.birth_rank[person].astype(str).astype(object)
    rank[(people.twin_of[person] >= 0) & (random.random(count) < _NO_RANK)] = ""
    maiden = at_birth.copy()
    maiden[~uses | (random.random(count) >= _BIRTH_NAME_KNOWN)] = ""
    return _Made(
        nir=numbers.nir[person] + numbers.key[person],
        given=given[people.given[person]].copy(),
        last=numpy.where(uses, family[people.used_name[person]], at_birth),
        maiden=maiden,
        place=place,
        rank=rank,
        born=people.born[person].copy(),
    )


@cache
def _spelt(hospital: int) -> tuple[Strings, Strings]:
    """All names as a hospital spells them: as they are, in bare capitals, in capitals, or without hyphens."""

    def spell(name: str) -> str:
        match hospital % 4:
            case 2:
                bare = unicodedata.normalize("NFKD", name.upper().replace("Œ", "OE"))
                return "".join(letter for letter in bare if not unicodedata.combining(letter))
            case 3:
                return name.upper()
            case 0:
                return name.replace("-", " ")
            case _:
                return name

    return _objects([spell(name) for name in names.FAMILY]), _objects([spell(name) for name in names.GIVEN])


def _number_mistakes(desk: Desk, person: Whole, since: Whole, made: _Made, mistakes: list[list[Mistake]]) -> None:
    random, people, numbers = desk.random, desk.people, desk.numbers
    chance = random.random((3, len(person)))
    child = years_between(people.born[person], since) < _ADULT
    for row, who in enumerate(person.tolist()):
        parent = int(people.parent[who])
        if chance[0, row] < desk.asked.without_number:
            made.nir[row] = ""
            mistakes[row].append(Mistake.NUMBER_MISSING)
        elif numbers.waiting[who] and chance[1, row] < _WAITING_STILL:
            made.nir[row] = numbers.waiting[who] + numbers.waiting_key[who]
            mistakes[row].append(Mistake.SECOND_NUMBER)
        elif child[row] and parent != who and chance[1, row] < _PARENTS_NUMBER:
            made.nir[row] = numbers.nir[parent] + numbers.key[parent]
            mistakes[row].append(Mistake.NUMBER_OF_A_PARENT)
        elif chance[2, row] < _WRONG_KEY:
            made.nir[row] = made.nir[row][:13] + f"{(int(made.nir[row][13:]) + 3) % 97 + 1:02d}"
            mistakes[row].append(Mistake.NUMBER_KEY_WRONG)
        if not made.place[row]:
            mistakes[row].append(Mistake.PLACE_MISSING)


def _typing_mistakes(random: numpy.random.Generator, asked: Asked, made: _Made, mistakes: list[list[Mistake]]) -> None:
    for row in numpy.flatnonzero(random.random(len(mistakes)) < asked.mistaken).tolist():
        chance = random.random()
        if chance < 0.6:
            column = (made.given, made.last)[random.integers(0, 2)]
            column[row] = _mistyped(random, column[row])
            mistakes[row].append(Mistake.NAME_TYPED_WRONG)
        elif chance < 0.85:
            made.born[row] += int(random.choice((-365, -30, -10, -1, 1, 10, 30)))
            mistakes[row].append(Mistake.BIRTH_DATE_WRONG)
        else:
            made.given[row], made.last[row] = made.last[row], made.given[row]
            mistakes[row].append(Mistake.NAMES_EXCHANGED)


def _mistyped(random: numpy.random.Generator, name: str) -> str:
    """One letter left out, doubled, exchanged with its neighbour, or another one."""
    at = int(random.integers(1, max(2, len(name) - 1)))
    match int(random.integers(0, 4)):
        case 0:
            return name[:at] + name[at + 1 :] or name
        case 1:
            return name[:at] + name[at : at + 1] * 2 + name[at + 1 :]
        case 2:
            return name[: at - 1] + name[at : at + 1] + name[at - 1 : at] + name[at + 1 :]
        case _:
            return name[:at] + "eaistnrulo"[int(random.integers(0, 10))] + name[at + 1 :]


def _objects(texts: list[str]) -> Strings:
    made = numpy.empty(len(texts), dtype=object)
    made[:] = texts
    return made
