"""What may be told of a cohort to those who may not have its persons: how many each step left, how alike cases and controls are."""

from typing import Final

import msgspec
from msgspec import Struct

from nexus.kernel.clock import Instant
from nexus.warehouse.cohorts.masking import LEAST

VERSION: Final = 1
GOOD_BALANCE: Final = 0.1
"""Under this standardised difference, groups are usually called alike."""


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
    hidden_below: int = LEAST
    """Counts under this, and those that would give one away, are hidden."""
    steps: tuple[StepTold, ...]
    pool_steps: tuple[StepTold, ...] = ()
    matching: MatchingTold | None = None


def encode(answer: Told) -> bytes:
    """The form that is kept."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=1)
