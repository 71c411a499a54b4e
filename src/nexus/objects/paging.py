"""Walks along keys and gathers one page, rolling keys up into common prefixes without reading what is behind them.

After a common prefix the walk seeks the first key past it, so that a page costs what it shows, whatever lies between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from nexus.kernel.errors import Invalid
from nexus.objects import rules
from nexus.objects.errors import INVALID_KEY

FIRST_LOOK: Final = 2
"""Rows fetched after a common prefix: the next one is likely to begin another."""
GROWTH: Final = 8
"""By how much a fetch grows while rows stand for themselves."""


class Keyed(Protocol):
    """A row that has a key."""

    @property
    def key(self) -> str: ...


R = TypeVar("R", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: at the first key that is not before `key`; or, given `within`, behind it among the rows of `key`."""

    key: str
    within: int | str | None = None


@dataclass(frozen=True, slots=True)
class Walked(Generic[R]):
    """One page. `last` is the row or the prefix that ends it, None if there is nothing behind it."""

    rows: tuple[R, ...]
    prefixes: tuple[str, ...]
    end: R | str | None
    """The row or prefix that came last, if any."""
    more: bool
    """Whether something follows."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a listing is about."""

    prefix: str
    delimiter: str
    limit: int

    def __post_init__(self) -> None:
        for text in (self.prefix, self.delimiter):
            check_text(text)

    @property
    def upper(self) -> str:
        """The first key that is out of scope."""
        return rules.after_prefix(self.prefix)

    def after(self, name: str) -> Position:
        """Behind a key, or behind a whole common prefix if `name` is one; never before the scope begins."""
        check_text(name)
        if name < self.prefix:
            return Position(self.prefix)
        if rules.common_prefix(name, self.prefix, self.delimiter) == name:
            return Position(rules.after_prefix(name))
        return Position(rules.after_key(name))


def check_text(text: str) -> None:
    """Raises Invalid for what is no Unicode text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid("this is no Unicode text", code=INVALID_KEY) from None


def walk(
    scope: Scope,
    start: Position,
    fetch: Callable[[Position, int], Sequence[R]],
    behind: Callable[[R], Position],
    shown: Callable[[Sequence[R]], Sequence[R]] = lambda rows: rows,
) -> Walked[R]:
    """Gather a page. `fetch(position, n)`: at most n rows in order; `behind(row)`: the position after a row.

    `shown` leaves out what must not be known: the page, its end and its prefixes are those of a store that never had it.
    """
    rows: list[R] = []
    prefixes: list[str] = []
    end: R | str | None = None
    position, most = start, scope.limit + 1
    size = most if not scope.delimiter else FIRST_LOOK
    while scope.limit:
        fetched = fetch(position, size)
        for row in shown(fetched):
            if len(rows) + len(prefixes) == scope.limit:
                return Walked(tuple(rows), tuple(prefixes), end, more=True)
            rolled = rules.common_prefix(row.key, scope.prefix, scope.delimiter)
            if rolled is not None:
                prefixes.append(rolled)
                end, position, size = rolled, Position(rules.after_prefix(rolled)), FIRST_LOOK
                break
            rows.append(row)
            end = row
        else:
            if len(fetched) < size:
                break
            position, size = behind(fetched[-1]), min(size * GROWTH, most)
    return Walked(tuple(rows), tuple(prefixes), end, more=False)
