"""Draws controls: without reuse, exact where asked, within callipers, seeded. Pure: arrays in, arrays out.

1. The pool is sorted by what must be equal, then by bins of the first calliper, then by the second: whoever could fit a case
   lies in at most three runs of that order.
2. Cases are served one after another, in an order that the seed gives. Each looks at its runs from a place that the seed
   gives and takes the first free controls that fit; it looks at all of them before it goes short.
3. Order and places come from a hash of seed and person, so that they do not depend on the order of rows.

Serving one after another is what the answer means, not how it is found. Many cases claim at once whom they would like best;
whoever is claimed by several belongs to the one that is served first, and the others look on from where they stood. Nobody is
ever lost to a later claim, so that the claims end where serving one after another would have (`_Claims`). A case served early
may take a control that a later one would have needed more: this is greedy matching, and the report says how many went short.
"""

from dataclasses import dataclass, fields
from typing import Final, Literal

import numpy
from numpy.typing import NDArray

Whole = NDArray[numpy.int64]
Flags = NDArray[numpy.bool_]

RUNS: Final = 3
"""Bins that a calliper can reach into."""
CASES_AT_ONCE: Final = 8_192
FIRST_LOOK: Final = 8
"""Places of the pool that a case looks at to begin with; four times as many each further time."""
LONGEST_LOOK: Final = 1 << 16
PLACES_AT_ONCE: Final = 1 << 18
"""What all cases together may look at in one round, unless it is their first."""
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

    def rows(self, chosen: Whole) -> "Group":
        """Some of them, in this order."""
        return Group(*(getattr(self, field.name)[chosen] for field in fields(self)))


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
    turn = numpy.lexsort((cases.person, mixed(cases.person, rules.seed + 1)))
    claims = _Claims(_Looks(_Pool(pool, rules), cases.rows(turn), rules), pool, rules.ratio)
    for begin in range(0, len(turn), CASES_AT_ONCE):
        claims.settle(numpy.arange(begin, min(begin + CASES_AT_ONCE, len(turn)), dtype=numpy.int64))
    served, control = claims.held()
    case = turn[served]
    by = numpy.lexsort((pool.person[control], cases.person[case]))
    return Matched(case[by], control[by], numpy.bincount(case, minlength=len(cases)))


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
        self._low = int(second.min())
        self._many = int(second.max()) - self._low + 1
        bins = self.bin(pool.age)
        self._bins_low = int(bins.min())
        self._bins = int(bins.max()) - self._bins_low + 1
        self._sorted, self.order = _order(self._key(pool.stratum, bins, second), mixed(pool.person, rules.seed), pool)
        self._pool = pool

    def runs(self, cases: Group) -> tuple[Whole, Whole]:
        """First place and length of each run of each case: two arrays (cases, RUNS)."""
        low, high = self._reach(cases)
        first, last = self.bin(cases.age - (self.rules.age or 0)), self.bin(cases.age + (self.rules.age or 0))
        begins, lengths = [], []
        for number in range(RUNS):
            here = first + number
            inside = (here <= last) & (here >= self._bins_low) & (here < self._bins_low + self._bins) & (high >= low)
            begin = _searched(self._sorted, self._key(cases.stratum, here, low), "left")
            end = _searched(self._sorted, self._key(cases.stratum, here, high), "right")
            begins.append(begin)
            lengths.append(numpy.where(inside, end - begin, 0))
        return numpy.stack(begins, axis=1), numpy.stack(lengths, axis=1)

    def fits(self, members: Whole, cases: Group, rows: Whole) -> Flags:
        """Whether these rows of the pool suit these cases; two arrays that broadcast."""
        index, rules, pool = cases.index[rows], self.rules, self._pool
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

    def _reach(self, cases: Group) -> tuple[Whole, Whole]:
        if self.rules.own_index:
            middle, calliper = cases.index, self.rules.index
        else:
            middle, calliper = cases.end, self.rules.follow_up
        if calliper is None:
            return numpy.zeros_like(middle), numpy.zeros_like(middle)
        highest = self._low + self._many - 1
        return numpy.maximum(middle - calliper, self._low), numpy.minimum(middle + calliper, highest)

    def _key(self, stratum: Whole, bin_: Whole, second: Whole) -> Whole:
        inside = numpy.clip(bin_ - self._bins_low, 0, self._bins - 1)
        return (stratum * self._bins + inside) * self._many + (numpy.clip(second - self._low, 0, self._many - 1))


class _Looks:
    """Where each case looks, in which order: its places, counted from nought as steps."""

    def __init__(self, pool: _Pool, cases: Group, rules: Rules) -> None:
        self._pool, self._cases = pool, cases
        self._begins, self._lengths = pool.runs(cases)
        self.many = self._lengths.sum(axis=1)
        salt = mixed(cases.person, rules.seed + 2)
        self._offset = (salt % numpy.maximum(self.many, 1).astype(numpy.uint64)).astype(numpy.int64)

    def at(self, cases: Whole, steps: Whole) -> tuple[Whole, Flags]:
        """Rows of the pool that these cases see at these steps, and whether they are there and fit; arrays that broadcast."""
        members = self._pool.order[self._places(cases, steps)]
        return members, (steps < self.many[cases]) & self._pool.fits(members, self._cases, cases)

    def _places(self, case: Whole, step: Whole) -> Whole:
        """The place of the pool that a case looks at as its `step`-th; any place where it has so many not."""
        at = (self._offset[case] + step) % numpy.maximum(self.many[case], 1)
        first, second = self._lengths[case, 0], self._lengths[case, 0] + self._lengths[case, 1]
        found = numpy.where(
            at < first,
            self._begins[case, 0] + at,
            numpy.where(at < second, self._begins[case, 1] + at - first, self._begins[case, 2] + at - second),
        )
        return numpy.clip(found, 0, len(self._pool.order) - 1)


