"""How good linkage is, where the truth is known: precision and recall over pairs of records."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nexus.warehouse.linkage.linking import Local


@dataclass(frozen=True, slots=True)
class Measured:
    """Pairs of records that are one person, that were linked, and both."""

    true_pairs: int
    linked_pairs: int
    right_pairs: int

    @property
    def precision(self) -> float:
        """Share of the linked pairs that are one person."""
        return self.right_pairs / self.linked_pairs if self.linked_pairs else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs of one person that were linked."""
        return self.right_pairs / self.true_pairs if self.true_pairs else 1.0


def measure(persons: Iterable[Iterable[Local]], truth: Mapping[Local, str]) -> Measured:
    """Compare groups of records with whose they are. Records that the truth does not know count as nobody's."""
    linked, right = 0, 0
    for group in persons:
        whose = Counter(truth.get(one, repr(one)) for one in group)
        linked += _pairs(whose.total())
        right += sum(map(_pairs, whose.values()))
    return Measured(sum(map(_pairs, Counter(truth.values()).values())), linked, right)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
