"""What a definition finds in a CDM: the persons, for who may have them, and what may be told of them to others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy

from nexus.kernel.clock import Instant
from nexus.warehouse.cohorts import balance, pools, selecting
from nexus.warehouse.cohorts.balance import Compared, Sides
from nexus.warehouse.cohorts.definition import Controls, Definition
from nexus.warehouse.cohorts.masking import chain, partition
from nexus.warehouse.cohorts.matching import Matched, match
from nexus.warehouse.cohorts.pools import Members
from nexus.warehouse.cohorts.selecting import Step
from nexus.warehouse.cohorts.told import BalanceTold, MatchingTold, ServedTold, StepTold, Told
from nexus.warehouse.quality.cdm import Cdm


@dataclass(frozen=True, slots=True)
class Found:
    """Who was found, exactly. Not for reports: `told` is."""

    definition: Definition
    content: bytes
    """The definition as it was read."""
    steps: Sequence[Step]
    cases: Members
    pool_steps: Sequence[Step] = ()
    pool: Members | None = None
    matched: Matched | None = None
    """Rows of `cases` and of `pool`."""
    compared: Sequence[Compared] = ()

    @property
    def drawn(self) -> Members | None:
        """The controls, in the order of `matched`, each with its index date: its own, or that of its case. None: none were to be drawn."""
        controls = self.definition.controls
        if controls is None or self.matched is None or self.pool is None:
            return None
        rows = self.pool.rows(self.matched.control)
        return rows if controls.index is not None else rows.at(self.cases["day"][self.matched.case])


def find(cdm: Cdm, definition: Definition, content: bytes) -> Found:
    """Cases, and their controls where the definition asks for some. Raises Invalid if the CDM lacks a table, Damaged."""
    found = _chosen(cdm, definition, content)
    if definition.controls is None or found.pool is None or found.matched is None:
        return found
    sides = _sides(found.cases, found.pool, found.matched, definition.controls)
    return replace(found, compared=balance.compare(cdm, sides, definition.balance))


def _chosen(cdm: Cdm, definition: Definition, content: bytes) -> Found:
    selecting.prepare(cdm)
    steps = selecting.select(cdm, definition, definition.index, pools.CASES)
    cases = pools.cases(cdm)
    if definition.controls is None:
        return Found(definition, content, steps, cases)
    pool_steps, pool = pools.pool(cdm, definition, definition.controls)
    return Found(definition, content, steps, cases, pool_steps, pool, draw(cases, pool, definition.controls))


def draw(cases: Members, pool: Members, controls: Controls) -> Matched:
    """The controls of each case: rows of `cases` and of `pool`."""
    asked, chosen, rows = pools.grouped(cases, pool, controls)
    found = match(asked, chosen, pools.rules(controls))
    return Matched(found.case, rows[found.control], found.served)


def _sides(cases: Members, pool: Members, matched: Matched, controls: Controls) -> Sides:
    """Matched cases, so that what is told before and after is of the same persons."""
    served = cases.rows(numpy.flatnonzero(matched.served))
    drawn = pool.rows(matched.control)
    weights = 1 / matched.served[matched.case].astype(numpy.float64)
    if controls.index is not None:
        return Sides(served, drawn, weights, pool)
    drawn = drawn.at(cases["day"][matched.case])
    middle = int(numpy.median(served["day"])) if len(served) else 0
    return Sides(served, drawn, weights, balance.observed_on(pool, middle))


def told(found: Found, cdm: str, at: Instant) -> Told:
    """What may be shown of it. `cdm`: what the data are called."""
    return Told(
        name=found.definition.name,
        title=found.definition.title,
        definition_sha256=hashlib.sha256(found.content).hexdigest(),
        cdm=cdm,
        at=at,
        steps=_steps(found.steps),
        pool_steps=_steps(found.pool_steps),
        matching=_matching(found),
    )


def _steps(steps: Sequence[Step]) -> tuple[StepTold, ...]:
    counts = chain([step.persons for step in steps])
    return tuple(StepTold(name=step.name, persons=count) for step, count in zip(steps, counts, strict=True))


def _matching(found: Found) -> MatchingTold | None:
    controls, matched, pool = found.definition.controls, found.matched, found.pool
    if controls is None or matched is None or pool is None:
        return None
    exact = numpy.bincount(matched.served, minlength=controls.ratio + 1).tolist()
    shown = partition(exact) if chain([step.persons for step in found.steps])[-1] is not None else [None] * len(exact)
    persons = len(numpy.unique(pool["person"]))
    drawn = len(matched.control)
    (pool_shown, drawn_shown) = chain([persons, drawn])
    return MatchingTold(
        ratio=controls.ratio,
        seed=controls.seed,
        pool=pool_shown,
        # With cases hidden by their number of controls, the number of all controls would give them away.
        controls=None if None in shown else drawn_shown,
        served=tuple(ServedTold(controls=number, cases=count) for number, count in enumerate(shown)),
        balance=tuple(
            BalanceTold(
                name=one.name,
                is_share=one.is_share,
                cases=_rounded(one.cases),
                controls=_rounded(one.controls),
                pool=_rounded(one.pool),
                before=_rounded(one.before),
                after=_rounded(one.after),
            )
            for one in found.compared
        ),
    )


def _rounded(value: float | None) -> float | None:
    """As exact as is of use: a mean of many digits says what its sum is made of."""
    return None if value is None else round(value, 3)
