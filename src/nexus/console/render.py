"""Templates into pages: every value escaped, a name that does not exist an error, words from one catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from nexus.console.known import Known
from nexus.console.labels import label
from nexus.console.links import is_id, link_of
from nexus.console.texts import FRAME
from nexus.console.words import word
from nexus.kernel.clock import Clock, rfc3339
from nexus.web.browser import moments
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
    name: str
    """The person's name; empty for a stranger."""
    person: str
    csrf: str
    said: str = ""
    offered: frozenset[str] = frozenset()
    """Of the operations that entries of the menu need: those that the person may do."""
    known: Mapping[str, Known] = field(default_factory=dict)
    """By number: the identities whose names can be shown."""


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A page in the menu. `needs`: the operation without which it is not shown; empty: it always is."""

    path: str
    label: Bilingual[str]
    group: Bilingual[str]
    needs: str = ""


class Renderer:
    """The templates, ready to be filled."""

    def __init__(self, assets: Assets, menu: Sequence[MenuEntry], clock: Clock) -> None:
        self._menu = menu
        self._clock = clock
        self._environment = environment(FOLDER, assets)
        self._environment.filters["commands"] = _commands

    def page(self, template: str, frame: Frame, values: Mapping[str, Any], status: int = 200) -> Response:
        """The filled template. `values` may hold `Bilingual` texts: the template sees the reader's language."""
        language = frame.language
        own = {name: value.of(language) if isinstance(value, Bilingual) else value for name, value in values.items()}
        text = self._environment.get_template(template).render(
            frame=frame,
            f=FRAME.of(language),
            menu=self._groups(frame),
            when=lambda moment: moments.when(moment, language),
            until=lambda moment: moments.until(moment, rfc3339(self._clock.now()), language),
            lasting=lambda seconds: moments.lasting(seconds, language),
            size=lambda count: moments.size(count, language),
            word=lambda value: word(value, language),
            label=lambda name: label(name, language),
            link_of=lambda text: link_of(text, frame.offered, frame.person),
            is_id=is_id,
            known=frame.known,
            **own,
        )
        return HTMLResponse(text, status)

    @property
    def needed(self) -> frozenset[str]:
        """The operations that entries of the menu depend on."""
        return frozenset(entry.needs for entry in self._menu if entry.needs)

    def now(self) -> str:
        """The time, as operations tell times."""
        return rfc3339(self._clock.now())

    def _groups(self, frame: Frame) -> list[tuple[str, list[tuple[str, str]]]]:
        """Heading and entries (path, label) of each part of the menu, in the order of the pages."""
        groups: dict[str, list[tuple[str, str]]] = {}
        language = frame.language
        for entry in self._menu:
            if entry.needs and entry.needs not in frame.offered:
                continue
            groups.setdefault(entry.group.of(language), []).append((entry.path, entry.label.of(language)))
        return list(groups.items())


def _commands(text: str) -> Markup:
    """A text whose `commands` stand between backquotes, as HTML; everything in it is escaped."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )
