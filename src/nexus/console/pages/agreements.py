"""Which tools one agreed to be known to, what each of them learns, and ending that."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.issuer_texts import SCOPES
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual

PATH: Final = "/agreements"
MENU: Final = Bilingual("Tools", "Outils")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    tool: str
    learns: str
    since: str
    now: str
    used: str
    unused: str
    end: str
    none: str


TEXTS: Final = Bilingual(
    Texts(
        title="Tools that know you",
        intro="You agreed to sign in to these tools with your account here. End that, and what a tool holds is worth nothing"
        " at once; it has to ask you again.",
        tool="Tool",
        learns="It learns",
        since="Since",
        now="Now",
        used="signed in",
        unused="not signed in",
        end="End",
        none="You agreed to no tool.",
    ),
    Texts(
        title="Outils qui vous connaissent",
        intro="Vous avez accepté de vous connecter à ces outils avec votre compte d'ici. Mettez-y fin : ce que l'outil"
        " détient ne vaut aussitôt plus rien, et il doit vous demander de nouveau.",
        tool="Outil",
        learns="Il apprend",
        since="Depuis",
        now="En ce moment",
        used="connecté",
        unused="non connecté",
        end="Mettre fin",
        none="Vous n'avez donné votre accord à aucun outil.",
    ),
)


async def show(visit: Visit) -> Response:
    """The agreements of the person who is signed in."""
    found = await visit.get("iam.agreement.list", identity=_me(visit))
    return visit.render(
        "agreements.html",
        t=TEXTS,
        agreements=[{**one, "learns": _learns(visit, one)} for one in found["agreements"]],
    )


def _learns(visit: Visit, agreement: dict[str, Any]) -> list[str]:
    return [SCOPES[scope].of(visit.language) for scope in agreement["scopes"]]


def _me(visit: Visit) -> str:
    assert visit.actor is not None
    return visit.actor.id


PAGES: Final = (Page(PATH, frozenset({"iam.agreement.list"}), show, menu=MENU, group=MINE),)
