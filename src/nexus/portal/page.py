"""A page of the portal: it may stand in the menu."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from nexus.portal.visit import Visit
from nexus.web.browser.language import Bilingual
from nexus.web.browser.page import BrowserPage

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page(BrowserPage[Visit]):
    """One path of the portal."""

    menu: Bilingual[str] | None = None
    """Its name in the menu; None keeps it out."""
    icon: str = ""
    """The name of its picture there."""
