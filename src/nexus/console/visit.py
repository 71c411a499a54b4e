"""One request to a page of the console: a visit that can show the console's templates."""

from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from nexus.console.render import Frame, Renderer
from nexus.console.texts import FRAME
from nexus.console.titles import title_of
from nexus.web.browser.visit import BrowserVisit


@dataclass(slots=True)
class Visit(BrowserVisit):
    """What a page's handler is given. `actor` is None only on open pages."""

    renderer: Renderer = field(kw_only=True)

    def render(self, template: str, *, status: int = 200, said: str = "", **values: Any) -> Response:
        """A page from a template. `said` is read out by screen readers: what was just done."""
        return self.renderer.page(template, self.frame(said), values, status)

    def frame(self, said: str = "") -> Frame:
        """What stands around every page."""
        return Frame(
            language=self.language,
            path=self.request.url.path,
            here=self.here(),
            name=self.actor.name if self.actor else "",
            person=self.actor.id if self.actor else "",
            csrf=self.csrf(),
            said=said or self._just_done(),
        )

    def _just_done(self) -> str:
        """What the form of an operation did before it led here: it leaves the operation's name in the query."""
        spec = self.operations.specs.get(self.query("done")) if self.actor else None
        if spec is None:
            return ""
        return FRAME.of(self.language).done.format(title=title_of(spec).of(self.language))
