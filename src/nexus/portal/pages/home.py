"""The first page: the one switch, the latest uses of my data, and whatever needs a look."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.responses import Response

from nexus.portal import shown
from nexus.portal.page import Page
from nexus.portal.pages import accesses
from nexus.portal.records import FIELD, LIST, Records, records
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import paths

SWITCH: Final = "/refus-general"
LATEST: Final = 4
"""Uses of my data that the first page shows."""
RECENT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    welcome: str
    files: str
    hospital: str
    until: str
    switch_title: str
    on: str
    off: str
    on_help: str
    off_help: str
    switch: str
    always: str
    turned_off: str
    turned_on: str
    voice: str
    latest: str
    none: str
    see_all: str
    see_choices: str
    emergencies: str
    no_file: str
    no_file_help: str


TEXTS: Final = spoken(
    Texts(
        title="My health data",
        welcome="Your account is open. Welcome.",
        files="Files",
        hospital="Hospital",
        until="You decide until",
        switch_title="My data may serve for more than my care",
        on="Yes, where I allow it",
        off="No, for nothing",
        on_help="Research and other uses of public interest are possible, within your choices.",
        off_help="You refused every use beyond your care. Nobody reads your data for research or other uses.",
        switch="My data may serve for more than my care",
        always="You need not say why, and can change your mind at any time. Your care stays the same.",
        turned_off="Done: from this moment, your data serve for your care only.",
        turned_on="Done: your data may serve again for what your choices allow.",
        voice="Only an adult can lift this refusal: ask your parent or guardian.",
        latest="Latest uses of my data",
        none="Nobody used your data in the last thirty days.",
        see_all="See everything",
        see_choices="Choose in detail",
        emergencies="An emergency access took place. Look at it, and ask the hospital if it surprises you.",
        no_file="No file is linked to this account",
        no_file_help="A power to decide for somebody may have ended, for instance because a child came of age. Ask the hospital.",
    ),
    Texts(
        title="Mes données de santé",
        welcome="Votre compte est ouvert. Bienvenue.",
        files="Dossiers",
        hospital="Hôpital",
        until="Vous décidez jusqu'au",
        switch_title="Mes données peuvent servir à autre chose que mes soins",
        on="Oui, là où je l'autorise",
        off="Non, à rien d'autre",
        on_help="La recherche et d'autres usages d'intérêt public sont possibles, dans la limite de vos choix.",
        off_help="Vous avez refusé tout usage autre que vos soins. Personne ne lit vos données pour la recherche ou d'autres usages.",
        switch="Mes données peuvent servir à autre chose que mes soins",
        always="Vous n'avez pas à dire pourquoi, et pouvez changer d'avis à tout moment. Vos soins restent les mêmes.",
        turned_off="C'est fait : dès cet instant, vos données ne servent plus qu'à vos soins.",
        turned_on="C'est fait : vos données peuvent de nouveau servir à ce que vos choix permettent.",
        voice="Seul un adulte peut lever ce refus : demandez à votre parent ou tuteur.",
        latest="Les derniers usages de mes données",
        none="Personne n'a utilisé vos données ces trente derniers jours.",
        see_all="Tout voir",
        see_choices="Choisir en détail",
        emergencies="Un accès d'urgence a eu lieu. Regardez-le, et interrogez l'hôpital s'il vous surprend.",
        no_file="Aucun dossier n'est lié à ce compte",
        no_file_help="Un pouvoir de décider pour quelqu'un a peut-être pris fin, par exemple à la majorité d'un enfant. Demandez à l'hôpital.",
    ),
)


async def show(visit: Visit) -> Response:
    """The switch as it stands, and what happened lately."""
    texts = TEXTS.of(visit.language)
    found = await records(visit)
    said = {"non": texts.turned_off, "oui": texts.turned_on}.get(visit.query("fait"), "")
    said = texts.welcome if visit.query("bienvenue") else said
    if found is None:
        return visit.render("no_file.html", t=TEXTS, said=said)
    chosen = found.chosen.subject
    decisions = await visit.get("consent.own.read", subject=chosen, limit=1)
    page = await visit.get("consent.own.accesses", subject=chosen, limit=LATEST, since=_recently(visit))
    entries = [shown.entry(one, visit.language) for one in page["entries"]]
    values: dict[str, Any] = {"entries": entries, "emergencies": any(one.emergency for one in entries)}
    return visit.render(
        "home.html",
        t=TEXTS,
        lines=accesses.TEXTS,
        said=said,
        records=found,
        objection=decisions["objection"],
        version=decisions["subject"]["version"],
        **values,
    )


async def switch(visit: Visit) -> Response:
    """Refuse, or allow again. One tap each way; refusing never depends on what the page was made for."""
    found = await records(visit)
    if found is None:
        return visit.redirect(paths.HOME)
    refuse = visit.form.text("to") == "refuse"
    if refuse:
        await visit.do("consent.own.object", subject=found.chosen.subject)
    else:
        version = int(visit.form.text("version") or 0)
        await visit.do("consent.own.lift-objection", subject=found.chosen.subject, version=version)
    return visit.redirect(f"/?fait={'non' if refuse else 'oui'}{_of(found)}")


def _of(found: Records) -> str:
    return f"&{FIELD}={found.chosen.subject}" if len(found.all) > 1 else ""


def _recently(visit: Visit) -> str:
    return visit.renderer.dates.ago(RECENT)


PAGES: Final = (
    Page(
        paths.HOME,
        frozenset({LIST, "consent.own.read", "consent.own.accesses"}),
        show,
        menu=spoken("Home", "Accueil"),
        icon="home",
    ),
    Page(SWITCH, frozenset({LIST, "consent.own.object", "consent.own.lift-objection"}), submit=switch),
)
