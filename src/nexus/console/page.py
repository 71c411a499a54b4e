"""A page of the console: it may stand in the menu."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual
from nexus.web.browser.page import BrowserPage

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page(BrowserPage[Visit]):
    """One path of the console."""

    menu: Bilingual[str] | None = None
    """Its name in the menu; None keeps it out."""
    group: Bilingual[str] = MINE
    """The heading that it stands under in the menu."""
    needs: str = ""
    """The operation without which it is of no use: the menu leaves it out for whoever may not do that. It still answers."""
