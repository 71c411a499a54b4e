"""Asking for a right, and answering those who ask."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.iam.model import PRIVILEGED_ROLES, Role
from nexus.web.browser.language import Bilingual

MENU: Final = Bilingual("Requests for rights", "Demandes de droits")
PRIVILEGED: Final = frozenset(role.value for role in PRIVILEGED_ROLES)
STATES: Final = ("open", "granted", "refused", "withdrawn", "expired")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    ask: str
    who: str
    role: str
    scope: str
    until: str
    reason: str
    state: str
    asked: str
    answer: str
    yours: str
    none: str
    withdraw: str
    grant: str
    grant_privileged: str
    refuse: str
    ask_title: str
    ask_intro: str
    scope_help: str
    until_help: str
    reason_help: str
    send: str
    choose: str
    of_work: str
    privileged: str


TEXTS: Final = Bilingual(
    Texts(
        title="Requests for rights",
        intro="What you asked for, and what others ask that you could answer.",
        ask="Ask for a right",
        who="For whom",
        role="Role",
        scope="Where",
        until="Until",
        reason="Reason",
        state="State",
        asked="Asked",
        answer="Answer",
        yours="yours",
        none="Nothing is in this state.",
        withdraw="Take it back",
        grant="Grant it",
        grant_privileged="Propose to grant it",
        refuse="Refuse",
        ask_title="Ask for a right",
        ask_intro="Somebody who may grant it reads your reason and decides. The right ends by itself.",
        scope_help="site:<name>, project:<name>, bucket:<name>, or platform for privileged roles.",
        until_help="In UTC; a year at most.",
        reason_help="What you need it for, so that a stranger to your work understands it.",
        send="Ask for it",
        choose="choose",
        of_work="Work with data: of a site, a project or a bucket",
        privileged="Privileged: of the whole platform, granted by two persons",
    ),
    Texts(
        title="Demandes de droits",
        intro="Ce que vous avez demandé, et ce que d'autres demandent et que vous pouvez accorder.",
        ask="Demander un droit",
        who="Pour qui",
        role="Rôle",
        scope="Périmètre",
        until="Jusqu'au",
        reason="Motif",
        state="État",
        asked="Demandé",
        answer="Réponse",
        yours="la vôtre",
        none="Rien dans cet état.",
        withdraw="Retirer",
        grant="Accorder",
        grant_privileged="Proposer de l'accorder",
        refuse="Refuser",
        ask_title="Demander un droit",
        ask_intro="Une personne habilitée lit votre motif et décide. Le droit prend fin de lui-même.",
        scope_help="site:<nom>, project:<nom>, bucket:<nom>, ou platform pour les rôles privilégiés.",
        until_help="En UTC ; un an au plus.",
        reason_help="Ce pour quoi vous en avez besoin, compréhensible pour qui ne connaît pas votre travail.",
        send="Envoyer la demande",
        choose="choisir",
        of_work="Travail sur les données : un établissement, un projet, un compartiment",
        privileged="Privilégiés : toute la plateforme, accordés par deux personnes",
    ),
)


async def show_list(visit: Visit) -> Response:
    """Requests in one state: one's own, and those that one could answer."""
    state = visit.query("state") if visit.query("state") in STATES else STATES[0]
    found = await visit.get("iam.access-request.list", state=state)
    await visit.meet(found)
    return visit.render(
        "requests.html",
        t=TEXTS,
        states=STATES,
        state=state,
        rows=found["requests"],
        me=visit.actor.person if visit.actor else "",
        privileged=PRIVILEGED,
    )


async def show_form(visit: Visit) -> Response:
    """The form: a role, where, until when, why."""
    assert visit.actor is not None
    return visit.render(
        "ask.html", t=TEXTS, roles=tuple(role.value for role in Role), privileged=PRIVILEGED, identity=visit.actor.id
    )


PAGES: Final = (
    Page("/requests", frozenset({"iam.access-request.list"}), show_list, menu=MENU, group=MINE),
    Page("/requests/new", frozenset(), show_form),
)
