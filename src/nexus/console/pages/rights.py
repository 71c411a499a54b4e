"""Roles: what each is there for, who holds it, where, and until when; and those that nobody holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import IDENTITIES
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.iam.actions import ROLES
from nexus.iam.model import PRIVILEGED_ROLES, Role
from nexus.web.browser.language import Bilingual

MENU: Final = Bilingual("Roles", "Rôles")
PAGE: Final = 500
"""Rights on a page."""
_DUTIES_IN_FRENCH: Final[Mapping[Role, str]] = {
    Role.PLATFORM_OPERATOR: "fait fonctionner la plateforme ; ne voit jamais le contenu d'un compartiment",
    Role.SECURITY_OFFICER: "identités et droits, arrêts d'urgence ; ne touche jamais aux objets",
    Role.KEY_CUSTODIAN: "la vie des clés, jamais celle des données",
    Role.AUDITOR: "voit qui a fait quoi, ne change rien, ne lit aucune donnée",
    Role.DATA_PROTECTION_OFFICER: "répond aux personnes concernées ; demande les effacements",
    Role.DATA_PROVIDER: "un établissement apporte ses données et voit les siennes",
    Role.DATA_STEWARD: "organise les données et en donne les droits à ceux qui travaillent avec elles",
    Role.RESEARCHER: "lit les données d'un projet de recherche ; remet des résultats à vérifier",
    Role.OUTPUT_CHECKER: "lit les résultats avant leur sortie, et rien d'autre",
    Role.CONSENT_DESK: "inscrit les patients de son établissement et leurs décisions sur papier ; ne lit aucune donnée",
    Role.REIDENTIFICATION_DESK: "demande qui se trouve derrière un pseudonyme, pour le bien du patient et à deux ; ne lit aucune donnée",
}
DUTIES: Final = {role.value: Bilingual(ROLES[role].duty, _DUTIES_IN_FRENCH[role]) for role in Role}
"""What each role is there for."""


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
    privileged: str
    vacant: str
    vacant_intro: str
    asked: str


TEXTS: Final = Bilingual(
    Texts(
        title="Roles",
        intro="Who holds which role, where, and when each right ends by itself.",
        holder="Holder",
        role="Role",
        scope="Where",
        ends="Ends",
        granted_by="Granted by",
        revoke="Revoke",
        grant="Grant a role",
        grant_privileged="Grant a privileged role",
        privileged="takes four eyes",
        vacant="Held by nobody",
        vacant_intro="What is nobody's duty is not done. Grant it to somebody, or leave it on purpose.",
        asked="Who may do something?",
    ),
    Texts(
        title="Rôles",
        intro="Qui détient quel rôle, où, et quand chaque droit prend fin de lui-même.",
        holder="Titulaire",
        role="Rôle",
        scope="Périmètre",
        ends="Fin",
        granted_by="Attribué par",
        revoke="Révoquer",
        grant="Attribuer un rôle",
        grant_privileged="Attribuer un rôle privilégié",
        privileged="double validation",
        vacant="Détenus par personne",
        vacant_intro="Ce dont personne n'a la charge n'est pas fait. Attribuez-le, ou laissez-le ainsi à dessein.",
        asked="Qui peut faire quoi ?",
    ),
)


async def show(visit: Visit) -> Response:
    """A page of all rights, by role."""
    after = visit.query("after")
    found = await visit.get("iam.role.list", limit=PAGE, **({"after": after} if after else {}))
    grants = found["grants"]
    await visit.meet(grants)
    following = grants[-1]["id"] if len(grants) == PAGE else ""
    held = {role.value: [grant for grant in grants if grant["role"] == role.value] for role in Role}
    whole = not after and not following
    return visit.render(
        "rights.html",
        t=TEXTS,
        held={role: rows for role, rows in held.items() if rows},
        vacant=[role for role, rows in held.items() if not rows] if whole else [],
        duties={role: duty.of(visit.language) for role, duty in DUTIES.items()},
        privileged=frozenset(role.value for role in PRIVILEGED_ROLES),
        following=following,
    )


PAGES: Final = (
    Page("/rights", frozenset({"iam.role.list"}), show, menu=MENU, group=IDENTITIES, needs="iam.role.list"),
)
