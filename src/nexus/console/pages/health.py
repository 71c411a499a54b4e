"""How the platform is: what runs, whether it is sealed, and what the doctor finds."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import PLATFORM
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.kernel.errors import Denied, Sealed, Unavailable
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document, Refused

MENU: Final = Bilingual("Platform health", "État de la plateforme")
BAD_FIRST: Final = ("broken", "degraded", "unknown", "emulated", "real")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    state: str
    version: str
    keys: str
    demonstration: str
    doors: str
    processes: str
    process: str
    running_for: str
    restarts: str
    findings: str
    subject: str
    finding: str
    mend: str
    no_findings: str
    kms_silent: str
    emulated: str


TEXTS: Final = Bilingual(
    Texts(
        title="Platform health",
        intro="What runs on this machine, whether its keys may be used, and what the doctor finds.",
        state="State",
        version="Version",
        keys="Key service",
        demonstration="A demonstration: no real data belong here.",
        doors="Addresses",
        processes="Processes",
        process="Process",
        running_for="Running for",
        restarts="Restarts",
        findings="Findings of the doctor",
        subject="Subject",
        finding="Finding",
        mend="What to do",
        no_findings="The doctor's table is not available now: it needs the right to it and an unsealed platform.",
        kms_silent="does not answer",
        emulated="emulated",
    ),
    Texts(
        title="État de la plateforme",
        intro="Ce qui tourne sur cette machine, si ses clés sont utilisables, et ce que constate le diagnostic.",
        state="État",
        version="Version",
        keys="Service de clés",
        demonstration="Une démonstration : aucune donnée réelle n'a sa place ici.",
        doors="Adresses",
        processes="Processus",
        process="Processus",
        running_for="En marche depuis",
        restarts="Redémarrages",
        findings="Constats du diagnostic",
        subject="Sujet",
        finding="Constat",
        mend="Que faire",
        no_findings="Le diagnostic n'est pas disponible : il faut en avoir le droit et une plateforme descellée.",
        kms_silent="ne répond pas",
        emulated="émulé",
    ),
)


async def show(visit: Visit) -> Response:
    """The platform's state, and the doctor's table for those who may see it."""
    platform = await visit.get("platform.status")
    return visit.render("health.html", t=TEXTS, platform=platform, findings=await _findings(visit))


async def _findings(visit: Visit) -> list[Document]:
    try:
        examination = await visit.get("platform.doctor")
    except Refused as refused:
        if isinstance(refused.error, Denied | Sealed | Unavailable):
            return []
        raise
    return sorted(examination["findings"], key=lambda finding: BAD_FIRST.index(finding["state"]))


PAGES: Final = (
    Page(
        "/health",
        frozenset({"platform.status", "platform.doctor"}),
        show,
        menu=MENU,
        group=PLATFORM,
        needs="platform.status",
    ),
)
