"""Home: who one is, what one may, and when that ends."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console import paths
from nexus.console.groups import MINE
from nexus.console.language import Bilingual
from nexus.console.page import Page
from nexus.console.visit import Visit

MENU: Final = Bilingual("My rights", "Mes droits")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    role: str
    scope: str
    ends: str
    none: str
    none_advice: str
    identity: str
    whole_platform: str


TEXTS: Final = Bilingual(
    Texts(
        title="My rights",
        intro="What you may do here, and until when. Every right ends by itself.",
        role="Role",
        scope="Where",
        ends="Ends",
        none="You hold no right at the moment.",
        none_advice="A security officer or a data steward gives rights; your account alone gives none.",
        identity="Your number",
        whole_platform="the whole platform",
    ),
    Texts(
        title="Mes droits",
        intro="Ce que vous pouvez faire ici, et jusqu'à quand. Chaque droit prend fin de lui-même.",
        role="Rôle",
        scope="Périmètre",
        ends="Fin",
        none="Vous n'avez aucun droit en ce moment.",
        none_advice="Un responsable de la sécurité ou un gestionnaire de données attribue les droits ;"
        " votre compte seul n'en donne aucun.",
        identity="Votre numéro",
        whole_platform="toute la plateforme",
    ),
)


async def show(visit: Visit) -> Response:
    """The rights that hold now."""
    me = await visit.get("iam.me.read")
    return visit.render("home.html", t=TEXTS, me=me)


PAGES: Final = (Page(paths.HOME, frozenset({"iam.me.read"}), show, menu=MENU, group=MINE),)
