"""The access review: what one answers for, until when, kept or ended by one button each."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.iam.supervision import ItemVerdict
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document

PATH: Final = "/reviews"
MENU: Final = Bilingual("Access review", "Revue des accès")
TABS: Final = tuple(verdict.value for verdict in (ItemVerdict.NONE, *list(ItemVerdict)[1:]))
PAGE: Final = 100
MAX_CAMPAIGNS: Final = 100


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    until: str
    waiting: str
    closed: str
    no_review: str
    open: str
    state: str
    whose: str
    what: str
    used: str
    decided: str
    judge: str
    yours: str
    keep: str
    end: str
    restore: str
    none: str
    never_used: str
    more: str


TEXTS: Final = Bilingual(
    Texts(
        title="Access review",
        intro="Once a year somebody answers for every right and every credential of somebody else. Keep what the work"
        " still needs, end the rest. What nobody keeps until the deadline is suspended.",
        until="Deadline",
        waiting="{count} have no verdict yet",
        closed="This review is closed since",
        no_review="No review is under way.",
        open="Open a review",
        state="Verdict",
        whose="Whose",
        what="What",
        used="Last used",
        decided="Judged",
        judge="Your verdict",
        yours="yours: somebody else judges it",
        keep="Keep",
        end="End",
        restore="Give back",
        none="Nothing here is yours to judge.",
        never_used="never, as far as is known",
        more="Go on",
    ),
    Texts(
        title="Revue des accès",
        intro="Une fois par an, quelqu'un répond de chaque droit et de chaque moyen d'accès d'autrui. Gardez ce dont le"
        " travail a encore besoin, mettez fin au reste. Ce que personne n'a gardé à l'échéance est suspendu.",
        until="Échéance",
        waiting="{count} n'ont pas encore d'avis",
        closed="Cette revue est close depuis",
        no_review="Aucune revue n'est en cours.",
        open="Ouvrir une revue",
        state="Avis",
        whose="De qui",
        what="Quoi",
        used="Dernier usage",
        decided="Jugé",
        judge="Votre avis",
        yours="le vôtre : une autre personne en juge",
        keep="Garder",
        end="Mettre fin",
        restore="Rendre",
        none="Rien ici n'est à juger par vous.",
        never_used="jamais, autant qu'on sache",
        more="Continuer",
    ),
)


async def show(visit: Visit) -> Response:
    """The review under way, or the last one, and what of it one may see."""
    campaign = _latest((await visit.get("iam.review.list", limit=MAX_CAMPAIGNS))["reviews"])
    verdict = visit.query("verdict") if visit.query("verdict") in TABS else TABS[0]
    items: Document = {"items": [], "next": ""}
    if campaign is not None:
        asked: dict[str, Any] = {"id": campaign["id"], "verdict": verdict, "limit": PAGE}
        after = visit.query("after")
        items = await visit.get("iam.review.items", **asked, **({"after": after} if after else {}))
    await visit.meet(items)
    return visit.render(
        "reviews.html",
        t=TEXTS,
        campaign=campaign,
        items=items["items"],
        following=items["next"],
        verdict=verdict,
        tabs=TABS,
        me=visit.actor.person if visit.actor else "",
    )


def _latest(campaigns: list[Document]) -> Document | None:
    found = [each for each in campaigns if each["closed_at"] is None] or campaigns
    return found[-1] if found else None


PAGES: Final = (Page(PATH, frozenset({"iam.review.list", "iam.review.items"}), show, menu=MENU, group=MINE),)