class _Claims:
    """Who belongs to whom so far. A claim is a number: less is stronger, by the turn of its case, then by its step.

    A case claims, step by step, the first whom no stronger claim holds. Claims on a person only grow stronger, so that whoever
    was passed by need not be looked at again; and the first case has whom it would like best whatever the others do, the second
    whom it would like best of the rest, and so on: the pairs in which all claims come to rest are those of serving in turn.
    """

    def __init__(self, looks: _Looks, pool: Group, ratio: int) -> None:
        self._looks = looks
        self._person, persons = _dense(pool.person)
        self._span = int(looks.many.max()) + 1
        self._nobody = len(looks.many) * self._span
        self._claim = numpy.full(persons, self._nobody, dtype=numpy.int64)
        self._row = numpy.zeros(persons, dtype=numpy.int64)
        self._missing = numpy.full(len(looks.many), ratio, dtype=numpy.int64)
        self._next = numpy.zeros(len(looks.many), dtype=numpy.int64)

    def settle(self, cases: Whole) -> None:
        """Serve these cases, in the order of their turn; those before them have been served."""
        claiming, look = cases, FIRST_LOOK
        while len(claiming):
            self._round(claiming, look)
            # Of all the cases: who had enough may have lost somebody to a stronger claim.
            claiming = cases[(self._missing[cases] > 0) & (self._next[cases] < self._looks.many[cases])]
            look = max(FIRST_LOOK, min(look * 4, LONGEST_LOOK, PLACES_AT_ONCE // max(1, len(claiming))))

    def held(self) -> tuple[Whole, Whole]:
        """Pairs: the turn of a case, the row of its control."""
        persons = numpy.flatnonzero(self._claim < self._nobody)
        return self._claim[persons] // self._span, self._row[persons]

    def _round(self, cases: Whole, look: int) -> None:
        """Each of these cases claims whom it still misses, among the places that it looks at next."""
        steps = self._next[cases][:, None] + numpy.arange(look, dtype=numpy.int64)
        members, good = self._looks.at(cases[:, None], steps)
        claims = cases[:, None] * self._span + steps
        persons = self._person[members]
        good &= claims < self._claim[persons]
        so_far = numpy.cumsum(good, axis=1)
        missing = self._missing[cases][:, None]
        self._next[cases] += numpy.minimum((so_far < missing).sum(axis=1) + 1, look)
        good &= so_far <= missing
        self._claimed(persons[good], claims[good], members[good])

    def _claimed(self, persons: Whole, claims: Whole, rows: Whole) -> None:
        """Let persons belong to their new claims, of which the strongest comes first; who had them misses one more."""
        before = self._claim[persons]
        self._claim[persons[::-1]] = claims[::-1]  # of two on the same person, the last that is written stays
        won = self._claim[persons] == claims
        self._row[persons[won]] = rows[won]
        numpy.subtract.at(self._missing, claims[won] // self._span, 1)
        lost = before[won & (before < self._nobody)]
        numpy.add.at(self._missing, lost // self._span, 1)


def _dense(person: Whole) -> tuple[Whole, int]:
    """Persons as small numbers, and how many numbers there are."""
    low, high = int(person.min()), int(person.max())
    if high - low < 4 * len(person):
        return person - low, high - low + 1
    distinct, numbered = numpy.unique(person, return_inverse=True)
    return numbered, len(distinct)


def _searched(among: NDArray[numpy.uint64], keys: Whole, side: Literal["left", "right"]) -> Whole:
    """Places of keys. Searched in their order, which is kinder to memory than their own."""
    order = numpy.argsort(keys)
    found = numpy.empty_like(keys)
    found[order] = numpy.searchsorted(among, keys[order].astype(numpy.uint64), side=side)
    return found


def _order(key: Whole, hashed: NDArray[numpy.uint64], pool: Group) -> tuple[NDArray[numpy.uint64], Whole]:
    """Keys in order, and rows by key, then by hash, then by person and period: the same for any order of rows.

    One sort of numbers that hold the key, as many bits of the hash as have room, and the row; the few rows that tie in the
    first two are sorted again.
    """
    row_bits, key_bits = max(1, len(key).bit_length()), max(1, int(key.max()).bit_length())
    spare = 64 - key_bits - row_bits
    if spare < 1:
        plainly: Whole = numpy.lexsort((pool.start, pool.person, hashed, key))
        return key[plainly].astype(numpy.uint64), plainly
    packed = key.astype(numpy.uint64) << numpy.uint64(64 - key_bits)
    packed |= (hashed >> numpy.uint64(64 - spare)) << numpy.uint64(row_bits)
    packed |= numpy.arange(len(key), dtype=numpy.uint64)
    packed.sort()
    order = (packed & numpy.uint64((1 << row_bits) - 1)).astype(numpy.int64)
    in_order = packed >> numpy.uint64(row_bits)
    ties = numpy.flatnonzero(in_order[1:] == in_order[:-1])
    again = numpy.unique(numpy.concatenate((ties, ties + 1)))
    rows = order[again]
    order[again] = rows[numpy.lexsort((pool.start[rows], pool.person[rows], hashed[rows], in_order[again]))]
    return packed >> numpy.uint64(64 - key_bits), order
