"""The console's part of the OpenID Connect issuer: who is signed in, and the pages that a person meets on the way to a tool.

It keeps the issuer's ports `BrowserSession` and `Pages` by the console's own cookie, form token and layout. The pages stand
without the menu: in the middle of a protocol there is one thing to decide.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nexus.console.cookies import COOKIES
from nexus.console.issuer_texts import CONSENT, DEVICE, GOODBYE, ONWARD, REFUSAL, SCOPES
from nexus.console.render import Frame, Renderer
from nexus.iam.oidc.ports import Visitor
from nexus.kernel.operation import Actor
from nexus.web.browser import forgery, language, paths
from nexus.web.browser.ports import BrowserSession
from nexus.web.browser.visit import SEE_OTHER

EndSession = Callable[[Request, Actor], Awaitable[None]]


class IssuerVisitors:
    """Who is signed in in the browser, for the issuer."""

    def __init__(
        self, browser: BrowserSession, renderer: Renderer, *, origins: Collection[str], end: EndSession
    ) -> None:
        """`end` ends a session in the platform, recorded."""
        self._browser = browser
        self._renderer = renderer
        self._origins = origins
        self._end = end

    async def visitor(self, request: Request) -> Visitor | None:
        """Who is signed in, with the form token of the session."""
        actor, token = await self._browser.signed_in(request), COOKIES.session_token(request)
        return Visitor(actor, forgery.token_of(token)) if actor is not None and token else None

    def once_more(self, request: Request) -> Response | None:
        """Cookies are `SameSite=Strict`: what comes from another site is asked for again, from here."""
        if request.method != "GET" or request.headers.get("sec-fetch-site") != "cross-site":
            return None
        here = f"{request.url.path}?{request.url.query}"
        return self._renderer.page("bounce.html", frame_of(request, None), {"here": paths.own(here)})

    def sign_in(self, request: Request, return_to: str, *, again: bool) -> Response:
        """Through the sign-in page, and back."""
        to = paths.sign_in_for(return_to)
        again_too = f"{to}{'&' if '?' in to else '?'}again=1" if again else to
        return self.once_more(request) or RedirectResponse(again_too, SEE_OTHER)

    def check_form(self, request: Request, visitor: Visitor, csrf: str) -> None:
        """The barriers of every form of the console."""
        forgery.require_own_origin(request.headers, self._origins)
        forgery.require_token(COOKIES.session_token(request) or "", csrf)

    async def sign_out(self, request: Request, visitor: Visitor, response: Response) -> Response:
        """End the session, here and in the platform."""
        await self._end(request, visitor.actor)
        COOKIES.sign_out(response)
        return response


class IssuerPages:
    """The issuer's pages."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def consent(self, request: Request, visitor: Visitor, page: Mapping[str, Any]) -> Response:
        """Whether to go on to a tool, where that is, and what it will learn."""
        learns = tuple(SCOPES[scope].of(language.chosen(request, COOKIES.language)) for scope in page["scopes"])
        return self._page("issuer_consent.html", frame_of(request, visitor), {"t": CONSENT, **page, "learns": learns})

    def device(self, request: Request, visitor: Visitor, page: Mapping[str, Any]) -> Response:
        """A code to type, or whether to let a command line in."""
        return self._page("issuer_device.html", frame_of(request, visitor), {"t": DEVICE, **page})

    def goodbye(self, request: Request, visitor: Visitor | None, page: Mapping[str, Any]) -> Response:
        """Whether to sign out, or that it is done."""
        return self._page("issuer_goodbye.html", frame_of(request, visitor), {"t": GOODBYE, **page})

    def onward(self, request: Request, url: str) -> Response:
        """On to a tool, by a page that goes there itself."""
        return self._page("issuer_onward.html", frame_of(request, None), {"t": ONWARD, "url": url})

    def refusal(self, request: Request, status: int, error: str, operation: str) -> Response:
        """What a tool asked for cannot be done."""
        page = {"t": REFUSAL, "error": error, "operation": operation}
        return self._page("issuer_refusal.html", frame_of(request, None), page, status)

    def _page(self, template: str, frame: Frame, page: Mapping[str, Any], status: int = 200) -> Response:
        return self._renderer.page(template, frame, page, status)


def frame_of(request: Request, visitor: Visitor | None) -> Frame:
    """What stands around a page of the issuer."""
    query = request.url.query
    return Frame(
        language=language.chosen(request, COOKIES.language),
        path=request.url.path,
        here=paths.own(request.url.path + (f"?{query}" if query else "")) if request.method == "GET" else paths.HOME,
        name=visitor.actor.name if visitor else "",
        person=visitor.actor.id if visitor else "",
        csrf=visitor.csrf if visitor else "",
    )
