"""One request to a page of the console: a visit that can show the console's templates."""

from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from nexus.console.known import OPERATION, Known, ids_in
from nexus.console.render import Frame, Renderer
from nexus.console.texts import FRAME
from nexus.console.titles import title_of
from nexus.kernel.errors import NexusError
from nexus.web.browser.operations import Refused
from nexus.web.browser.visit import BrowserVisit


@dataclass(slots=True)
class Visit(BrowserVisit):
    """What a page's handler is given. `actor` is None only on open pages."""

    renderer: Renderer = field(kw_only=True)
    known: dict[str, Known] = field(default_factory=dict)
    """By number: the identities whose names the page can show."""

    async def meet(self, *documents: Any) -> None:
        """Learn the names of whom these documents speak of. Without the right to it, numbers stay numbers."""
        ids = [one for one in ids_in(documents) if one not in self.known]
        if not ids or self.actor is None:
            return
        try:
            found = (await self.operations.call(OPERATION, {"ids": ids}, self.sender())).document
        except Refused:  # a name is a courtesy: the page is not refused for it
            return
        for one in found["names"]:
            self.known[one["id"]] = Known(one["name"], one["login"], one["kind"])

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
            offered=self._offered(),
            known=self.known,
        )

    def is_over(self, moment: str) -> bool:
        """Whether a time that an operation told has passed."""
        return moment <= self.renderer.now()  # written so that text sorts as time does

    def _offered(self) -> frozenset[str]:
        """What the menu may show; nothing for strangers, and everything where that cannot be found out now."""
        if self.actor is None:
            return frozenset()
        try:
            return self.operations.offered(self.renderer.needed, self.actor, self.sender())
        except NexusError:  # the pages say themselves what is wrong
            return self.renderer.needed

    def _just_done(self) -> str:
        """What the form of an operation did before it led here: it leaves the operation's name in the query."""
        spec = self.operations.specs.get(self.query("done")) if self.actor else None
        if spec is None:
            return ""
        return FRAME.of(self.language).done.format(title=title_of(spec).of(self.language))
