"""The ASGI application of the console: pages, files, what others mount, and the answer to everything else.

A request to a page, in numbered steps:

1. The host is ours (`guard.py`).
2. Whoever changes something comes from a page of ours (`forgery.py`).
3. The session cookie says who it is. Strangers see open pages; for others they are sent to sign in.
4. The form is read, and carries the token of the session.
5. The page's handler performs operations, each down the one path of the API. Where one asks for a fresh factor, the
   person proves it on a page between, and the form goes on (`stepping.py`).
"""

from collections.abc import Awaitable, Callable, Collection, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from nexus.console import cookies, forgery, language, stepping, troubles
from nexus.console.assets import PREFIX, Assets
from nexus.console.forms import NO_FORM, read_form
from nexus.console.guard import Guard
from nexus.console.operations import Operations, Refused
from nexus.console.page import Page
from nexus.console.ports import BrowserSession
from nexus.console.render import MenuEntry, Renderer
from nexus.console.visit import Visit
from nexus.kernel.clock import Clock
from nexus.kernel.errors import NexusError, NotFound
from nexus.web.dispatch import Dispatcher

FOR_EVER = "public, max-age=31536000, immutable"
Endpoint = Callable[[Request], Awaitable[Response]]


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
    assets = Assets()
    menu = [MenuEntry(page.path, page.menu, page.group) for page in pages if page.menu is not None]
    console = _Console(Operations(dispatcher), browser, Renderer(assets, menu, clock), origins)
    app = Starlette(
        routes=[
            *mounts,
            Route("/healthz", _alive),
            Route(PREFIX + "{name}", _files(assets)),
            *console.routes(pages),
        ],
        exception_handlers={HTTPException: console.no_page, Exception: console.unexpected},
    )
    app.router.redirect_slashes = False
    return Guard(app, origins)


class _Console:
    """Turns requests into visits."""

    def __init__(
        self, operations: Operations, browser: BrowserSession, renderer: Renderer, origins: Collection[str]
    ) -> None:
        self._operations = operations
        self._browser = browser
        self._renderer = renderer
        self._origins = origins

    def routes(self, pages: Sequence[Page]) -> list[Route]:
        """Fixed paths before those with fields."""
        ordered = sorted(pages, key=lambda page: [part.startswith("{") for part in page.path.split("/")])
        return [Route(page.path, self._endpoint(page), methods=_methods(page)) for page in ordered]

    def _endpoint(self, page: Page) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            visit = self._visit(request, page)
            try:
                return await self._answer(visit, page)
            except Refused as refused:
                return await _refusal(visit, refused)
            except NexusError as error:
                return troubles.page(visit, error)

        return endpoint

    def _visit(self, request: Request, page: Page | None = None) -> Visit:
        allowed = page.operations if page else frozenset[str]()
        return Visit(request, language.chosen(request), None, self._operations, self._renderer, allowed)

    async def _answer(self, visit: Visit, page: Page) -> Response:
        request, submits = visit.request, visit.request.method == "POST"
        if submits:
            forgery.require_own_origin(request.headers, self._origins)
        visit.actor = await self._browser.signed_in(request)
        if visit.actor is None and not page.open:
            return troubles.stranger(visit)
        visit.form = await read_form(request) if submits else NO_FORM
        if submits and not page.open:
            forgery.require_token(cookies.session_token(request) or "", visit.form.text(forgery.FIELD))
        handler = page.submit if submits else page.show
        if handler is None:
            raise HTTPException(405)
        if submits and visit.actor is not None:
            visit.step_up = await stepping.proof_in(visit)
        return await handler(visit)

    async def no_page(self, request: Request, error: Exception) -> Response:
        """There is no page at this path, or not for this method."""
        visit = self._visit(request)
        visit.actor = await self._browser.signed_in(request)
        status = error.status_code if isinstance(error, HTTPException) else 404
        return troubles.page(visit, NotFound("there is no page at this address", code="console.no-page"), status=status)

    async def unexpected(self, request: Request, error: Exception) -> Response:
        """A fault of ours: it says nothing of itself."""
        return troubles.page(self._visit(request), NexusError("the page failed", code="internal"))


async def _refusal(visit: Visit, refused: Refused) -> Response:
    """What a refused operation shows: the page that asks for a fresh factor where that is all it takes, else why."""
    if digest := stepping.wanted(visit, refused.error):
        try:
            return await stepping.ask(visit, digest)
        except Refused as again:
            refused = again
    return troubles.page(visit, refused.error, refused.operation)


def _methods(page: Page) -> list[str]:
    return [*(["GET"] if page.show else []), *(["POST"] if page.submit else [])]


async def _alive(request: Request) -> Response:
    return PlainTextResponse("alive\n")


def _files(assets: Assets) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return Response(asset.body, headers={"Cache-Control": FOR_EVER}, media_type=asset.media_type)

    return endpoint
