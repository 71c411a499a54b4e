"""My choices as switches: for what my data may serve, which kinds of data, which projects."""

from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.kernel.errors import Invalid
from nexus.portal.page import Page
from nexus.portal.pages import switches
from nexus.portal.records import FIELD, LIST, records
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import paths

PATH: Final = "/choix"
RECEIPT: Final = "/choix/{decision}/recu"
RECEIPTS_SHOWN: Final = 10
SEEN: Final = 100
"""Uses that are looked at for the projects that they were made for."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    purposes: str
    purposes_help: str
    all_refused: str
    all_refused_help: str
    categories: str
    categories_help: str
    more_categories: str
    projects: str
    projects_help: str
    no_projects: str
    yes: str
    no: str
    done: str
    because: dict[str, str]
    care: str
    care_help: str
    history: str
    receipts: str
    receipts_help: str
    kinds: dict[str, str]
    pdf: str
    json: str
    minor: str


TEXTS: Final = spoken(
    Texts(
        title="My choices",
        intro="Each switch counts from the moment you touch it. You need not say why.",
        purposes="For what may my data serve?",
        purposes_help="Beyond your care, each use needs your permission or, where the law allows it, that you do not refuse.",
        all_refused="You refused every use beyond your care",
        all_refused_help="The switches below count again once you lift this refusal on the first page.",
        categories="Which data are never for that?",
        categories_help="Switch off what is to serve your care only, whatever you allow above.",
        more_categories="All other kinds of data",
        projects="Which projects may use them?",
        projects_help="Projects that used or wanted your data, or that you refused.",
        no_projects="No project has used your data so far.",
        yes="Allowed",
        no="Refused",
        done="Done. It counts from this moment.",
        because={
            "permitted": "you allowed it",
            "public-interest": "of public interest; you did not refuse",
            "denied": "you refused it",
            "withdrawn": "you withdrew it",
            "expired": "your permission has ended",
            "no-decision": "you have not allowed it",
            "not-covered": "you allowed it for some data or projects only",
            "partly": "for some data or some uses only, as you chose",
        },
        care="And my care?",
        care_help="Those who care for you may read your file. To hide a part of it from them, speak with your hospital.",
        history="What I chose before",
        receipts="My receipts",
        receipts_help="Each choice gives a signed receipt. Keep it: it proves what you chose, and when.",
        kinds={
            "permissions": "Choice",
            "withdrawal": "Withdrawal",
            "objection": "General refusal",
            "lifting": "Refusal lifted",
            "correction": "Correction",
        },
        pdf="Receipt (PDF)",
        json="For programs (JSON)",
        minor="Until majority, your guardian decides what is allowed. You may refuse at any time.",
    ),
    Texts(
        title="Mes choix",
        intro="Chaque interrupteur compte dès que vous le touchez. Vous n'avez pas à dire pourquoi.",
        purposes="À quoi mes données peuvent-elles servir ?",
        purposes_help="Au-delà de vos soins, chaque usage demande votre accord ou, quand la loi le permet, que vous ne refusiez pas.",
        all_refused="Vous avez refusé tout usage autre que vos soins",
        all_refused_help="Les interrupteurs ci-dessous compteront de nouveau si vous levez ce refus à la première page.",
        categories="Quelles données n'y servent jamais ?",
        categories_help="Éteignez ce qui ne doit servir qu'à vos soins, quoi que vous autorisiez plus haut.",
        more_categories="Toutes les autres sortes de données",
        projects="Quels projets peuvent les utiliser ?",
        projects_help="Les projets qui ont utilisé ou voulu utiliser vos données, ou que vous avez refusés.",
        no_projects="Aucun projet n'a utilisé vos données jusqu'ici.",
        yes="Autorisé",
        no="Refusé",
        done="C'est fait. Cela compte dès cet instant.",
        because={
            "permitted": "vous l'avez autorisé",
            "public-interest": "d'intérêt public ; vous ne l'avez pas refusé",
            "denied": "vous l'avez refusé",
            "withdrawn": "vous l'avez retiré",
            "expired": "votre autorisation a pris fin",
            "no-decision": "vous ne l'avez pas autorisé",
            "not-covered": "vous ne l'avez autorisé que pour certaines données ou certains projets",
            "partly": "pour certaines données ou certains usages seulement, comme vous l'avez choisi",
        },
        care="Et mes soins ?",
        care_help="Ceux qui vous soignent peuvent lire votre dossier. Pour leur en cacher une partie, parlez-en à votre hôpital.",
        history="Ce que j'ai choisi auparavant",
        receipts="Mes récépissés",
        receipts_help="Chaque choix donne un récépissé signé. Gardez-le : il prouve ce que vous avez choisi, et quand.",
        kinds={
            "permissions": "Choix",
            "withdrawal": "Retrait",
            "objection": "Refus général",
            "lifting": "Refus levé",
            "correction": "Correction",
        },
        pdf="Récépissé (PDF)",
        json="Pour les programmes (JSON)",
        minor="Jusqu'à la majorité, le tuteur décide de ce qui est autorisé. Vous pouvez refuser à tout moment.",
    ),
)


class Choosing:
    """The page. `public_interest`: uses that are allowed as long as nobody refuses them."""

    def __init__(self, public_interest: Collection[str]) -> None:
        self._public_interest = frozenset(public_interest)

    def pages(self) -> tuple[Page, ...]:
        """One page, with its switches."""
        needed = frozenset({LIST, "consent.own.read", "consent.own.decide", "consent.own.accesses"})
        return (
            Page(PATH, needed, self.show, submit, menu=spoken("Choices", "Choix"), icon="choice"),
            Page(RECEIPT, frozenset({LIST, "consent.own.receipt"}), receipt),
        )

    async def show(self, visit: Visit) -> Response:
        """All switches as they stand."""
        return await _show(visit, self._public_interest)


async def _show(visit: Visit, public_interest: Collection[str]) -> Response:
    found = await records(visit)
    if found is None:
        return visit.redirect(paths.HOME)
    subject = found.chosen.subject
    decisions = await visit.get("consent.own.read", subject=subject, limit=RECEIPTS_SHOWN)
    used = await visit.get("consent.own.accesses", subject=subject, limit=SEEN)
    texts = TEXTS.of(visit.language)
    return visit.render(
        "choices.html",
        t=TEXTS,
        said=texts.done if visit.query("fait") else "",
        records=found,
        decisions=decisions,
        purposes=switches.purposes(decisions, public_interest, texts.because, visit.language),
        categories=switches.categories(decisions, visit.language),
        projects=switches.projects(decisions, {one["project"] for one in used["entries"] if one["project"]}),
        sensitive=6,
    )


async def receipt(visit: Visit) -> Response:
    """The signed receipt of a decision, as a PDF to read or as JSON to verify."""
    found = await records(visit)
    if found is None:
        return visit.redirect(paths.HOME)
    made = await visit.get(
        "consent.own.receipt",
        subject=found.chosen.subject,
        decision=visit.path["decision"],
        form="json" if visit.query("forme") == "json" else "pdf",
        language=visit.language.value,
    )
    name = "".join(sign for sign in made["name"] if sign.isalnum() or sign in "._-")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(b64decode(made["content"]), media_type=made["media_type"], headers=headers)


async def submit(visit: Visit) -> Response:
    """One switch was touched."""
    found = await records(visit)
    what, name, on = visit.form.text("what"), visit.form.text("name"), visit.form.text("to") == "allow"
    if found is None or not switches.is_known(what, name):
        raise Invalid("there is no such switch", code="portal.switch")
    subject = found.chosen.subject
    decisions = await visit.get("consent.own.read", subject=subject, limit=1)
    provisions, replaced = switches.touched(decisions, what, name, on=on)
    if provisions or replaced:
        await visit.do(
            "consent.own.decide",
            subject=subject,
            version=int(visit.form.text("version") or 0),
            provisions=provisions,
            replaces=replaced,
        )
    more = f"&{FIELD}={subject}" if len(found.all) > 1 else ""
    return visit.redirect(f"{PATH}?fait=1{more}#{what}-{name}")
