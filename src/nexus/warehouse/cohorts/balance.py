"""How alike cases and controls are: standardised mean differences, before and after matching.

A difference is that of the means over the root of the mean of both variances; of a share, its variance is p (1 - p). Controls of
one case count as much as those of another: each has the weight of one over their number.
"""

# ruff: noqa: S608 - as in `events`

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from nexus.warehouse.cohorts.criteria import condition
from nexus.warehouse.cohorts.definition import Criterion
from nexus.warehouse.cohorts.masking import may_be_shown, partition
from nexus.warehouse.cohorts.matching import Whole
from nexus.warehouse.cohorts.pools import DAYS_A_YEAR, Members
from nexus.warehouse.cohorts.selecting import ENTRIES
from nexus.warehouse.quality.cdm import Cdm

Numbers = NDArray[numpy.float64]
Flags = NDArray[numpy.bool_]
Moments = tuple[float, float]
"""Mean and variance."""
_CONTROLS, _POOL = 1, 2
MAX_LEVELS: Final = 60
"""Sites or sexes that are compared one by one; of more, none is."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One variable. None: it may not be shown, or there is nothing to compare."""

    name: str
    is_share: bool
    cases: float | None
    controls: float | None
    pool: float | None
    after: float | None
    before: float | None


@dataclass(frozen=True, slots=True)
class Sides:
    """Who is compared: matched cases, their controls with their weights, and the pool, where it has index dates."""

    cases: Members
    controls: Members
    weights: Numbers
    pool: Members | None


def compare(cdm: Cdm, sides: Sides, criteria: Sequence[Criterion]) -> list[Compared]:
    """Every variable: age, year of the index date, observed days before and after, sex, site, and the events of `balance`."""
    if len(sides.cases) == 0 or len(sides.controls) == 0:
        return []
    found = [_mean(name, sides, values) for name, values in _NUMBERS.items()]
    for name in ("sex", "site"):
        found += _levels(name, sides)
    for criterion in criteria:
        flags = [
            None if side is None else _flags(cdm, criterion, side) for side in (sides.cases, sides.controls, sides.pool)
        ]
        found += _shares([criterion.name], [flags], sides)
    return found


def difference(first: Moments, second: Moments) -> float | None:
    """The standardised difference of two (mean, variance); None where nothing varies and the means differ all the same."""
    gap, spread = first[0] - second[0], math.sqrt((first[1] + second[1]) / 2)
    if spread == 0:
        return 0.0 if gap == 0 else None
    return gap / spread


_NUMBERS: Final[Mapping[str, Callable[[Members], Numbers | Whole]]] = {
    "age": lambda side: (side["day"] - side["birth"]) / DAYS_A_YEAR,
    "index year": lambda side: 1970 + side["day"] / DAYS_A_YEAR,
    "days observed before": lambda side: side["day"] - side["observed_from"],
    "days observed after": lambda side: side["observed_until"] - side["day"],
}


def _mean(name: str, sides: Sides, values: Callable[[Members], Numbers | Whole]) -> Compared:
    cases, controls = _moments(values(sides.cases)), _moments(values(sides.controls), sides.weights)
    pool = None if sides.pool is None or not len(sides.pool) else _moments(values(sides.pool))
    enough = all(may_be_shown(len(side)) for side in (sides.cases, sides.controls, sides.pool) if side is not None)
    if not enough:
        return Compared(name, False, None, None, None, None, None)
    return Compared(
        name, False, cases[0], controls[0], pool and pool[0], difference(cases, controls), pool and difference(cases, pool)
    )  # fmt: skip


def _levels(name: str, sides: Sides) -> list[Compared]:
    """Each value of a variable by itself."""
    levels = numpy.unique(numpy.concatenate((sides.cases[name], sides.controls[name])))
    if len(levels) > MAX_LEVELS:
        return []
    flags = [
        [None if side is None else side[name] == level for side in (sides.cases, sides.controls, sides.pool)]
        for level in levels
    ]
    return _shares([f"{name} {level}" for level in levels], flags, sides)


def _shares(names: Sequence[str], flags: Sequence[Sequence[Flags | None]], sides: Sides) -> list[Compared]:
    """Shares of values that exclude one another; one that stands alone excludes its opposite."""
    hidden = _hidden(flags, alone=len(names) == 1)
    found = []
    for name, (of_cases, of_controls, of_pool), hide in zip(names, flags, hidden, strict=True):
        assert of_cases is not None and of_controls is not None
        if hide:
            found.append(Compared(name, True, None, None, None, None, None))
            continue
        cases, controls = _share(of_cases), _share(of_controls, sides.weights)
        pool = None if of_pool is None or not len(of_pool) else _share(of_pool)
        found.append(
            Compared(
                name, True, cases[0], controls[0], pool and pool[0],
                difference(cases, controls), pool and difference(cases, pool),
            )
        )  # fmt: skip
    return found


def _hidden(flags: Sequence[Sequence[Flags | None]], *, alone: bool) -> list[bool]:
    """Values that are hidden on any side, or whose pool is larger than its controls by few."""
    hidden = [False] * len(flags)
    for side in range(3):
        there = [one[side] for one in flags]
        counts = [int(numpy.count_nonzero(one)) for one in there if one is not None]
        if there[0] is None or not counts:
            continue
        shown = partition([*counts, len(there[0]) - sum(counts)])
        hidden = [hide or shown[place] is None or (alone and None in shown) for place, hide in enumerate(hidden)]
        if side == _POOL:
            drawn = [int(numpy.count_nonzero(some)) for one in flags if (some := one[_CONTROLS]) is not None]
            close = [not may_be_shown(abs(all_ - some)) for all_, some in zip(counts, drawn, strict=True)]
            hidden = [hide or near for hide, near in zip(hidden, close, strict=True)]
    return hidden


def _flags(cdm: Cdm, criterion: Criterion, side: Members) -> Flags:
    """Whether each row meets a criterion at its index date."""
    day = pa.array(side["day"].astype("datetime64[D]"))
    cdm.put("compared", pa.table({"place": numpy.arange(len(side)), "person_id": side["person"], "day": day}))
    cdm.rows(f"CREATE OR REPLACE TEMP TABLE {ENTRIES} AS SELECT * FROM compared")
    found = cdm.columns(f"SELECT {condition(cdm, criterion)} AS holds FROM {ENTRIES} e ORDER BY place")["holds"]
    return numpy.asarray(found, dtype=bool)


def _share(flags: Flags, weights: Numbers | None = None) -> Moments:
    share = float(numpy.average(flags, weights=weights))
    return share, share * (1 - share)


def _moments(values: Numbers | Whole, weights: Numbers | None = None) -> Moments:
    mean = float(numpy.average(values, weights=weights))
    return mean, float(numpy.average((values - mean) ** 2, weights=weights))


def observed_on(members: Members, day: int) -> Members:
    """Those of a pool who are observed on a day, with it as their index date: what cases are compared with before matching."""
    there = members.rows((members["observed_from"] <= day) & (day <= members["observed_until"]))
    return there.at(numpy.full(len(there), day, dtype=numpy.int64))
