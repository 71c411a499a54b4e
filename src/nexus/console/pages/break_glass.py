"""Break-glass: open an emergency access with a reason, see who has one open, judge the uses of others."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.iam.model import EligibilityKind, Purpose
from nexus.iam.supervision import MAX_BREAK_GLASS, Verdict
from nexus.kernel.clock import MINUTE
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document

PATH: Final = "/break-glass"
MENU: Final = Bilingual("Emergency access", "Accès d'urgence")
MINUTES: Final = MAX_BREAK_GLASS // MINUTE
PAGE: Final = 100
PURPOSES: Final = tuple(purpose.value for purpose in Purpose if purpose is not Purpose.OPERATION)


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    given: str
    none_given: str
    suspended: str
    reason: str
    reason_help: str
    purpose: str
    minutes: str
    break_it: str
    open: str
    none_open: str
    who: str
    what: str
    why: str
    until: str
    end: str
    waiting: str
    none_waiting: str
    due: str
    late: str
    comment: str
    justified: str
    unjustified: str
    yours: str
    judged: str
    none_judged: str
    verdict: str


TEXTS: Final = Bilingual(
    Texts(
        title="Emergency access",
        intro="When a patient cannot wait, break the glass: access at once, for an hour. Everybody on duty hears of it,"
        " everything you do meanwhile is marked, and somebody else judges it within three days.",
        given="What was given to you for emergencies",
        none_given="You were given no emergency access. In an emergency, turn to somebody who was.",
        suspended="suspended: an earlier use waits for its review, or was not justified",
        reason="Why",
        reason_help="Who needs what, and why it cannot wait. Name no patient.",
        purpose="For",
        minutes="Minutes",
        break_it="Break the glass",
        open="Open now",
        none_open="No emergency access is open.",
        who="Who",
        what="Access",
        why="Why",
        until="Until",
        end="End it now",
        waiting="Wait for a verdict",
        none_waiting="No use waits for a verdict.",
        due="Judge before",
        late="late",
        comment="What you found",
        justified="Justified",
        unjustified="Not justified",
        yours="yours: somebody else judges it",
        judged="Judged",
        none_judged="No use was judged yet.",
        verdict="Verdict",
    ),
    Texts(
        title="Accès d'urgence",
        intro="Quand un patient ne peut pas attendre, brisez la glace : accès immédiat, pour une heure. L'astreinte en est"
        " avertie, tout ce que vous faites pendant ce temps est marqué, et une autre personne en juge sous trois jours.",
        given="Ce qui vous a été confié pour l'urgence",
        none_given="Aucun accès d'urgence ne vous a été confié. En cas d'urgence, adressez-vous à qui en a un.",
        suspended="suspendu : un usage antérieur attend son examen, ou n'était pas justifié",
        reason="Pourquoi",
        reason_help="Qui a besoin de quoi, et pourquoi cela ne peut attendre. Ne nommez aucun patient.",
        purpose="Pour",
        minutes="Minutes",
        break_it="Briser la glace",
        open="Ouverts en ce moment",
        none_open="Aucun accès d'urgence n'est ouvert.",
        who="Qui",
        what="Accès",
        why="Pourquoi",
        until="Jusqu'à",
        end="Fermer maintenant",
        waiting="En attente d'un avis",
        none_waiting="Aucun usage n'attend d'avis.",
        due="À juger avant",
        late="en retard",
        comment="Ce que vous avez constaté",
        justified="Justifié",
        unjustified="Non justifié",
        yours="le vôtre : une autre personne en juge",
        judged="Jugés",
        none_judged="Aucun usage n'a encore été jugé.",
        verdict="Avis",
    ),
)


async def show(visit: Visit) -> Response:
    """Everything about it that the person may see: her own always, that of others if she supervises."""
    assert visit.actor is not None
    eligible = await visit.get("iam.eligibility.list", identity=visit.actor.id)
    uses, supervises = await _uses(visit, visit.actor.id)
    await visit.meet(uses)
    waiting = [use for use in uses if use["verdict"] == Verdict.NONE.value]
    return visit.render(
        "break_glass.html",
        t=TEXTS,
        given=[one for one in eligible["eligibilities"] if one["kind"] == EligibilityKind.EMERGENCY.value],
        opened=[use for use in uses if use["ended_at"] is None and not visit.is_over(use["ends_at"])],
        waiting=waiting,
        judged=[use for use in uses if use["verdict"] != Verdict.NONE.value],
        supervises=supervises,
        purposes=PURPOSES,
        minutes=MINUTES,
        me=visit.actor.person,
    )


async def _uses(visit: Visit, me: str) -> tuple[list[Document], bool]:
    """The uses of all if they may be seen, else one's own; the latest first."""
    asked: dict[str, Any] = {"reviewed": True, "limit": PAGE}
    everybody = await visit.try_get("iam.break-glass.list", **asked)
    found = everybody or await visit.get("iam.break-glass.list", identity=me, **asked)
    return list(reversed(found["uses"])), everybody is not None


PAGES: Final = (Page(PATH, frozenset({"iam.eligibility.list", "iam.break-glass.list"}), show, menu=MENU, group=MINE),)
