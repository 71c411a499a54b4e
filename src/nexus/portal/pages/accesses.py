"""Who used my data: a list to search, and each line of it checked in the browser."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from nexus.kernel.errors import NotFound
from nexus.portal import plain_words, shown
from nexus.portal.log_keys import browser_key, fingerprint
from nexus.portal.page import Page
from nexus.portal.records import FIELD, LIST, records
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import paths

PATH: Final = "/acces"
CHECK: Final = "/acces/{index}"
RECEIPT: Final = "/acces/{index}/recu"
PAGE_SIZE: Final = 25
MAX_INDEX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    search: str
    what: str
    kinds: dict[str, str]
    period: str
    periods: dict[str, str]
    since: str
    until: str
    purpose: str
    every: str
    outcome: str
    outcomes: dict[str, str]
    apply: str
    none: str
    allowed: str
    refused: str
    emergency: str
    for_purpose: str
    shared: str
    incomplete: str
    check: str
    older: str
    newest: str
    go_on: str
    check_title: str
    check_intro: str
    check_now: str
    no_script: str
    running: str
    good: str
    good_help: str
    unsigned: str
    bad: str
    bad_help: str
    steps: dict[str, str]
    says: str
    keys: str
    keys_help: str
    receipt: str
    receipt_help: str
    download: str
    paste: str
    back: str


TEXTS: Final = spoken(
    Texts(
        title="Who used my data",
        intro="Every use is recorded before it happens, and nobody can remove a line afterwards: you can check each one.",
        search="Search",
        what="Show",
        kinds={"data": "Uses of my data", "choices": "My choices, and who recorded them", "file": "Everything else"},
        period="Period",
        periods={"30": "The last 30 days", "365": "The last 12 months", "": "Always", "dates": "Between two days"},
        since="From",
        until="To, inclusive",
        purpose="For what",
        every="Everything",
        outcome="Outcome",
        outcomes={"": "Allowed and refused", "allowed": "Allowed", "denied": "Refused"},
        apply="Show",
        none="There is nothing in this period.",
        allowed="Allowed",
        refused="Refused",
        emergency="Emergency",
        for_purpose="For",
        shared="A file with data of several people, yours among them.",
        incomplete="A key of the hospital is out of use for the moment: uses of files that you share with others may be missing here.",
        check="Check this line",
        older="Older",
        newest="Back to the newest",
        go_on="Search further back",
        check_title="Check this line",
        check_intro="Your browser computes by itself, from the receipt below, whether this line stands in the log as it is shown. You need not believe us.",
        check_now="Check now",
        no_script="Your browser runs no scripts. The receipt can be checked with any program that knows its format.",
        running="Checking…",
        good="This line is genuine.",
        good_help="It stands in the signed log exactly as shown, and cannot be changed or removed without being noticed.",
        unsigned="The line stands in the log as shown. Your browser cannot check the signature itself (Ed25519): a newer browser can.",
        bad="This line does not match its proof.",
        bad_help="Something was altered. Keep this page, and tell the hospital's data protection officer.",
        steps={
            "form": "The receipt is complete",
            "leaf": "The fingerprint of the line is computed",
            "path": "It leads to the root of the log",
            "signature": "The log has signed this root",
            "content": "The receipt speaks of the line that is shown",
        },
        says="What the receipt says",
        keys="Keys of the log",
        keys_help="Compare this fingerprint with the one on your letter: it is the same for everybody.",
        receipt="The receipt",
        receipt_help="A text that proves this line for ever, also without us.",
        download="Keep the receipt",
        paste="You may paste another receipt here and check it.",
        back="Back to the list",
    ),
    Texts(
        title="Qui a utilisé mes données",
        intro="Chaque usage est inscrit avant d'avoir lieu, et nul ne peut retirer une ligne ensuite : vous pouvez vérifier chacune.",
        search="Rechercher",
        what="Afficher",
        kinds={
            "data": "Les usages de mes données",
            "choices": "Mes choix, et qui les a inscrits",
            "file": "Tout le reste",
        },
        period="Période",
        periods={
            "30": "Les 30 derniers jours",
            "365": "Les 12 derniers mois",
            "": "Depuis toujours",
            "dates": "Entre deux jours",
        },
        since="Du",
        until="Au (inclus)",
        purpose="Pour quoi",
        every="Tout",
        outcome="Résultat",
        outcomes={"": "Autorisé et refusé", "allowed": "Autorisé", "denied": "Refusé"},
        apply="Afficher",
        none="Il n'y a rien dans cette période.",
        allowed="Autorisé",
        refused="Refusé",
        emergency="Urgence",
        for_purpose="Pour",
        shared="Un fichier qui contient les données de plusieurs personnes, dont les vôtres.",
        incomplete="Une clé de l'hôpital est hors d'usage pour le moment : les usages de fichiers partagés avec d'autres personnes peuvent manquer ici.",
        check="Vérifier cette ligne",
        older="Plus ancien",
        newest="Revenir au plus récent",
        go_on="Chercher plus loin dans le passé",
        check_title="Vérifier cette ligne",
        check_intro="Votre navigateur calcule lui-même, à partir du reçu ci-dessous, si cette ligne figure au journal telle qu'elle est montrée. Vous n'avez pas à nous croire.",
        check_now="Vérifier maintenant",
        no_script="Votre navigateur n'exécute pas de script. Le reçu peut être vérifié par tout programme qui connaît son format.",
        running="Vérification…",
        good="Cette ligne est authentique.",
        good_help="Elle figure au journal signé exactement comme montrée, et ne peut être ni modifiée ni retirée sans que cela se voie.",
        unsigned="La ligne figure au journal telle que montrée. Votre navigateur ne sait pas vérifier la signature elle-même (Ed25519) : un plus récent le peut.",
        bad="Cette ligne ne correspond pas à sa preuve.",
        bad_help="Quelque chose a été altéré. Gardez cette page, et prévenez le délégué à la protection des données de l'hôpital.",
        steps={
            "form": "Le reçu est complet",
            "leaf": "L'empreinte de la ligne est calculée",
            "path": "Elle mène à la racine du journal",
            "signature": "Le journal a signé cette racine",
            "content": "Le reçu parle bien de la ligne montrée",
        },
        says="Ce que dit le reçu",
        keys="Les clés du journal",
        keys_help="Comparez cette empreinte à celle de votre courrier : elle est la même pour tous.",
        receipt="Le reçu",
        receipt_help="Un texte qui prouve cette ligne pour toujours, même sans nous.",
        download="Garder le reçu",
        paste="Vous pouvez coller ici un autre reçu et le vérifier.",
        back="Revenir à la liste",
    ),
)


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked for, as the form shows it again."""

    kind: str
    period: str
    since: str
    until: str
    purpose: str
    outcome: str
    before: str

    def query(self, record: str, **more: str) -> str:
        """The same search as a query, for another page of it."""
        values = {
            "quoi": self.kind,
            "periode": self.period,
            "du": self.since,
            "au": self.until,
            "pour": self.purpose,
            "resultat": self.outcome,
            FIELD: record,
            **more,
        }
        return urlencode({name: value for name, value in values.items() if value})


