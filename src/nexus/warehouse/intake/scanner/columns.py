"""What is decided of a column as a whole: a single value proves little there, a share of them much."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from nexus.warehouse.intake.report import Sightings

NUMBER_SHARE: Final = 0.2
"""Of the bare numbers of one length, those that have the form of a NIR. By chance 2.4 % do; of real ones nearly all."""
PHONE_SHARE: Final = 0.5
"""The same for telephones, of which chance makes 9 %."""
NAME_SHARE: Final = 0.3
"""Of the cells with words, those that are a listed name. The lists hold the names of about half of the people; towns and
drugs are called like somebody in some percent."""
NAME_CELLS: Final = 5
"""Fewer say nothing."""
COPY_SHARE: Final = 0.05
"""Of the filled cells, those that equal a declared identifier of their row. Somebody called Paris may live there."""
COPY_CELLS: Final = 3


@dataclass(slots=True)
class Share:
    """How many there are, and how many of them look like it."""

    share: float
    at_least: int = 1
    looked_at: int = 0
    alike: Sightings = field(default_factory=Sightings)

    def look_at(self, alike: bool, line: int) -> None:
        """One more cell, and whether it looks like it."""
        self.looked_at += 1
        if alike:
            self.alike.add(line)

    def found(self) -> Sightings | None:
        """What was seen, if it is enough to be it."""
        enough = self.alike.count >= max(self.at_least, self.share * self.looked_at)
        return self.alike if enough and self.alike.count else None


class Shares:
    """The shares of one column, by what is counted."""

    def __init__(self, shown: int) -> None:
        """`shown`: lines that each remembers."""

        def share(least: float, cells: int = 1) -> Share:
            return Share(least, cells, alike=Sightings(shown))

        self.nir: defaultdict[int, Share] = defaultdict(lambda: share(NUMBER_SHARE))
        """By the length of the number."""
        self.phone: defaultdict[int, Share] = defaultdict(lambda: share(PHONE_SHARE))
        self.name = share(NAME_SHARE, NAME_CELLS)
        self.copy = share(COPY_SHARE, COPY_CELLS)
        self.birth = share(COPY_SHARE, COPY_CELLS)
