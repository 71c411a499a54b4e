"""A door for browsers: pages, files, what others mount, and the answer to everything else.

A request to a page, in numbered steps:

1. The host is ours (`guard.py`).
2. Whoever changes something comes from a page of ours (`forgery.py`).
3. The session cookie says who it is. Strangers see open pages; for others they are sent to sign in.
4. The form is read, and carries the token of the session.
5. The page's handler performs operations, each down the one path of the API. What each door does besides (a proof of a
   fresh factor, what a refusal looks like) is in its own `prepared`, `refused`, `troubled`, `stranger`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Generic

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from nexus.kernel.errors import NexusError, NotFound
from nexus.web.browser import forgery
from nexus.web.browser.assets import PREFIX, Assets
from nexus.web.browser.cookies import Cookies
from nexus.web.browser.forms import NO_FORM, read_form
from nexus.web.browser.guard import Guard
from nexus.web.browser.operations import Refused
from nexus.web.browser.page import BrowserPage, V
from nexus.web.browser.ports import BrowserSession

FOR_EVER: Final = "public, max-age=31536000, immutable"
Endpoint = Callable[[Request], Awaitable[Response]]


class BrowserDoor(ABC, Generic[V]):
    """Admits requests to pages. A door says by its methods what a visit is and what went wrong looks like."""

    def __init__(self, browser: BrowserSession, cookies: Cookies, origins: Collection[str]) -> None:
        self._browser = browser
        self._cookies = cookies
        self._origins = origins

    @abstractmethod
    def visit(self, request: Request, allowed: frozenset[str]) -> V:
        """A visit of nobody yet, to a page that may use the operations `allowed`."""

    async def prepared(self, visit: V) -> None:
        """Whatever else a form of a signed-in person brings is looked at here. Raises Refused."""
        return

    @abstractmethod
    async def refused(self, visit: V, refused: Refused) -> Response:
        """What a refused operation shows."""

    @abstractmethod
    def troubled(self, visit: V, error: NexusError, status: int | None = None) -> Response:
        """The page of an error."""

    @abstractmethod
    def stranger(self, visit: V) -> Response:
        """Nobody is signed in, and this page needs somebody."""

    def app(self, pages: Sequence[BrowserPage[V]], assets: Assets, mounts: Sequence[BaseRoute] = ()) -> ASGIApp:
        """The ASGI application. `mounts` are matched before pages."""
        app = Starlette(
            routes=[
                *mounts,
                Route("/healthz", _alive),
                Route(PREFIX + "{name}", _files(assets)),
                *self._routes(pages),
            ],
            exception_handlers={HTTPException: self._no_page, Exception: self._unexpected},
        )
        app.router.redirect_slashes = False
        return Guard(app, self._origins)

    def _routes(self, pages: Sequence[BrowserPage[V]]) -> list[Route]:
        """Fixed paths before those with fields."""
        ordered = sorted(pages, key=lambda page: [part.startswith("{") for part in page.path.split("/")])
        return [Route(page.path, self._endpoint(page), methods=page.methods()) for page in ordered]

    def _endpoint(self, page: BrowserPage[V]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            visit = self.visit(request, page.operations)
            try:
                return await self._answer(visit, page)
            except Refused as refused:
                return await self.refused(visit, refused)
            except NexusError as error:
                return self.troubled(visit, error)

        return endpoint

    async def _answer(self, visit: V, page: BrowserPage[V]) -> Response:
        request, submits = visit.request, visit.request.method == "POST"
        if submits:
            forgery.require_own_origin(request.headers, self._origins)
        visit.actor = await self._browser.signed_in(request)
        if visit.actor is None and not page.open:
            return self.stranger(visit)
        visit.form = await read_form(request) if submits else NO_FORM
        if submits and not page.open:
            forgery.require_token(self._cookies.session_token(request) or "", visit.form.text(forgery.FIELD))
        handler = page.submit if submits else page.show
        if handler is None:
            raise HTTPException(405)
        if submits and visit.actor is not None:
            await self.prepared(visit)
        return await handler(visit)

    async def _no_page(self, request: Request, error: Exception) -> Response:
        """There is no page at this path, or not for this method."""
        visit = self.visit(request, frozenset())
        visit.actor = await self._browser.signed_in(request)
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self.troubled(visit, NotFound("there is no page at this address", code="web.no-page"), status)

    async def _unexpected(self, request: Request, error: Exception) -> Response:
        """A fault of ours: it says nothing of itself."""
        return self.troubled(self.visit(request, frozenset()), NexusError("the page failed", code="internal"))


async def _alive(request: Request) -> Response:
    return PlainTextResponse("alive\n")


def _files(assets: Assets) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return Response(asset.body, headers={"Cache-Control": FOR_EVER}, media_type=asset.media_type)

    return endpoint
