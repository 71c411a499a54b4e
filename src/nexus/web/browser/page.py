"""A page: where it answers, what it shows, what it does, which operations it may use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.responses import Response

from nexus.web.browser.visit import BrowserVisit

V = TypeVar("V", bound=BrowserVisit)


@dataclass(frozen=True, slots=True)
class BrowserPage(Generic[V]):
    """One path. `show` answers GET, `submit` answers POST after the form was found genuine."""

    path: str
    operations: frozenset[str] = frozenset()
    """Names of the operations that its handlers call; any other is refused to them."""
    show: Callable[[V], Awaitable[Response]] | None = None
    submit: Callable[[V], Awaitable[Response]] | None = None
    open: bool = False
    """Whether strangers see it. Everything else needs a session."""

    def methods(self) -> list[str]:
        """The methods that it answers."""
        return [*(["GET"] if self.show else []), *(["POST"] if self.submit else [])]
