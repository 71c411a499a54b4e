"""One request to a page: who asks, in which language, with which form; and what a page may do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nexus.console import cookies, forgery, paths
from nexus.console.forms import NO_FORM, Form
from nexus.console.language import Language
from nexus.console.operations import Document, Done, Operations, Refused, Sender
from nexus.console.render import Frame, Renderer
from nexus.console.texts import FRAME
from nexus.console.titles import title_of
from nexus.kernel.errors import Denied
from nexus.kernel.operation import Actor

SEE_OTHER = 303
"""After a form was acted on, the browser gets the next page with a request of its own: a reload repeats nothing."""


@dataclass(slots=True)
class Visit:
    """What a page's handler is given. `actor` is None only on open pages."""

    request: Request
    language: Language
    actor: Actor | None
    operations: Operations
    renderer: Renderer
    allowed: frozenset[str] = frozenset()
    """The operations that the page declares."""
    form: Form = field(default=NO_FORM)
    step_up: str = ""
    """The proof of a fresh factor that the form brought (`stepping.py`)."""

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
        return await self.operations.call(name, fields, self.sender(), for_purpose)

    def sender(self) -> Sender:
        """Who asks, for the operations of this visit."""
        token = cookies.session_token(self.request) if self.actor else None
        return Sender(token, cookies.origin(self.request), cookies.client(self.request), self.step_up)

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

    def render(self, template: str, *, status: int = 200, said: str = "", **values: Any) -> Response:
        """A page from a template. `said` is read out by screen readers: what was just done."""
        return self.renderer.page(template, self.frame(said), values, status)

    def redirect(self, path: str) -> Response:
        """Go on to a path of ours."""
        return RedirectResponse(paths.own(path), SEE_OTHER)

    def frame(self, said: str = "") -> Frame:
        """What stands around every page."""
        token = cookies.session_token(self.request) if self.actor else None
        return Frame(
            language=self.language,
            path=self.request.url.path,
            here=self._here(),
            name=self.actor.name if self.actor else "",
            person=self.actor.id if self.actor else "",
            csrf=forgery.token_of(token) if token else "",
            said=said or self._just_done(),
        )

    def _just_done(self) -> str:
        """What the form of an operation did before it led here: it leaves the operation's name in the query."""
        spec = self.operations.specs.get(self.query("done")) if self.actor else None
        if spec is None:
            return ""
        return FRAME.of(self.language).done.format(title=title_of(spec).of(self.language))

    def _here(self) -> str:
        """The page to come back to after a change of language."""
        query = self.request.url.query
        here = self.request.url.path + (f"?{query}" if query else "")
        return here if self.request.method == "GET" else paths.HOME
