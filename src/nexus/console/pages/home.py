"""Home: who one is, what one may and until when, what one may take up for a while, and what happened to one's account."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.iam.model import PRIVILEGED_ROLES
from nexus.web.browser import paths
from nexus.web.browser.language import Bilingual, Language

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
    ask: str
    held: str
    held_intro: str
    reason: str
    end_now: str
    eligible: str
    eligible_intro: str
    elevate: str
    emergency: str
    suspended: str
    notices: str
    notices_intro: str
    seen: str
    times: str
    origin: str


TEXTS: Final = Bilingual(
    Texts(
        title="My rights",
        intro="What you may do here, and until when. Every right ends by itself.",
        role="Role",
        scope="Where",
        ends="Ends",
        none="You hold no right at the moment.",
        none_advice="Ask for the one that your work needs; your account alone gives none.",
        identity="Your number",
        whole_platform="the whole platform",
        ask="Ask for a right",
        held="Taken up for a while",
        held_intro="Roles that you hold now through an elevation. End them when the work is done.",
        reason="Reason",
        end_now="End it now",
        eligible="What you may take up",
        eligible_intro="Roles that give nothing by themselves: you take one up for some minutes, for a reason, when the work needs it.",
        elevate="Take it up",
        emergency="Break the glass",
        suspended="suspended",
        notices="What happened to your account",
        notices_intro="You are the first who can tell whether this was you. If not, change your password and tell a security officer.",
        seen="I have seen this",
        times="{times} times",
        origin="from",
    ),
    Texts(
        title="Mes droits",
        intro="Ce que vous pouvez faire ici, et jusqu'à quand. Chaque droit prend fin de lui-même.",
        role="Rôle",
        scope="Périmètre",
        ends="Fin",
        none="Vous n'avez aucun droit en ce moment.",
        none_advice="Demandez celui que votre travail exige ; votre compte seul n'en donne aucun.",
        identity="Votre numéro",
        whole_platform="toute la plateforme",
        ask="Demander un droit",
        held="Pris pour un temps",
        held_intro="Les rôles que vous détenez en ce moment par élévation. Rendez-les une fois le travail fait.",
        reason="Motif",
        end_now="Rendre maintenant",
        eligible="Ce que vous pouvez prendre",
        eligible_intro="Des rôles qui ne donnent rien d'eux-mêmes : vous en prenez un quelques minutes, avec un motif, quand le travail l'exige.",
        elevate="Prendre ce rôle",
        emergency="Accès d'urgence (bris de glace)",
        suspended="suspendu",
        notices="Ce qui est arrivé à votre compte",
        notices_intro="Vous seul pouvez dire si c'était vous. Sinon, changez de mot de passe et prévenez un responsable de la sécurité.",
        seen="J'en ai pris connaissance",
        times="{times} fois",
        origin="depuis",
    ),
)


async def show(visit: Visit) -> Response:
    """The rights that hold now, those within reach, and notices that were not seen yet."""
    assert visit.actor is not None
    me = await visit.get("iam.me.read")
    eligible = await visit.try_get("iam.eligibility.list", identity=visit.actor.id)
    noticed = await visit.try_get("iam.notice.list", identity=visit.actor.id)
    words = "phrase" if visit.language is Language.FRENCH else "sentence"
    return visit.render(
        "home.html",
        t=TEXTS,
        me=me,
        privileged=frozenset(role.value for role in PRIVILEGED_ROLES),
        eligibilities=eligible["eligibilities"] if eligible else [],
        notices=[(notice[words], notice) for notice in (noticed or {"notices": []})["notices"] if not notice["seen"]],
    )


PAGES: Final = (
    Page(
        paths.HOME, frozenset({"iam.me.read", "iam.eligibility.list", "iam.notice.list"}), show, menu=MENU, group=MINE
    ),
)
