"""What is asked of the generator, and its arrays."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import numpy
import numpy.typing

from nexus.kernel.errors import Invalid

Whole = numpy.typing.NDArray[numpy.int64]
Real = numpy.typing.NDArray[numpy.float64]
Flags = numpy.typing.NDArray[numpy.bool_]
Strings = numpy.typing.NDArray[Any]
"""Texts, as objects."""

BLOCK_PEOPLE: Final = 10_000
MAX_PEOPLE: Final = 50_000_000
"""Beyond it the register would run out of numbers for the largest towns."""
MAX_HOSPITALS: Final = 9
MAX_YEARS: Final = 20
EPOCH: Final = date(1970, 1, 1)
"""Days are counted from it."""


class Mistake(StrEnum):
    """What is wrong with the identity in a record."""

    NONE = ""
    NAME_TYPED_WRONG = "name-typed-wrong"
    NAMES_EXCHANGED = "names-exchanged"
    BIRTH_DATE_WRONG = "birth-date-wrong"
    NUMBER_KEY_WRONG = "number-key-wrong"
    NUMBER_MISSING = "number-missing"
    NUMBER_OF_A_PARENT = "number-of-a-parent"
    SECOND_NUMBER = "second-number"
    PLACE_MISSING = "place-missing"


class Badness(StrEnum):
    """Why a row cannot be used."""

    BROKEN_DATE = "broken-date"
    FUTURE = "future"
    BEFORE_BIRTH = "before-birth"
    RETIRED_CODE = "retired-code"
    NO_NUMBER = "no-number"
    UNKNOWN_PATIENT = "unknown-patient"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be generated. Shares are of rows or records, 0 to 1."""

    people: int
    hospitals: int = 4
    seed: int = 1
    first_year: int = 2019
    years: int = 5
    twins: float = 0.02
    """Share of births that are of twins."""
    duplicates: float = 0.03
    """Share of a hospital's patients who have a second record there."""
    without_number: float = 0.12
    """Share of a hospital's records without a NIR."""
    mistaken: float = 0.05
    """Share of records with an error in names or birth date."""
    bad_rows: float = 0.001
    late: float = 0.01
    """Share of encounters that the second delivery adds, changes or removes."""
    whole: bool = False
    """Whether the second delivery is a whole extract again, as a refresh takes it. Else it holds what it adds and changes."""
    effect: float = 5.0
    """By how much diclofenac multiplies the rate of gastric bleeds for 30 days."""
    block: int = BLOCK_PEOPLE
    """People of a block. Another size is another population."""

    def __post_init__(self) -> None:
        if not 1 <= self.people <= MAX_PEOPLE:
            raise Invalid(f"1 to {MAX_PEOPLE:,} people can be generated", code="generator.people")
        if not 1 <= self.hospitals <= MAX_HOSPITALS:
            raise Invalid(f"1 to {MAX_HOSPITALS} hospitals can be generated", code="generator.hospitals")
        if not 1 <= self.years <= MAX_YEARS or not 1990 <= self.first_year <= 2050:
            raise Invalid(f"1 to {MAX_YEARS} years from 1990 to 2050 can be generated", code="generator.years")
        if not 50 <= self.block <= BLOCK_PEOPLE:
            raise Invalid(f"a block is 50 to {BLOCK_PEOPLE:,} people", code="generator.block")
        shares = (self.twins, self.duplicates, self.without_number, self.mistaken, self.bad_rows, self.late)
        if not all(0 <= share <= 0.5 for share in shares) or not 1 <= self.effect <= 20 or not 0 <= self.seed < 2**63:
            raise Invalid("a share is 0 to 0.5, an effect 1 to 20, a seed a positive number", code="generator.share")

    @property
    def begin(self) -> int:
        """First day of the window."""
        return day_of(date(self.first_year, 1, 1))

    @property
    def end(self) -> int:
        """First day after the window."""
        return day_of(date(self.first_year + self.years, 1, 1))

    @property
    def blocks(self) -> int:
        """How many blocks these people are."""
        return -(-self.people // self.block)

    def people_of(self, block: int) -> int:
        """How many people live in a block."""
        return min(self.block, self.people - block * self.block)


def day_of(when: date) -> int:
    """Days since 1970."""
    return (when - EPOCH).days


def draws(asked: Asked, block: int, stage: str) -> numpy.random.Generator:
    """The randomness of one stage of one block: what one stage draws never moves what another draws."""
    name = int.from_bytes(stage.encode("ascii"), "big")
    return numpy.random.Generator(numpy.random.PCG64(numpy.random.SeedSequence([asked.seed, block, name])))


def years_between(born: Whole, day: Whole | int) -> Whole:
    """Completed years of age, to within a day around birthdays."""
    years: Whole = numpy.floor((day - born) / 365.25).astype(numpy.int64)
    return years
