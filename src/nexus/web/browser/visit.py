"""One request to a page: who asks, in which language, with which form; and which operations a page may perform about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nexus.kernel.errors import Denied
from nexus.kernel.operation import Actor
from nexus.web.browser import cookies as browser_cookies
from nexus.web.browser import forgery, paths
from nexus.web.browser.cookies import Cookies
from nexus.web.browser.forms import NO_FORM, Form
from nexus.web.browser.language import Language
from nexus.web.browser.operations import Document, Done, Operations, Refused, Sender
from nexus.web.proxies import certificate

SEE_OTHER: Final = 303
"""After a form was acted on, the browser gets the next page with a request of its own: a reload repeats nothing."""


@dataclass(slots=True)
class BrowserVisit:
    """What a page's handler is given. `actor` is None only on open pages."""

    request: Request
    language: Language
    cookies: Cookies
    operations: Operations
    actor: Actor | None = None
    allowed: frozenset[str] = frozenset()
    """The operations that the page declares."""
    form: Form = field(default=NO_FORM)
    step_up: str = ""
    """The proof of a fresh factor that the form brought."""
    attempted: tuple[str, Document] | None = None
    """The last operation that was tried, and what it was to do: what a fresh factor is asked for."""

    @property
    def path(self) -> Mapping[str, str]:
        """The named parts of the path."""
        return self.request.path_params

    def query(self, name: str) -> str:
        """A field of the query, the first if there are several; empty if there is none."""
        return self.request.query_params.get(name, "")

    async def do(self, name: str, /, *, for_purpose: str = "", **fields: Any) -> Done:
        """Perform an operation as the person who is signed in. Raises Refused."""
        if name not in self.allowed:
            raise LookupError(f"the page {self.request.url.path} does not declare the operation {name}")
        self.attempted = (name, fields)
        return await self.operations.call(name, fields, self.sender(), for_purpose)

    def sender(self) -> Sender:
        """Who asks, for the operations of this visit."""
        token = self.cookies.session_token(self.request) if self.actor else None
        request = self.request
        shown = certificate(request.headers.raw)
        origin, client = browser_cookies.origin(request), browser_cookies.client(request)
        return Sender(token, origin, client, self.step_up, shown)

    async def get(self, name: str, /, *, for_purpose: str = "", **fields: Any) -> Document:
        """The same, for the result alone."""
        return (await self.do(name, for_purpose=for_purpose, **fields)).document

    async def try_get(self, name: str, /, *, for_purpose: str = "", **fields: Any) -> Document | None:
        """The same, or None where the person has no right to it: for parts of a page that others may see."""
        try:
            return await self.get(name, for_purpose=for_purpose, **fields)
        except Refused as refused:
            if isinstance(refused.error, Denied):
                return None
            raise

    def redirect(self, path: str) -> Response:
        """Go on to a path of ours."""
        return RedirectResponse(paths.own(path), SEE_OTHER)

    def csrf(self) -> str:
        """The token that every form of this session carries; empty for a stranger."""
        token = self.cookies.session_token(self.request) if self.actor else None
        return forgery.token_of(token) if token else ""

    def here(self) -> str:
        """The page to come back to after a change of language."""
        query = self.request.url.query
        here = self.request.url.path + (f"?{query}" if query else "")
        return here if self.request.method == "GET" else paths.HOME
