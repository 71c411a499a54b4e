"""What counting gives: violations and what was looked at, or why nothing could be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

from nexus.warehouse.quality.checks import Check


@dataclass(frozen=True, slots=True)
class Count:
    """`violated` of `looked_at` rows (or persons, or source values)."""

    violated: int
    looked_at: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing could be looked at. `what`: the table or field that is not there."""

    what: str


Counts = Mapping[Check, Count | Missing]
