"""One request to a page of the portal: a visit that can show the portal's templates."""

from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from nexus.portal.render import Frame, Renderer
from nexus.web.browser.visit import BrowserVisit


@dataclass(slots=True)
class Visit(BrowserVisit):
    """What a page's handler is given. `actor` is None only on open pages."""

    renderer: Renderer = field(kw_only=True)
    record: str = ""
    """The record that the page is about, once it is known."""

    @property
    def account(self) -> str:
        """The id of the account that is signed in."""
        assert self.actor is not None
        return self.actor.id

    def render(self, template: str, *, status: int = 200, said: str = "", **values: Any) -> Response:
        """A page from a template. `said` is read out by screen readers: what was just done."""
        return self.renderer.page(template, self.frame(said), values, status)

    def frame(self, said: str = "") -> Frame:
        """What stands around every page."""
        return Frame(self.language, self.request.url.path, self.here(), self.csrf(), said, self.record)
