"""Draws controls: without reuse, exact where asked, within callipers, seeded. Pure: arrays in, arrays out.

1. The pool is sorted by what must be equal, then by bins of the first calliper, then by the second: whoever could fit a case
   lies in at most three runs of that order.
2. Cases are served one after another, in an order that the seed gives. Each looks at its runs from a place that the seed
   gives and takes the first free controls that fit; it looks at all of them before it goes short.
3. Order and places come from a hash of seed and person, so that they do not depend on the order of rows.

The first looks of many cases are made together in NumPy; only who takes whom is decided one by one. A case served early may
take a control that a later one would have needed more: this is greedy matching, and the report says how many went short.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy
from numpy.typing import NDArray

Whole = NDArray[numpy.int64]
Flags = NDArray[numpy.bool_]
Candidate = tuple[int, int]
"""A row of the pool, and its person."""

RUNS: Final = 3
"""Bins that a calliper can reach into."""
LOOKED_AT_ONCE: Final = 32
"""Places of the pool that are looked at for each case before anybody is taken."""
CASES_AT_ONCE: Final = 8_192
HASH_BITS: Final = 24
"""Fewer bits of the hash than this beside the key would tie too often."""
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True, slots=True)
class Group:
    """Cases or pool: one row a person, or a person and a period. Arrays of one length; days count from 1970.

    `person` is what is never taken twice. `age` is a day of birth where controls get the date of their case, days of age where
    they have one of their own: both differ as much as ages do.
    """

    person: Whole
    stratum: Whole
    """What must be equal, as one number."""
    age: Whole
    start: Whole
    """First day on which this row may stand as a control (or, of a case, its index date)."""
    end: Whole
    """Last day on which it may, and until which it is followed."""
    index: Whole
    """Index date. Not looked at in a pool whose members get that of their case."""

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True, slots=True)
class Rules:
    """How controls are drawn. Callipers in days; None: none."""

    ratio: int
    seed: int
    age: int | None = None
    index: int | None = None
    """Also says that members of the pool have index dates of their own, where `own_index`."""
    follow_up: int | None = None
    own_index: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """Row of the case and row of its control, one pair a line, by case; `served`: controls of each case."""

    case: Whole
    control: Whole
    served: Whole


def match(cases: Group, pool: Group, rules: Rules) -> Matched:
    """The controls of each case. Rows of equal persons and periods apart, the order of rows plays no role."""
    if not len(cases) or not len(pool):
        return _none(len(cases))
    sorted_pool = _Pool(pool, rules)
    taken: set[int] = set()
    turn = numpy.lexsort((cases.person, mixed(cases.person, rules.seed + 1)))
    pairs: list[tuple[int, int]] = []
    served = numpy.zeros(len(cases), dtype=numpy.int64)
    for begin in range(0, len(turn), CASES_AT_ONCE):
        some = turn[begin : begin + CASES_AT_ONCE]
        looks = _Looks(sorted_pool, cases, some, rules)
        for case, candidates in zip(some.tolist(), looks.firsts(), strict=True):
            found = _take(candidates, taken, rules.ratio)
            if len(found) < rules.ratio:
                for more in looks.others(case):
                    found += _take(more, taken, rules.ratio - len(found))
                    if len(found) == rules.ratio:
                        break
            served[case] = len(found)
            pairs += [(case, row) for row in found]
    if not pairs:
        return _none(len(cases))
    case, control = numpy.array(pairs, dtype=numpy.int64).T
    by = numpy.lexsort((pool.person[control], cases.person[case]))
    return Matched(case[by], control[by], served)


def _none(cases: int) -> Matched:
    nobody: Whole = numpy.empty(0, dtype=numpy.int64)
    return Matched(nobody, nobody, numpy.zeros(cases, dtype=numpy.int64))


def mixed(person: Whole, seed: int) -> NDArray[numpy.uint64]:
    """A hash of person and seed (the finaliser of splitmix64)."""
    with numpy.errstate(over="ignore"):
        start = numpy.uint64((seed * _GOLDEN + _GOLDEN) & 0xFFFFFFFFFFFFFFFF)
        value = (person.astype(numpy.uint64) ^ start) * numpy.uint64(_GOLDEN)
        value = (value ^ (value >> numpy.uint64(30))) * numpy.uint64(_FIRST)
        value = (value ^ (value >> numpy.uint64(27))) * numpy.uint64(_SECOND)
        return value ^ (value >> numpy.uint64(31))


class _Pool:
    """The pool in the order in which it is searched."""

    def __init__(self, pool: Group, rules: Rules) -> None:
        self.rules = rules
        self.width = 0 if rules.age is None else rules.age + 1
        second = self._second(pool)
        self._low = int(second.min(initial=0))
        self._many = int(second.max(initial=0)) - self._low + 1
        self._bins_low, self._bins = self._bounds(pool)
        key = self._key(pool.stratum, self.bin(pool.age), second)
        self.order = _order(key, mixed(pool.person, rules.seed), pool)
        self._sorted = key[self.order]
        self._pool = pool

    def runs(self, cases: Group, rows: Whole) -> tuple[Whole, Whole]:
        """First place and length of each run of each case: two arrays (cases, RUNS)."""
        low, high = self._reach(cases, rows)
        first = self.bin(cases.age[rows] - (self.rules.age or 0))
        last = self.bin(cases.age[rows] + (self.rules.age or 0))
        begins, lengths = [], []
        for number in range(RUNS):
            here = first + number
            inside = (here <= last) & (here >= self._bins_low) & (here < self._bins_low + self._bins) & (high >= low)
            begin = numpy.searchsorted(self._sorted, self._key(cases.stratum[rows], here, low), side="left")
            end = numpy.searchsorted(self._sorted, self._key(cases.stratum[rows], here, high), side="right")
            begins.append(begin)
            lengths.append(numpy.where(inside, end - begin, 0))
        return numpy.stack(begins, axis=1), numpy.stack(lengths, axis=1)

    def candidates(self, places: Whole) -> list[Candidate]:
        """The rows at these places, and who they are."""
        rows = self.order[places]
        return list(zip(rows.tolist(), self._pool.person[rows].tolist(), strict=True))

    def fits(self, places: Whole, cases: Group, rows: Whole) -> Flags:
        """Whether these places of the pool suit these cases; two arrays that broadcast."""
        index, rules, pool = cases.index[rows], self.rules, self._pool
        members = self.order[places]
        own = pool.index[members] if rules.own_index else index
        end = pool.end[members]
        good: Flags = (pool.start[members] <= own) & (own <= end)
        if rules.age is not None:
            good &= numpy.abs(pool.age[members] - cases.age[rows]) <= rules.age
        if rules.own_index and rules.index is not None:
            good &= numpy.abs(own - index) <= rules.index
        if rules.follow_up is not None:
            good &= numpy.abs((end - own) - (cases.end[rows] - index)) <= rules.follow_up
        return good

    def bin(self, age: Whole) -> Whole:
        """The bin of an age: as wide as the calliper and a day."""
        return age // self.width if self.width else numpy.zeros_like(age)

    def _second(self, pool: Group) -> Whole:
        """What is sorted by inside a bin: the narrower of the other two callipers, as far as it is one of the pool alone."""
        if self.rules.own_index:
            return pool.index if self.rules.index is not None else numpy.zeros_like(pool.index)
        return pool.end if self.rules.follow_up is not None else numpy.zeros_like(pool.end)

    def _reach(self, cases: Group, rows: Whole) -> tuple[Whole, Whole]:
        if self.rules.own_index:
            middle, calliper = cases.index[rows], self.rules.index
        else:
            middle, calliper = cases.end[rows], self.rules.follow_up
        if calliper is None:
            return numpy.zeros_like(middle), numpy.zeros_like(middle)
        highest = self._low + self._many - 1
        return numpy.maximum(middle - calliper, self._low), numpy.minimum(middle + calliper, highest)

    def _bounds(self, pool: Group) -> tuple[int, int]:
        bins = self.bin(pool.age)
        lowest = int(bins.min(initial=0))
        return lowest, int(bins.max(initial=0)) - lowest + 1

    def _key(self, stratum: Whole, bin_: Whole, second: Whole) -> Whole:
        inside = numpy.clip(bin_ - self._bins_low, 0, self._bins - 1)
        return (stratum * self._bins + inside) * self._many + (numpy.clip(second - self._low, 0, self._many - 1))


class _Looks:
    """Where some cases look, in which order."""

    def __init__(self, pool: _Pool, cases: Group, rows: Whole, rules: Rules) -> None:
        self._pool, self._cases, self._rows = pool, cases, rows
        self._begins, self._lengths = pool.runs(cases, rows)
        self._whole = self._lengths.sum(axis=1)
        salt = mixed(cases.person[rows], rules.seed + 2)
        self._offset = (salt % numpy.maximum(self._whole, 1).astype(numpy.uint64)).astype(numpy.int64)
        self._number = {int(row): number for number, row in enumerate(rows.tolist())}

    def firsts(self) -> Iterator[list[Candidate]]:
        """For each case, those of its first places that fit it, in order."""
        steps = numpy.arange(LOOKED_AT_ONCE, dtype=numpy.int64)
        every = numpy.arange(len(self._rows))
        places = self._places(every[:, None], steps[None, :])
        good = self._pool.fits(places, self._cases, self._rows[:, None]) & (steps < self._whole[:, None])
        ends = numpy.cumsum(good.sum(axis=1))
        fitting = self._pool.candidates(places[good])
        return (fitting[begin:end] for begin, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True))

    def others(self, case: int) -> Iterator[list[Candidate]]:
        """All further places that fit one case, in order, a longer piece each time."""
        number = self._number[case]
        whole, begin, piece = int(self._whole[number]), LOOKED_AT_ONCE, 512
        while begin < whole:
            steps = numpy.arange(begin, min(begin + piece, whole), dtype=numpy.int64)
            places = self._places(numpy.full(len(steps), number), steps)
            good = self._pool.fits(places, self._cases, numpy.full(len(steps), case))
            yield self._pool.candidates(places[good])
            begin, piece = begin + piece, min(piece * 4, 1 << 16)

    def _places(self, number: Whole, step: Whole) -> Whole:
        """The place of the pool that a case looks at as its `step`-th; any place where it has so many not."""
        at = (self._offset[number] + step) % numpy.maximum(self._whole[number], 1)
        first, second = self._lengths[number, 0], self._lengths[number, 0] + self._lengths[number, 1]
        found = numpy.where(
            at < first,
            self._begins[number, 0] + at,
            numpy.where(at < second, self._begins[number, 1] + at - first, self._begins[number, 2] + at - second),
        )
        return numpy.clip(found, 0, max(0, len(self._pool.order) - 1))


def _take(candidates: list[Candidate], taken: set[int], wanted: int) -> list[int]:
    """The rows of the first free ones of these; their persons are taken from now on."""
    found: list[int] = []
    for row, person in candidates:
        if len(found) == wanted:
            break
        if person not in taken:
            taken.add(person)
            found.append(row)
    return found


def _order(key: Whole, hashed: NDArray[numpy.uint64], pool: Group) -> Whole:
    """Rows by key, then by hash, then by person and period: the same for any order of rows.

    One sort of a number that holds key and the first bits of the hash; the few rows that tie in it are sorted again.
    """
    spare = 64 - int(key.max(initial=0)).bit_length()
    if spare < HASH_BITS:
        plainly: Whole = numpy.lexsort((pool.start, pool.person, hashed, key))
        return plainly
    packed = (key.astype(numpy.uint64) << numpy.uint64(spare)) | (hashed >> numpy.uint64(64 - spare))
    order: Whole = numpy.argsort(packed)
    in_order = packed[order]
    ties = numpy.flatnonzero(in_order[1:] == in_order[:-1])
    again = numpy.unique(numpy.concatenate((ties, ties + 1)))
    rows = order[again]
    order[again] = rows[numpy.lexsort((pool.start[rows], pool.person[rows], hashed[rows], in_order[again]))]
    return order
