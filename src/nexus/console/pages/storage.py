"""Storage: whether each place of copies answers now, what walks found there, what tenants hold, and how that grew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import DATA
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document

MENU: Final = Bilingual("Storage", "Stockage")
DAYS: Final = 30
"""Days of growth on the page."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    ask_again: str
    places: str
    place: str
    now: str
    room: str
    free_of: str
    shared_disk: str
    copies: str
    missing: str
    counted: str
    never: str
    to_do: str
    nothing: str
    how: str
    engines: dict[str, str]
    kept: str
    needed: str
    present: str
    scrubbed: str
    walks: str
    found: str
    following: str
    none_follows: str
    tenants: str
    no_tenant: str
    tenant: str
    buckets: str
    objects: str
    held: str
    unfinished: str
    quota: str
    no_quota: str
    grown: str
    growth: str
    no_day: str
    day: str
    change: str
    share: str
    all_figures: str


TEXTS: Final = Bilingual(
    Texts(
        title="Storage",
        intro="Places of copies are asked now, each time this page is opened; copies were counted by the last walk.",
        ask_again="Ask again",
        places="Places of copies",
        place="Place",
        now="Now",
        room="Room",
        free_of="free of",
        shared_disk="shares the disk at",
        copies="Copies there",
        missing="missing",
        counted="counted",
        never="not yet",
        to_do="What to do",
        nothing="nothing",
        how="How copies are kept",
        engines={"disk": "one directory", "copies": "every place, a copy in each", "remote": "an S3 store of your own"},
        kept="Contents lie in",
        needed="Copies that make a write count",
        present="Is each copy there",
        scrubbed="Is each copy, byte for byte, what was written",
        walks="blobs",
        found="mended, lost, out of reach:",
        following="next",
        none_follows="no walk asks this",
        tenants="Tenants",
        no_tenant="Nobody holds anything yet.",
        tenant="Site, project",
        buckets="Buckets",
        objects="Objects",
        held="Held",
        unfinished="Unfinished",
        quota="Quota",
        no_quota="none",
        grown="Growth in 30 days",
        growth="Growth of everything",
        no_day="The worker counts once a day; it has not yet.",
        day="Day",
        change="Change",
        share="Beside the largest",
        all_figures="All figures, by tenant and day",
    ),
    Texts(
        title="Stockage",
        intro="Les emplacements sont interrogés à l'instant, à chaque ouverture de cette page ; les copies ont été comptées au dernier contrôle.",
        ask_again="Interroger à nouveau",
        places="Emplacements des copies",
        place="Emplacement",
        now="En ce moment",
        room="Place",
        free_of="libres sur",
        shared_disk="partage le disque monté sur",
        copies="Copies présentes",
        missing="manquantes",
        counted="compté",
        never="pas encore",
        to_do="À faire",
        nothing="rien",
        how="Conservation des copies",
        engines={
            "disk": "un répertoire",
            "copies": "tous les emplacements, une copie dans chacun",
            "remote": "votre entrepôt S3",
        },
        kept="Les contenus sont dans",
        needed="Copies requises pour qu'une écriture compte",
        present="Chaque copie est-elle là",
        scrubbed="Chaque copie est-elle, octet pour octet, ce qui fut écrit",
        walks="contenus chiffrés",
        found="réparées, perdues, hors d'atteinte :",
        following="prochain",
        none_follows="aucun contrôle ne le vérifie",
        tenants="Espaces",
        no_tenant="Personne ne conserve encore rien.",
        tenant="Établissement, projet",
        buckets="Compartiments",
        objects="Objets",
        held="Occupation",
        unfinished="Inachevés",
        quota="Quota",
        no_quota="aucun",
        grown="Croissance en 30 jours",
        growth="Croissance de l'ensemble",
        no_day="Le décompte est fait une fois par jour ; il n'y en a pas encore.",
        day="Jour",
        change="Évolution",
        share="Par rapport au maximum",
        all_figures="Tous les chiffres, par espace et par jour",
    ),
)


async def show(visit: Visit) -> Response:
    """Everything of `objects.usage.show`, for people."""
    usage = await visit.get("objects.usage.show", days=DAYS)
    disks = [place["disk"] for place in usage["places"]]
    return visit.render(
        "storage.html",
        t=TEXTS,
        usage=usage,
        shared={disk for disk in disks if disk and disks.count(disk) > 1},
        days=_days(usage["days"]),
    )


def _days(lines: Sequence[Document]) -> list[Document]:
    """The newest first; a site is counted with its projects, so that a project's own line is left out."""
    sums: dict[str, Document] = {}
    for line in lines:
        if not line["project"]:
            day = sums.setdefault(line["day"], {"day": line["day"], "objects": 0, "bytes": 0})
            day["objects"] += line["objects"]
            day["bytes"] += line["bytes"]
    days = [sums[day] for day in sorted(sums)]
    most = max((day["bytes"] for day in days), default=0)
    for before, day in zip([None, *days], days, strict=False):
        day["change"] = day["bytes"] - before["bytes"] if before else None
        day["share"] = round(100 * day["bytes"] / most) if most else 0
    return days[::-1]


PAGES: Final = (
    Page(
        "/storage",
        frozenset({"objects.usage.show"}),
        show,
        menu=MENU,
        group=DATA,
        needs="objects.usage.show",
    ),
)
