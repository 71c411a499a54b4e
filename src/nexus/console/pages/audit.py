"""The audit log: search it, and prove an entry with a receipt that is checked before it is shown."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from nexus.audit.offline import verify_receipt
from nexus.console.fields import Kind, document_of, fields_of, typed
from nexus.console.groups import LOG
from nexus.console.page import Page
from nexus.console.shown import shown
from nexus.console.visit import Visit
from nexus.kernel.errors import Damaged, NotFound
from nexus.web.browser.forms import Form
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document

MENU: Final = Bilingual("Search the log", "Rechercher")
STATE_MENU: Final = Bilingual("State of the log", "État du journal")
PURPOSE: Final = "audit"
FILTERS: Final = ("actor", "action", "resource", "outcome", "operation", "since", "until")
PAGE: Final = 50
"""Entries on a page."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    filters: str
    search: str
    clear: str
    none: str
    older: str
    entry: str
    when: str
    who: str
    action: str
    resource: str
    door: str
    outcome: str
    prove: str
    erased: str
    damaged: str
    optional: str
    utc: str
    one_per_line: str
    json: str
    not_given: str
    yes: str
    no: str
    proof_title: str
    proven: str
    not_proven: str
    proof_intro: str
    against: str
    checkpoint: str
    witnesses: str
    no_witness: str
    content: str
    receipt: str
    download: str
    policy: str
    offline: str
    state_title: str
    state_intro: str
    size: str
    published: str
    witnessed: str
    keys: str
    verify: str


TEXTS: Final = Bilingual(
    Texts(
        title="Search the audit log",
        intro="Who did what, where from, and what came of it; the newest first. Your search is recorded too.",
        filters="Filters",
        search="Search",
        clear="Clear",
        none="No entry matches.",
        older="Older entries",
        entry="Entry",
        when="When",
        who="Who",
        action="Action",
        resource="On what",
        door="Door",
        outcome="Outcome",
        prove="Prove it",
        erased="erased",
        damaged="altered",
        optional="optional",
        utc="in UTC",
        one_per_line="one on each line",
        json="as JSON",
        not_given="any",
        yes="yes",
        no="no",
        proof_title="Proof of entry {index}",
        proven="Proved: this entry stands in the log, at this place, with this content.",
        not_proven="NOT proved: the receipt does not verify.",
        proof_intro="The receipt was checked here, step by step, against the keys of the log and its witnesses.",
        against="Entries under the checkpoint",
        checkpoint="Root of the log",
        witnesses="Cosigned by",
        no_witness="no witness",
        content="What the entry says",
        receipt="Receipt",
        download="Download the receipt",
        policy="Download the policy",
        offline="Anybody checks it without this platform, with keys from a source that they trust:",
        state_title="State of the log",
        state_intro="What was published last. Witnesses elsewhere remember it, so that nobody can rewrite it.",
        size="Entries",
        published="Published",
        witnessed="Witnessed",
        keys="Keys of the log",
        verify="Verify the whole log now",
    ),
    Texts(
        title="Rechercher dans le journal",
        intro="Qui a fait quoi, d'où, et avec quelle issue ; le plus récent d'abord. Votre recherche est inscrite aussi.",
        filters="Filtres",
        search="Rechercher",
        clear="Effacer",
        none="Aucune entrée ne correspond.",
        older="Entrées plus anciennes",
        entry="Entrée",
        when="Quand",
        who="Qui",
        action="Action",
        resource="Sur quoi",
        door="Porte",
        outcome="Issue",
        prove="Prouver",
        erased="effacée",
        damaged="altérée",
        optional="facultatif",
        utc="en UTC",
        one_per_line="un par ligne",
        json="en JSON",
        not_given="toutes",
        yes="oui",
        no="non",
        proof_title="Preuve de l'entrée {index}",
        proven="Prouvé : cette entrée est dans le journal, à cette place, avec ce contenu.",
        not_proven="NON prouvé : le reçu ne se vérifie pas.",
        proof_intro="Le reçu a été vérifié ici, pas à pas, avec les clés du journal et de ses témoins.",
        against="Entrées sous le point de contrôle",
        checkpoint="Racine du journal",
        witnesses="Cosigné par",
        no_witness="aucun témoin",
        content="Ce que dit l'entrée",
        receipt="Reçu",
        download="Télécharger le reçu",
        policy="Télécharger la politique",
        offline="Chacun peut le vérifier sans cette plateforme, avec des clés de source sûre :",
        state_title="État du journal",
        state_intro="Ce qui a été publié en dernier. Des témoins ailleurs s'en souviennent : nul ne peut le réécrire.",
        size="Entrées",
        published="Publié",
        witnessed="Attesté",
        keys="Clés du journal",
        verify="Vérifier tout le journal maintenant",
    ),
)


