"""The records of an account: those for whom it decides, and the one that a page is about."""

from dataclasses import dataclass
from typing import Final

from nexus.kernel.errors import Denied
from nexus.portal.plain_words import place
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser.language import Bilingual

LIST: Final = "consent.own.list"
FIELD: Final = "dossier"
MINE: Final = spoken("My file", "Mon dossier")
CHILDS: Final = spoken("A child's file", "Dossier d'un enfant")
OTHERS: Final = spoken("File of somebody I represent", "Dossier d'une personne que je représente")
_NAMES: Final = {"self": MINE, "guardian": CHILDS, "representative": OTHERS}


@dataclass(frozen=True, slots=True)
class Record:
    """A file of one hospital. `until`: until when the account decides, if that ends."""

    subject: str
    site: str
    capacity: str
    until: str | None
    minor: bool
    name: Bilingual[str]

    @property
    def hospital(self) -> str:
        """The hospital's name."""
        return place(self.site)


@dataclass(frozen=True, slots=True)
class Records:
    """All of an account, one's own first, and the one that was asked for."""

    all: tuple[Record, ...]
    chosen: Record


async def records(visit: Visit) -> Records | None:
    """The records of the account, with the one that the query or the form names; None if it has none (any more).

    Raises Denied of one that is not its own, whether there is such a one or not.
    """
    found = (await visit.get(LIST))["subjects"]
    mine = [
        Record(
            one["subject"],
            one["site"],
            one["capacity"],
            one["until"],
            one["minor"],
            _NAMES.get(one["capacity"], OTHERS),
        )
        for one in found
    ]
    mine.sort(key=lambda one: (one.capacity != "self", one.site, one.subject))
    if not mine:
        return None
    asked = visit.form.text(FIELD) if visit.request.method == "POST" else visit.query(FIELD)
    chosen = next((one for one in mine if one.subject == asked), None) if asked else mine[0]
    if chosen is None:
        raise Denied("this is not a file of yours", code="portal.no-record")
    visit.record = chosen.subject if len(mine) > 1 else ""
    return Records(tuple(mine), chosen)
