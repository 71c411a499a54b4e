"""My requests: ask the hospital for access, a copy, a correction or an erasure, and see until when it answers. GDPR 12, 15-17, 20."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.kernel.errors import Invalid
from nexus.portal.page import Page
from nexus.portal.records import FIELD, LIST, records
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import paths
from nexus.web.browser.operations import Document, Refused

PATH: Final = "/demandes"
ASK: Final = "consent.own.ask"
REQUESTS: Final = "consent.own.requests"
KINDS: Final = ("access", "portability", "rectification", "erasure")
"""What can be asked for, in the order of the page."""
MAX_WORDS: Final = 2_000
"""Characters that a patient may add."""
TOO_MANY: Final = "consent.too-many-requests"
CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    ask: str
    what: str
    kinds: dict[str, str]
    helps: dict[str, str]
    words: str
    words_help: str
    send: str
    done: str
    too_many: str
    made: str
    none: str
    received: str
    due: str
    late: str
    late_help: str
    longer: str
    answered: str
    refused: str
    reason: str
    rights: str
    rights_help: str
    states: dict[str, str]


TEXTS: Final = spoken(
    Texts(
        title="My requests",
        intro="Ask your hospital for what the law gives you. It is free, and it has one month to answer.",
        ask="Make a request",
        what="What do you ask for?",
        kinds={
            "access": "Know what is held about me",
            "portability": "Have a copy to take with me",
            "rectification": "Have something corrected",
            "erasure": "Have data erased",
        },
        helps={
            "access": "Which data there are, what for, who receives them, and a copy.",
            "portability": "In a form that programs read, for instance for another hospital.",
            "rectification": "Say below what is wrong, and what it should say.",
            "erasure": "The law obliges hospitals to keep some of it; the answer says what, and why.",
        },
        words="What do you want to add? (if you wish)",
        words_help="Kept encrypted. Only the hospital's data protection officers read it.",
        send="Send the request",
        done="Sent. The hospital has one month to answer; you see it below.",
        too_many="Twenty of your requests wait for an answer already. Wait for it, or speak with the hospital.",
        made="What I asked for",
        none="You have not asked for anything so far.",
        received="Received on",
        due="To be answered by",
        late="was to be answered by",
        late_help="The time that the law gives is over. Ask the hospital, or complain to the data protection authority (in France the CNIL).",
        longer="The hospital needs two more months",
        answered="Answered on",
        refused="Refused on",
        reason="The hospital says",
        rights="If you disagree",
        rights_help="Against a refusal or a silence, you may complain to the data protection authority (in France the CNIL) or go to court.",
        states={"received": "Waiting", "late": "Late", "done": "Answered", "refused": "Refused"},
    ),
    Texts(
        title="Mes demandes",
        intro="Demandez à votre hôpital ce que la loi vous donne. C'est gratuit, et il a un mois pour répondre.",
        ask="Faire une demande",
        what="Que demandez-vous ?",
        kinds={
            "access": "Savoir ce que l'on détient sur moi",
            "portability": "Avoir une copie à emporter",
            "rectification": "Faire corriger une erreur",
            "erasure": "Faire effacer des données",
        },
        helps={
            "access": "Quelles données, pour quoi, qui les reçoit, et une copie.",
            "portability": "Dans une forme que les programmes lisent, par exemple pour un autre hôpital.",
            "rectification": "Dites plus bas ce qui est faux, et ce qu'il faudrait écrire.",
            "erasure": "La loi oblige les hôpitaux à en garder une partie ; la réponse dit laquelle, et pourquoi.",
        },
        words="Que voulez-vous ajouter ? (si vous le souhaitez)",
        words_help="Conservé chiffré. Seuls les délégués à la protection des données de l'hôpital le lisent.",
        send="Envoyer la demande",
        done="C'est envoyé. L'hôpital a un mois pour répondre ; vous le suivez ci-dessous.",
        too_many="Vingt de vos demandes attendent déjà une réponse. Attendez-la, ou parlez-en à l'hôpital.",
        made="Ce que j'ai demandé",
        none="Vous n'avez encore rien demandé.",
        received="Reçue le",
        due="Réponse au plus tard le",
        late="la réponse était due le",
        late_help="Le délai de la loi est passé. Interrogez l'hôpital, ou plaignez-vous à l'autorité de protection des données (en France, la CNIL).",
        longer="L'hôpital a besoin de deux mois de plus",
        answered="Réponse le",
        refused="Refusée le",
        reason="L'hôpital dit",
        rights="Si vous n'êtes pas d'accord",
        rights_help="Contre un refus ou un silence, vous pouvez vous plaindre à l'autorité de protection des données (en France, la CNIL) ou saisir un juge.",
        states={"received": "En attente", "late": "En retard", "done": "Répondue", "refused": "Refusée"},
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `state`: `received`, `late`, `done` or `refused`. `due`: noon of the last day in time."""

    kind: str
    state: str
    received: str
    due: str
    closed: str
    extended: bool
    reason: str
    overdue: bool


async def show(visit: Visit) -> Response:
    """A form, and what was asked before."""
    return await _page(visit, said=TEXTS.of(visit.language).done if visit.query("fait") else "")


async def submit(visit: Visit) -> Response:
    """Ask. Raises Invalid for a kind that is not on the page."""
    found = await records(visit)
    kind, words = visit.form.text("kind"), visit.form.text("words").replace("\r\n", "\n").strip()
    if found is None or kind not in KINDS:
        raise Invalid("there is no such request", code="portal.request")
    subject = found.chosen.subject
    try:
        await visit.do(ASK, subject=subject, kind=kind, words=words)
    except Refused as refused:
        if refused.error.code != TOO_MANY:
            raise
        return await _page(visit, trouble=TEXTS.of(visit.language).too_many, kind=kind, words=words)
    more = f"&{FIELD}={subject}" if len(found.all) > 1 else ""
    return visit.redirect(f"{PATH}?fait=1{more}")


async def _page(visit: Visit, *, said: str = "", trouble: str = "", kind: str = "", words: str = "") -> Response:
    found = await records(visit)
    if found is None:
        return visit.redirect(paths.HOME)
    listed = await visit.get(REQUESTS, subject=found.chosen.subject)
    return visit.render(
        "asking.html",
        status=CONFLICT if trouble else 200,
        said=said,
        t=TEXTS,
        records=found,
        kinds=KINDS,
        asked=[_asked(one) for one in listed["requests"]],
        trouble=trouble,
        chosen=kind,
        words=words,
        max_words=MAX_WORDS,
    )


def _asked(one: Document) -> Asked:
    waits = one["state"] == "received"
    return Asked(
        kind=one["kind"],
        state="late" if waits and one["overdue"] else one["state"],
        received=one["received_at"],
        due=f"{one['due_at'][:10]}T12:00:00Z",  # the law's day ends at midnight UTC: here it might be tomorrow
        closed=one["closed_at"] or "",
        extended=one["extended_at"] is not None,
        reason=one["reason"],
        overdue=one["overdue"],
    )


PAGES: Final = (
    Page(PATH, frozenset({LIST, ASK, REQUESTS}), show, submit, menu=spoken("Requests", "Demandes"), icon="letter"),
)