async def show_search(visit: Visit) -> Response:
    """Entries that pass the filters, a page at a time."""
    query = Form({name: visit.request.query_params.getlist(name) for name in visit.request.query_params})
    spec = visit.operations.specs["audit.entry.list"]
    fields = tuple(field for field in fields_of(spec) if field.name in FILTERS)
    wanted = document_of(fields, query) | {"limit": PAGE}
    if query.text("cursor"):
        wanted["cursor"] = query.text("cursor")
    found = await visit.get(spec.name, for_purpose=PURPOSE, **wanted)
    await visit.meet(found)
    kept = [(name, text) for name in FILTERS if (text := query.text(name))]
    older = f"/audit?{urlencode([*kept, ('cursor', found['next'])])}" if found["next"] else ""
    return visit.render(
        "audit.html",
        t=TEXTS,
        fields=fields,
        kinds=Kind,
        typed=typed(fields, query),
        entries=found["entries"],
        older=older,
        filtered=bool(kept),
    )


async def show_proof(visit: Visit) -> Response:
    """The receipt of one entry, verified here; or that it does not verify."""
    receipt, policy = await _receipt(visit)
    proven, trouble = None, ""
    try:
        proven = verify_receipt(receipt["text"], policy)
    except Damaged as error:
        trouble = error.message
    content = _content(proven)
    await visit.meet(content)
    return visit.render(
        "proof.html",
        t=TEXTS,
        receipt=receipt,
        proven=proven,
        trouble=trouble,
        content=shown(content),
    )


async def download_receipt(visit: Visit) -> Response:
    """The receipt as a file."""
    receipt, _ = await _receipt(visit)
    return _file(receipt["text"], f"entry-{receipt['index']}.receipt")


async def download_policy(visit: Visit) -> Response:
    """The log's keys and witnesses as a file."""
    log = await visit.get("audit.log.read", for_purpose=PURPOSE)
    return _file(log["policy"], "nexus.policy")


async def show_state(visit: Visit) -> Response:
    """What was published last."""
    return visit.render("log.html", t=TEXTS, log=await visit.get("audit.log.read", for_purpose=PURPOSE))


async def _receipt(visit: Visit) -> tuple[Document, str]:
    index = visit.path["index"]
    if not (index.isascii() and index.isdigit()) or len(index) > 18:
        raise NotFound("there is no such entry", code="console.no-entry")
    receipt = await visit.get("audit.entry.prove", for_purpose=PURPOSE, index=index)
    log = await visit.get("audit.log.read", for_purpose=PURPOSE)
    return receipt, log["policy"]


def _content(proven: Any) -> Document | None:
    return msgspec.to_builtins(proven.content) if proven is not None and proven.content is not None else None


def _file(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, headers=headers, media_type="text/plain; charset=utf-8")


_PROOF: Final = frozenset({"audit.entry.prove", "audit.log.read"})
PAGES: Final = (
    Page("/audit", frozenset({"audit.entry.list"}), show_search, menu=MENU, group=LOG, needs="audit.entry.list"),
    Page("/audit/{index}", _PROOF, show_proof),
    Page("/audit/{index}/receipt", _PROOF, download_receipt),
    Page("/log", frozenset({"audit.log.read"}), show_state, menu=STATE_MENU, group=LOG, needs="audit.log.read"),
    Page("/log/policy", frozenset({"audit.log.read"}), download_policy),
)
