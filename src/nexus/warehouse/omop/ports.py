"""What a conversion asks of others."""

from collections.abc import Iterable
from typing import Protocol


class Excluded(Protocol):
    """Who has objected, or withdrawn. Asked anew at each conversion and at each refresh."""

    def persons(self) -> Iterable[str]:
        """Persons of whom nothing may be converted, by the name that the source gives them."""
