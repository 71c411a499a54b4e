"""Rights of everybody: who holds which role, where, and until when."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import IDENTITIES
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual

MENU: Final = Bilingual("Roles", "Rôles")
PAGE: Final = 100
"""Rights on a page."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    holder: str
    role: str
    scope: str
    ends: str
    granted_by: str
    revoke: str
    grant: str
    grant_privileged: str
    none: str


TEXTS: Final = Bilingual(
    Texts(
        title="Roles",
        intro="Every right that holds: whose it is, where, and when it ends by itself.",
        holder="Holder",
        role="Role",
        scope="Where",
        ends="Ends",
        granted_by="Granted by",
        revoke="Revoke",
        grant="Grant a role",
        grant_privileged="Grant a privileged role",
        none="No right on this page.",
    ),
    Texts(
        title="Rôles",
        intro="Chaque droit en vigueur : qui le détient, où, et quand il prend fin de lui-même.",
        holder="Titulaire",
        role="Rôle",
        scope="Périmètre",
        ends="Fin",
        granted_by="Attribué par",
        revoke="Révoquer",
        grant="Attribuer un rôle",
        grant_privileged="Attribuer un rôle privilégié",
        none="Aucun droit sur cette page.",
    ),
)


async def show(visit: Visit) -> Response:
    """A page of all rights."""
    after = visit.query("after")
    found = await visit.get("iam.role.list", limit=PAGE, **({"after": after} if after else {}))
    grants = found["grants"]
    await visit.meet(grants)
    following = grants[-1]["id"] if len(grants) == PAGE else ""
    return visit.render("rights.html", t=TEXTS, grants=grants, following=following)


PAGES: Final = (
    Page("/rights", frozenset({"iam.role.list"}), show, menu=MENU, group=IDENTITIES, needs="iam.role.list"),
)
