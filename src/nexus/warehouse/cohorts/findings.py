"""What a definition finds in a CDM: the persons, for who may have them, and what may be told of them to others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy
from msgspec import Struct

from nexus.kernel.clock import Instant
from nexus.warehouse.cohorts import balance, pools, selecting
from nexus.warehouse.cohorts.balance import Compared, Sides
from nexus.warehouse.cohorts.definition import Controls, Definition
from nexus.warehouse.cohorts.masking import chain, partition
from nexus.warehouse.cohorts.matching import Matched, match
from nexus.warehouse.cohorts.pools import Members
from nexus.warehouse.cohorts.selecting import Step
from nexus.warehouse.quality.cdm import Cdm

VERSION: Final = 1
GOOD_BALANCE: Final = 0.1
"""Under this standardised difference, groups are usually called alike."""


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


class StepTold(Struct, frozen=True, kw_only=True):
    """A step and whom it left. None: hidden, since it is a count under eleven or would give one away."""

    name: str
    persons: int | None


class ServedTold(Struct, frozen=True, kw_only=True):
    """How many cases have so many controls."""

    controls: int
    cases: int | None


class BalanceTold(Struct, frozen=True, kw_only=True):
    """One variable. Means, or shares between 0 and 1; None: hidden, or nothing to compare."""

    name: str
    is_share: bool
    cases: float | None
    controls: float | None
    pool: float | None
    before: float | None
    """Standardised difference of cases and pool."""
    after: float | None
    """Of cases and controls."""


class MatchingTold(Struct, frozen=True, kw_only=True):
    """How controls were drawn, and how well that went."""

    ratio: int
    seed: int
    pool: int | None
    controls: int | None
    served: tuple[ServedTold, ...]
    balance: tuple[BalanceTold, ...]


class Told(Struct, frozen=True, kw_only=True):
    """The answer that may be shown. JSON, version 1."""

    version: int = VERSION
    name: str
    title: str
    definition_sha256: str
    cdm: str
    at: Instant
    steps: tuple[StepTold, ...]
    pool_steps: tuple[StepTold, ...] = ()
    matching: MatchingTold | None = None


def find(cdm: Cdm, definition: Definition, content: bytes) -> Found:
    """Cases, and their controls where the definition asks for some. Raises Invalid if the CDM lacks a table, Damaged."""
    found = _chosen(cdm, definition, content)
    if definition.controls is None or found.pool is None or found.matched is None:
        return found
    sides = _sides(found.cases, found.pool, found.matched, definition.controls)
    return replace(found, compared=balance.compare(cdm, sides, definition.balance))


def members(cdm: Cdm, definition: Definition) -> frozenset[int]:
    """The keys of everybody in a cohort: cases, and the controls that are drawn for them. Raises Invalid, Damaged."""
    found = _chosen(cdm, definition, b"")
    people = [found.cases["person"]]
    if found.pool is not None and found.matched is not None:
        people.append(found.pool.rows(found.matched.control)["person"])
    return frozenset(int(person) for some in people for person in some)


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


def encode(answer: Told) -> bytes:
    """The form that is kept."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=1)
