"""A page: where it answers, what it shows, what it does, which operations it may use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.language import Bilingual
from nexus.console.visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One path. `show` answers GET, `submit` answers POST after the form was found genuine."""

    path: str
    operations: frozenset[str] = frozenset()
    """Names of the operations that its handlers call; any other is refused to them."""
    show: Handler | None = None
    submit: Handler | None = None
    open: bool = False
    """Whether strangers see it. Everything else needs a session."""
    menu: Bilingual[str] | None = None
    """Its name in the menu; None keeps it out."""
    group: Bilingual[str] = MINE
    """The heading that it stands under in the menu."""
