"""The ASGI application of the portal: its pages over `web.browser.door`, which says how a request is admitted."""

from collections.abc import Collection, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from nexus.kernel.errors import NexusError
from nexus.portal import troubles
from nexus.portal.cookies import COOKIES
from nexus.portal.dates import Dates
from nexus.portal.page import Page
from nexus.portal.render import ASSETS, MenuEntry, Renderer
from nexus.portal.stepping import ask
from nexus.portal.visit import Visit
from nexus.warehouse.catalogue.model import CATALOGUE
from nexus.web.browser import language, stepping
from nexus.web.browser.assets import SHARED, Assets
from nexus.web.browser.door import BrowserDoor
from nexus.web.browser.language import Language
from nexus.web.browser.operations import Operations, Refused
from nexus.web.browser.ports import BrowserSession
from nexus.web.dispatch import Dispatcher


def portal_app(
    dispatcher: Dispatcher, browser: BrowserSession, *, pages: Sequence[Page], dates: Dates, origins: Collection[str]
) -> ASGIApp:
    """The portal over a dispatcher. `origins`: the addresses it is reached at."""
    assets = Assets(ASSETS, SHARED)
    menu = [MenuEntry(page.path, page.menu, page.icon) for page in pages if page.menu is not None]
    door = _Portal(browser, COOKIES, origins)
    door.operations, door.renderer = (
        Operations(dispatcher),
        Renderer(assets, menu, dates, catalogue=any(page.path == CATALOGUE for page in pages)),
    )
    return door.app(pages, assets)


class _Portal(BrowserDoor[Visit]):
    """Turns requests into visits of the portal."""

    operations: Operations
    renderer: Renderer

    def visit(self, request: Request, allowed: frozenset[str]) -> Visit:
        """In French, unless the reader chose English here: the letter that leads here is in French."""
        chosen = language.remembered(request, COOKIES.language) or Language.FRENCH
        return Visit(request, chosen, COOKIES, self.operations, allowed=allowed, renderer=self.renderer)

    async def prepared(self, visit: Visit) -> None:
        """The fresh factor that a form brings."""
        visit.step_up = await stepping.proof_in(visit)

    async def refused(self, visit: Visit, refused: Refused) -> Response:
        """The page that asks for a fresh factor where that is all it takes, else why."""
        if digest := stepping.wanted(visit, refused.error):
            try:
                return await ask(visit, digest)
            except Refused as again:
                refused = again
        return troubles.page(visit, refused.error, refused.operation)

    def troubled(self, visit: Visit, error: NexusError, status: int | None = None) -> Response:
        """The page of an error."""
        return troubles.page(visit, error, status=status)

    def stranger(self, visit: Visit) -> Response:
        """Sign in first."""
        return troubles.stranger(visit)
