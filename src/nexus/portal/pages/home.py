"""The first page."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.portal.page import Page
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import paths


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    welcome: str


TEXTS: Final = spoken(
    Texts(title="My health data", welcome="Your account is open. Welcome."),
    Texts(title="Mes données de santé", welcome="Votre compte est ouvert. Bienvenue."),
)


async def show(visit: Visit) -> Response:
    """What there is."""
    said = TEXTS.of(visit.language).welcome if visit.query("bienvenue") else ""
    return visit.render("home.html", t=TEXTS, said=said)


PAGES: Final = (Page(paths.HOME, show=show, menu=spoken("Home", "Accueil"), icon="home"),)
