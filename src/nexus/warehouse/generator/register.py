"""The register: it gives every birth a number of its own, as INSEE does, and hospitals numbers that say nothing.

A NIR holds sex, year, month, place, and the order in which the births of that month and place were registered. So that
no two people of any block share one by accident, births of all blocks are put in order before anything is written.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy
import numpy.typing

from nexus.kernel.errors import Invalid
from nexus.warehouse.generator import places
from nexus.warehouse.generator.model import EPOCH, Asked, Strings, Whole, draws
from nexus.warehouse.generator.people import People

MAX_ORDER: Final = 999
_WAITING: Final = 6
"""What is added to the digit of the sex in a number of waiting."""
_LOCAL_NUMBERS: Final = 9_999_999_967
"""A prime: hospital numbers are a permutation of the numbers below it."""
_NUMERIC_PLACES: Final[Whole] = numpy.array(
    [int(code.replace("2A", "19").replace("2B", "18")) for code in places.CODES], dtype=numpy.int64
)
"""Places as the key of a NIR counts them."""

Orders = numpy.typing.NDArray[numpy.uint16]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a block's people, 13 characters each, and the keys that belong behind them."""

    nir: Strings
    key: Strings
    waiting: Strings
    """The number of waiting; empty for who had none."""
    waiting_key: Strings


def births(people: People) -> tuple[Whole, Whole]:
    """What decides a number but for the order, as an integer: of everybody, and of those who had a number of waiting."""
    own = _key(people, people.female + 1)
    return own, _key(people, people.female + 1 + _WAITING)[people.provisional]


def orders(keys: Whole) -> Orders:
    """The order of each among those of equal key: 1 for the first. Raises Invalid where the register is full."""
    by_key = numpy.argsort(keys, kind="stable")
    sorted_keys = keys[by_key]
    starts = numpy.flatnonzero(numpy.concatenate(([True], sorted_keys[1:] != sorted_keys[:-1])))
    lengths = numpy.diff(numpy.concatenate((starts, [len(keys)])))
    if len(keys) and int(lengths.max()) > MAX_ORDER:
        raise Invalid(
            "the register has no numbers left for its largest town",
            code="generator.register-full",
            hint="generate fewer people, or several populations with seeds of their own",
        )
    given = numpy.empty(len(keys), dtype=numpy.uint16)
    given[by_key] = numpy.arange(len(keys)) - numpy.repeat(starts, lengths) + 1
    return given


def numbers(people: People, own: Orders, waiting: Orders) -> Numbers:
    """The numbers of a block. `waiting` has one element for each who had a number of waiting."""
    nir, key = _written(people, people.female + 1, own.astype(numpy.int64))
    some = numpy.zeros(len(people), dtype=numpy.int64)
    some[people.provisional] = waiting
    waited, waited_key = _written(people, people.female + 1 + _WAITING, some)
    nothing = ~people.provisional
    waited[nothing] = waited_key[nothing] = ""
    return Numbers(nir, key, waited, waited_key)


def local_numbers(asked: Asked, hospital: int, serial: Whole) -> Whole:
    """Ten digits that a hospital knows its records by: unlike in any two hospitals, and in no order of anything."""
    random = draws(asked, hospital, "numbers")
    factor, offset = (int(part) for part in random.integers(1, _LOCAL_NUMBERS, 2))
    shuffled = [(factor * int(one) + offset) % _LOCAL_NUMBERS for one in serial]  # beyond 64 bits on the way
    return numpy.array(shuffled, dtype=numpy.int64)


def months(day: Whole) -> tuple[Whole, Whole]:
    """Year and month (1 to 12) of days."""
    since = day.astype("datetime64[D]").astype("datetime64[M]").astype(numpy.int64)
    return EPOCH.year + since // 12, since % 12 + 1


def _key(people: People, first: Whole) -> Whole:
    year, month = months(people.born)
    return ((first * 100 + year % 100) * 100 + month) * 100_000 + people.birthplace


def _written(people: People, first: Whole, order: Whole) -> tuple[Strings, Strings]:
    year, month = months(people.born)
    place = places.CODES[people.birthplace]
    head = (first * 100 + year % 100) * 100 + month
    count = _NUMERIC_PLACES[people.birthplace]
    key = 97 - ((head * 100_000 + count) * 1_000 + order) % 97
    parts = zip(head.tolist(), place.tolist(), order.tolist(), strict=True)
    return (
        _objects([f"{start:05d}{where}{rank:03d}" for start, where, rank in parts]),
        _objects([f"{value:02d}" for value in key.tolist()]),
    )


def _objects(texts: list[Any]) -> Strings:
    made = numpy.empty(len(texts), dtype=object)
    made[:] = texts
    return made
