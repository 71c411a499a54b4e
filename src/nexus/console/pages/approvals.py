"""Four eyes: what waits for a second person, with the exact content, and what came of it."""

import contextlib
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.known import Known
from nexus.console.page import Page
from nexus.console.shown import shown
from nexus.console.titles import title_of
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Refused

MENU: Final = Bilingual("Approvals", "Validations")
STATES: Final = ("proposed", "approved", "executed", "rejected", "expired")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    what: str
    requester: str
    expires: str
    state: str
    read: str
    none: str
    one_title: str
    content: str
    content_intro: str
    exact: str
    digest: str
    digest_help: str
    resource: str
    proposed: str
    needed: str
    approver: str
    approvals: str
    yours: str
    approve: str
    reject: str
    withdraw: str
    execute: str
    executed_by: str


TEXTS: Final = Bilingual(
    Texts(
        title="Approvals",
        intro="What one person alone may not do waits here for a second one. You approve exactly what you read.",
        what="What will be done",
        requester="Asked by",
        expires="Expires",
        state="State",
        read="Read it",
        none="Nothing is in this state.",
        one_title="An operation that needs a second person",
        content="Exact content",
        content_intro="These very bytes will run, once, and nothing else. Whatever changes them makes another digest.",
        exact="As it will run",
        digest="Digest",
        digest_help="SHA-256 over operation, resource and content: what an approval is bound to.",
        resource="Acts on",
        proposed="Proposed",
        needed="{given} of {needed} approvals given; they come from the role",
        approver="Approved by",
        approvals="Approvals",
        yours="You proposed this: somebody else has to approve it.",
        approve="Approve exactly this",
        reject="Reject",
        withdraw="Withdraw",
        execute="Carry it out",
        executed_by="Whoever proposed it carries it out, while it has not expired.",
    ),
    Texts(
        title="Validations",
        intro="Ce qu'une personne seule ne peut pas faire attend ici la seconde. Vous validez exactement ce que vous lisez.",
        what="Ce qui sera fait",
        requester="Demandé par",
        expires="Expire",
        state="État",
        read="Lire",
        none="Rien dans cet état.",
        one_title="Une opération qui demande une seconde personne",
        content="Contenu exact",
        content_intro="Ces octets mêmes seront exécutés, une fois, et rien d'autre. Tout changement change l'empreinte.",
        exact="Tel qu'exécuté",
        digest="Empreinte",
        digest_help="SHA-256 sur l'opération, la ressource et le contenu : ce à quoi une validation est liée.",
        resource="Porte sur",
        proposed="Proposée",
        needed="{given} validation(s) sur {needed} ; elles reviennent au rôle",
        approver="Validée par",
        approvals="Validations",
        yours="Vous l'avez proposée : une autre personne doit la valider.",
        approve="Valider exactement ceci",
        reject="Refuser",
        withdraw="Retirer",
        execute="Exécuter",
        executed_by="La personne qui l'a proposée l'exécute, tant qu'elle n'a pas expiré.",
    ),
)


async def show_list(visit: Visit) -> Response:
    """Intents in one state, those that wait first."""
    state = visit.query("state") if visit.query("state") in STATES else STATES[0]
    found = await visit.get("iam.approval.list", state=state)
    await visit.meet(found)
    specs, rows = visit.operations.specs, []
    for intent in found["intents"]:
        spec = specs.get(intent["operation"])
        rows.append((title_of(spec).of(visit.language) if spec else intent["operation"], intent))
    return visit.render("approvals.html", t=TEXTS, states=STATES, state=state, rows=rows)


async def show_one(visit: Visit) -> Response:
    """One intent: what would run, to the byte, and what one may do about it."""
    intent = await visit.get("iam.approval.read", id=visit.path["id"])
    spec = visit.operations.specs.get(intent["operation"])
    request: Any = msgspec.json.decode(intent["request"])
    await visit.meet(intent, request)
    await _meet_key(visit, intent["resource"])
    return visit.render(
        "approval.html",
        t=TEXTS,
        intent=intent,
        operation=title_of(spec) if spec else intent["operation"],
        request=shown(request, spec.request if spec else Any),
        pretty=msgspec.json.format(intent["request"], indent=2),
        mine=visit.actor is not None and intent["requester_person"] == visit.actor.person,
    )


async def _meet_key(visit: Visit, resource: str) -> None:
    """Of a key, what it protects: nobody should approve the end of a number."""
    kind, _, number = resource.partition(":")
    if kind != "Key":
        return
    with contextlib.suppress(Refused):  # destroyed meanwhile, or the key service does not answer: the number stays
        key = await visit.try_get("kms.key.read", key_id=number)
        if key is not None:
            visit.known[number] = Known(key["purpose"], "", "key")


PAGES: Final = (
    Page("/approvals", frozenset({"iam.approval.list"}), show_list, menu=MENU, group=MINE),
    Page("/approvals/{id}", frozenset({"iam.approval.read", "kms.key.read"}), show_one),
)
