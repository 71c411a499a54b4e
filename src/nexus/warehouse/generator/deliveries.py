"""Which encounters a source hands over when: nearly all at first; then what came late, what changed, what never was.

Where whole extracts are asked for, the second delivery tells all of it again, corrected. `PHANTOM` encounters stand in the first delivery only, copies of real ones on another day, and are removed by the second.
"""

from dataclasses import dataclass
from typing import Final

import numpy

from nexus.warehouse.generator.lives import Findings
from nexus.warehouse.generator.model import Asked, Whole

FIRST, SECOND = 1, 2
NORMAL, ADDED, CHANGED, PHANTOM = 0, 1, 2, 3
CHANGE: Final = {ADDED: "added", CHANGED: "changed", PHANTOM: "removed"}
_EARLIER_DAYS: Final = 3
"""A changed encounter was first told up to so many days too early."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Encounters of one source in one delivery: positions in `Encounters`, and their days and serials in the source."""

    at: Whole
    day: Whole
    serial: Whole


@dataclass(frozen=True, slots=True)
class Handed:
    """Both deliveries, and what the second one does: serials and one of `CHANGE` each."""

    first: Batch
    second: Batch
    changed: Whole
    change: Whole

    def of(self, delivery: int) -> Batch:
        """One of the two."""
        return self.first if delivery == FIRST else self.second


def handed(random: numpy.random.Generator, asked: Asked, at: Whole, day: Whole, earliest: Whole) -> Handed:
    """Two deliveries of the encounters `at`, whose true days are `day`. None is moved before `earliest`."""
    chance = random.random(len(at)) / max(asked.late, 1e-12)
    state = numpy.where(chance < 1 / 3, ADDED, numpy.where(chance < 2 / 3, CHANGED, NORMAL))
    copied = numpy.flatnonzero((chance >= 2 / 3) & (chance < 1))
    serial = numpy.arange(len(at))
    told = numpy.maximum(earliest, day - random.integers(1, _EARLIER_DAYS + 1, len(at)))
    at_first = state != ADDED
    first_day = numpy.where(state == CHANGED, told, day)
    phantoms = len(at) + numpy.arange(len(copied))
    first = Batch(
        numpy.concatenate((at[at_first], at[copied])),
        numpy.concatenate((first_day[at_first], told[copied])),
        numpy.concatenate((serial[at_first], phantoms)),
    )
    later = (state == ADDED) | (state == CHANGED)
    second = Batch(at, day, serial) if asked.whole else Batch(at[later], day[later], serial[later])
    return Handed(
        first,
        second,
        numpy.concatenate((serial[later], phantoms)),
        numpy.concatenate((state[later], numpy.full(len(copied), PHANTOM))),
    )


def belonging(findings: Findings, batch: Batch) -> tuple[Whole, Whole]:
    """The findings of a batch's encounters: for each, its row in the batch and its position in `findings`."""
    begin = numpy.searchsorted(findings.at, batch.at, side="left")
    count = numpy.searchsorted(findings.at, batch.at, side="right") - begin
    row = numpy.repeat(numpy.arange(len(batch.at)), count)
    nth = numpy.arange(len(row)) - numpy.repeat(numpy.cumsum(count) - count, count)
    return row, begin[row] + nth