async def show(visit: Visit) -> Response:
    """A page of the list."""
    found = await records(visit)
    if found is None:
        return visit.redirect(paths.HOME)
    search = _search(visit)
    page = await visit.get(
        "consent.own.accesses",
        subject=found.chosen.subject,
        kind=search.kind,
        limit=PAGE_SIZE,
        **_filters(visit, search),
    )
    lines = [shown.entry(one, visit.language) for one in page["entries"]]
    record = visit.record
    purposes = {name: text.of(visit.language) for name, text in plain_words.PURPOSES.items()}
    return visit.render(
        "accesses.html",
        t=TEXTS,
        records=found,
        search=search,
        days=_by_day(visit, lines),
        purposes=purposes,
        older=search.query(record, avant=str(page["next"])) if page["next"] is not None else "",
        newest=search.query(record) if search.before else "",
        full=len(lines) == PAGE_SIZE,
        complete=page["complete"],
    )


async def check(visit: Visit) -> Response:
    """One line with its receipt, and what checks it."""
    found, proof = await _proof(visit)
    key = browser_key(proof["keys"])
    line = shown.entry(proof["entry"], visit.language)
    return visit.render(
        "check.html",
        t=TEXTS,
        records=found,
        line=line,
        proof=proof,
        key=key,
        fingerprint=fingerprint(key),
    )


async def receipt(visit: Visit) -> Response:
    """The receipt as a file."""
    _, proof = await _proof(visit)
    name = f"recu-{proof['index']}.tlog-proof"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(proof["text"], media_type="text/plain; charset=utf-8", headers=headers)


async def _proof(visit: Visit) -> tuple[Any, dict[str, Any]]:
    found = await records(visit)
    index = visit.path["index"]
    if found is None or not index.isdigit() or len(index) > MAX_INDEX_DIGITS:
        raise NotFound("there is no such entry", code="portal.no-entry")
    return found, await visit.get("consent.own.proof", subject=found.chosen.subject, index=index)


def _search(visit: Visit) -> Search:
    texts = TEXTS.en
    kind, period = visit.query("quoi"), visit.query("periode") if "periode" in visit.request.query_params else "365"
    outcome, before = visit.query("resultat"), visit.query("avant")
    return Search(
        kind if kind in texts.kinds else "data",
        period if period in texts.periods else "365",
        visit.query("du"),
        visit.query("au"),
        visit.query("pour") if visit.query("pour") in plain_words.PURPOSES else "",
        outcome if outcome in texts.outcomes else "",
        before if before.isdigit() and len(before) <= MAX_INDEX_DIGITS else "",
    )


def _filters(visit: Visit, search: Search) -> dict[str, Any]:
    """The fields of the operation; what is not given is left out."""
    dates = visit.renderer.dates
    since = until = None
    if search.period == "dates":
        since = dates.midnight(search.since)
        until = dates.midnight(search.until, days=1)
    elif search.period:
        since = dates.ago(timedelta(days=int(search.period)))
    given = {
        "since": since,
        "until": until,
        "purpose": search.purpose,
        "outcome": search.outcome,
        "before": search.before,
    }
    return {name: value for name, value in given.items() if value}


def _by_day(visit: Visit, lines: list[shown.Line]) -> list[tuple[str, list[shown.Line]]]:
    days: dict[str, list[shown.Line]] = {}
    for line in lines:
        days.setdefault(visit.renderer.dates.iso_day(line.at), []).append(line)
    return [(found[0].at, found) for found in days.values()]


PAGES: Final = (
    Page(
        PATH,
        frozenset({LIST, "consent.own.accesses"}),
        show,
        menu=spoken("Uses", "Usages"),
        icon="eye",
    ),
    Page(CHECK, frozenset({LIST, "consent.own.proof"}), check),
    Page(RECEIPT, frozenset({LIST, "consent.own.proof"}), receipt),
)
