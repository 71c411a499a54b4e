"""What is held about me, and where: by hospital and kind of data, how many documents, and since when. GDPR article 15."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from nexus.portal import plain_words
from nexus.portal.page import Page
from nexus.portal.records import LIST, records
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import paths
from nexus.web.browser.language import Language
from nexus.web.browser.operations import Document

PATH: Final = "/donnees"
HOLDINGS: Final = "objects.subject.holdings"
PAGE: Final = 500
"""Versions of documents that are asked for at once."""
MAX_PAGES: Final = 10
"""Pages that are counted for one view. Beyond, the page says that there is more."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    none: str
    none_help: str
    project: str
    one: str
    many: str
    on: str
    since: str
    until: str
    shared: str
    unnamed: str
    more: str
    closed: str
    elsewhere: str
    elsewhere_help: str
    ask: str


TEXTS: Final = spoken(
    Texts(
        title="What is held about me",
        intro="Kept here, encrypted. You see which data there are and where; your doctors explain what they say.",
        none="Nothing is held about you here at present.",
        none_help="What your hospital keeps in its own systems is not shown on this page.",
        project="For the project",
        one="document",
        many="documents",
        on="Stored on",
        since="Stored from",
        until="to",
        shared="Some of it holds data of other people too.",
        unnamed="Data of a kind that is not stated",
        more="There is more: only the oldest documents are counted here. Ask the hospital for all of it.",
        closed="Not everything is shown: a key is out of use for the moment, and what it protects cannot be counted. It is not lost. Come back later, or ask the hospital.",
        elsewhere="Do you want a copy?",
        elsewhere_help="Ask the hospital for access to your data, for a copy, or that it corrects or erases them.",
        ask="Make a request",
    ),
    Texts(
        title="Ce que l'on détient sur moi",
        intro="Conservées ici, chiffrées. Vous voyez quelles données existent et où ; vos médecins expliquent ce qu'elles disent.",
        none="Rien n'est détenu sur vous ici pour le moment.",
        none_help="Ce que votre hôpital garde dans ses propres systèmes ne figure pas sur cette page.",
        project="Pour le projet",
        one="document",
        many="documents",
        on="Dépôt le",
        since="Dépôts du",
        until="au",
        shared="Une partie contient aussi des données d'autres personnes.",
        unnamed="Données dont la sorte n'est pas précisée",
        more="Il y en a davantage : seuls les documents les plus anciens sont comptés ici. Demandez le tout à l'hôpital.",
        closed="Tout n'est pas montré : une clé est hors d'usage pour le moment, et ce qu'elle protège ne peut être compté. Rien n'est perdu. Revenez plus tard, ou demandez à l'hôpital.",
        elsewhere="Vous en voulez une copie ?",
        elsewhere_help="Demandez à l'hôpital l'accès à vos données, une copie, ou qu'il les corrige ou les efface.",
        ask="Faire une demande",
    ),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Documents of one kind, at one place. `first`, `last`: when the oldest and the newest were stored."""

    name: str
    project: str
    documents: int
    first: str
    last: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Hospital:
    """What one hospital's data are."""

    name: str
    kinds: tuple[Kind, ...]


async def show(visit: Visit) -> Response:
    """Everything that is held, summed up."""
    found = await records(visit)
    if found is None:
        return visit.redirect(paths.HOME)
    subject = found.chosen.subject
    held, more, complete = await everything(lambda after: visit.get(HOLDINGS, subject=subject, after=after, limit=PAGE))
    hospitals = _hospitals(held, visit.language)
    return visit.render(
        "held.html",
        t=TEXTS,
        records=found,
        hospitals=hospitals,
        more=more,
        complete=complete,
        same_day=_same_day(visit),
    )


async def everything(ask: Callable[[str], Awaitable[Document]]) -> tuple[list[Document], bool, bool]:
    """What is held, oldest first, whether there is more than is counted here, and whether every key was at hand.

    `ask` gives the page after a version.
    """
    held: list[Document] = []
    after, complete = "", True
    for _ in range(MAX_PAGES):
        page = await ask(after)
        held += page["holdings"]
        complete = complete and page["complete"]
        if page["next"] is None:
            return held, False, complete
        after = page["next"]
    return held, True, complete


def _hospitals(held: Iterable[Document], language: Language) -> list[Hospital]:
    """By hospital, then by kind of data and project."""
    grouped: dict[str, dict[tuple[str, tuple[str, ...]], list[Document]]] = defaultdict(lambda: defaultdict(list))
    for one in held:
        grouped[one["site"]][one["project"], tuple(one["categories"])].append(one)
    return [
        Hospital(
            plain_words.place(site),
            tuple(_kind(project, categories, some, language) for (project, categories), some in sorted(kinds.items())),
        )
        for site, kinds in sorted(grouped.items())
    ]


def _kind(project: str, categories: Iterable[str], some: list[Document], language: Language) -> Kind:
    names = [plain_words.CATEGORIES[one].of(language) for one in categories if one in plain_words.CATEGORIES]
    stored = [one["stored_at"] for one in some]
    return Kind(
        name=" · ".join(names) or TEXTS.of(language).unnamed,
        project=plain_words.place(project),
        documents=len({(one["bucket"], one["key"]) for one in some}),
        first=min(stored),
        last=max(stored),
        shared=any(one["shared"] for one in some),
    )


def _same_day(visit: Visit) -> Any:
    dates = visit.renderer.dates
    return lambda first, last: dates.iso_day(first) == dates.iso_day(last)


PAGES: Final = (Page(PATH, frozenset({LIST, HOLDINGS}), show, menu=spoken("Data", "Données"), icon="folder"),)
