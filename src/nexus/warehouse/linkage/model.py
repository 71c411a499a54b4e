"""What linkage is asked, and what it answers."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nexus.kernel.errors import Invalid


class Rule(StrEnum):
    """Why two records are one person."""

    NUMBER = "number"
    """The same NIR, and nothing in either record denies it."""
    TRAITS = "traits"
    """The same names, birth, sex, place and rank among twins."""
    PROBABILITY = "probability"


class Doubt(StrEnum):
    """Why two records are not merged, and somebody should look."""

    BETWEEN = "between"
    """The probability lies between the two thresholds."""
    NUMBER_DENIED = "number-denied"
    """One NIR, but neither names nor birth agree: two people under one number."""
    PERHAPS_TWINS = "perhaps-twins"
    """All but the given name agrees: as it does of twins."""
    CONTRADICTION = "contradiction"
    """To merge them would put two numbers, or two twins, into one person."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """At or above `merge` two records are one person; from `review` to there somebody judges; below nothing is said."""

    merge: float = 0.995
    review: float = 0.60

    def __post_init__(self) -> None:
        if not 0.5 <= self.review <= self.merge <= 1:
            raise Invalid(
                "thresholds lie between 0.5 and 1, that of review below that of merging", code="linkage.thresholds"
            )


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """Two records, by their numbers in order of source and local number, that a rule holds for one person."""

    left: int
    right: int
    rule: Rule = field(compare=False)
    probability: float = field(compare=False, default=1.0)


@dataclass(frozen=True, slots=True, order=True)
class Review:
    """Two records that somebody should judge."""

    left: int
    right: int
    doubt: Doubt = field(compare=False)
    probability: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What was linked, in counts."""

    records: int
    numbers_usable: int
    numbers_doubtful: int
    """A NIR that is malformed, whose key is wrong, or that contradicts sex or birth of its record."""
    numbers_missing: int
    persons: int
    by_rule: dict[str, int]
    """Merges by each rule."""
    for_review: dict[str, int]
    learned_from: int
    """Pairs that a NIR proves, of which was learned how alike records of one person are; 0 if too few."""


LEARNABLE: Final = 200
"""With fewer proven pairs nothing is learned and nothing is merged by probability: there is nothing to measure it by."""
