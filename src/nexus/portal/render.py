"""Pages out of templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.responses import HTMLResponse, Response

from nexus.portal.dates import Dates
from nexus.portal.texts import FRAME
from nexus.web.browser.assets import Assets
from nexus.web.browser.language import Bilingual, Language
from nexus.web.browser.templates import environment

FOLDER: Final = Path(__file__).parent / "templates"
ASSETS: Final = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page's content."""

    language: Language
    path: str
    here: str
    """Path and query to come back to after a change of language."""
    csrf: str
    """The form token; empty for a stranger."""
    said: str = ""
    record: str = ""
    """The record (subject) that the page is about, where the account has several."""


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A page in the menu. `icon`: the name of its picture."""

    path: str
    label: Bilingual[str]
    icon: str


class Renderer:
    """The templates, ready to be filled."""

    def __init__(self, assets: Assets, menu: Sequence[MenuEntry], dates: Dates, *, catalogue: bool = False) -> None:
        """`catalogue`: whether every page leads to it."""
        self._menu = menu
        self.dates = dates
        self._environment = environment(FOLDER, assets)
        self._environment.globals.update(catalogue=catalogue)

    def page(self, template: str, frame: Frame, values: Mapping[str, Any], status: int = 200) -> Response:
        """The filled template. `values` may hold `Bilingual` texts: the template sees the reader's language."""
        return HTMLResponse(self.text(template, frame, values), status)

    def text(self, template: str, frame: Frame, values: Mapping[str, Any]) -> str:
        """The same as text."""
        language = frame.language
        own = {name: value.of(language) if isinstance(value, Bilingual) else value for name, value in values.items()}
        return self._environment.get_template(template).render(
            frame=frame,
            f=FRAME.of(language),
            menu=[(entry.path, entry.label.of(language), entry.icon) for entry in self._menu],
            colon="\u00a0:" if language is Language.FRENCH else ":",
            calendar=lambda day: self.dates.calendar(day, language),
            day=lambda moment: self.dates.day(moment, language),
            weekday=lambda moment: self.dates.weekday(moment, language),
            time=lambda moment: self.dates.time(moment, language),
            when=lambda moment: self.dates.when(moment, language),
            **own,
        )
