"""The ASGI application of the console: its pages over `web.browser.door`, which says how a request is admitted.

Where an operation asks for a fresh factor, the person proves it on a page between, and the form goes on (`stepping.py`).
"""

from collections.abc import Collection, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from nexus.console import troubles
from nexus.console.cookies import COOKIES
from nexus.console.page import Page
from nexus.console.render import ASSETS, MenuEntry, Renderer
from nexus.console.stepping import ask
from nexus.console.visit import Visit
from nexus.kernel.clock import Clock
from nexus.kernel.errors import NexusError
from nexus.web.browser import language, stepping
from nexus.web.browser.assets import SHARED, Assets
from nexus.web.browser.door import BrowserDoor
from nexus.web.browser.operations import Operations, Refused
from nexus.web.browser.ports import BrowserSession
from nexus.web.dispatch import Dispatcher


def console_app(
    dispatcher: Dispatcher,
    browser: BrowserSession,
    *,
    pages: Sequence[Page],
    clock: Clock,
    origins: Collection[str],
    mounts: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """The console over a dispatcher. `origins`: the addresses it is reached at; `mounts` are matched before pages."""
    assets = Assets(ASSETS, SHARED)
    menu = [MenuEntry(page.path, page.menu, page.group, page.needs) for page in pages if page.menu is not None]
    door = _Console(browser, COOKIES, origins)
    door.operations, door.renderer = Operations(dispatcher), Renderer(assets, menu, clock)
    return door.app(pages, assets, mounts)


class _Console(BrowserDoor[Visit]):
    """Turns requests into visits of the console."""

    operations: Operations
    renderer: Renderer

    def visit(self, request: Request, allowed: frozenset[str]) -> Visit:
        """In the language that the reader chose, or that the browser asks for."""
        chosen = language.chosen(request, COOKIES.language)
        return Visit(request, chosen, COOKIES, self.operations, allowed=allowed, renderer=self.renderer)

    async def prepared(self, visit: Visit) -> None:
        """The fresh factor that a form brings."""
        try:
            visit.step_up = await stepping.proof_in(visit)
        except Refused as refused:
            if not stepping.wanted(visit, refused.error):
                raise  # too many attempts, or the platform is sealed
            visit.step_up = (
                ""  # the form goes on without a proof, is refused, and the page asks again for the same content
            )

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
