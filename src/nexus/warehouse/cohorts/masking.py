"""Counts that may be shown: none from one to ten, and none from which such a one could be found by subtraction."""

from collections.abc import Sequence
from typing import Final

LEAST: Final = 11
"""The smallest count that is shown, besides none at all."""


def may_be_shown(count: int) -> bool:
    """Whether a count by itself says nothing of few persons."""
    return count == 0 or count >= LEAST


def chain(counts: Sequence[int]) -> list[int | None]:
    """Counts of which each is a part of the one before: shown where neither it nor what it lost is small.

    From the last one backwards, so that what an answer is about, its end, is shown where it can be.
    """
    shown: list[int | None] = []
    after: int | None = None
    for count in reversed(counts):
        good = may_be_shown(count) and (after is None or may_be_shown(count - after))
        shown.append(count if good else None)
        after = count if good else after
    return shown[::-1]


def partition(counts: Sequence[int]) -> list[int | None]:
    """Counts whose sum is known. If one is hidden, others are too, until those hidden hold `LEAST` together."""
    hidden = {place for place, count in enumerate(counts) if not may_be_shown(count)}
    others = sorted(
        (place for place in range(len(counts)) if place not in hidden), key=lambda p: (counts[p] == 0, counts[p])
    )
    while hidden and others and (len(hidden) < 2 or sum(counts[place] for place in hidden) < LEAST):
        hidden.add(others.pop(0))
    return [None if place in hidden else count for place, count in enumerate(counts)]
