"""Machines: programs with credentials of their own, each with a person who answers for it."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import IDENTITIES
from nexus.console.page import Page
from nexus.console.pages.people import OF_MACHINES, PARTS, with_part
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document

MENU: Final = Bilingual("Machines", "Machines")
PAGE: Final = 50
"""Machines on a page of the list."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    create: str
    owner: str
    owner_alone: str
    none: str


TEXTS: Final = Bilingual(
    Texts(
        title="Machines",
        intro="Programs that sign in by themselves. The owner answers for each, and alone makes its credentials.",
        create="Create a machine",
        owner="Owner",
        owner_alone="Its access keys and tokens are made by its owner, who sees each secret once; certificates are enrolled by a security officer.",
        none="No machine on this page.",
    ),
    Texts(
        title="Machines",
        intro="Les programmes qui se connectent d'eux-mêmes. Un responsable en répond, et crée seul leurs secrets.",
        create="Créer une machine",
        owner="Responsable",
        owner_alone="Ses clés et jetons sont créés par son responsable, qui voit chaque secret une fois ; un responsable de la sécurité enrôle ses certificats.",
        none="Aucune machine sur cette page.",
    ),
)


async def show_list(visit: Visit) -> Response:
    """A page of the list, in order of creation."""
    after = visit.query("after")
    found = await visit.get("iam.machine.list", limit=PAGE, **({"after": after} if after else {}))
    machines = found["machines"]
    await visit.meet(machines)
    following = machines[-1]["id"] if len(machines) == PAGE else ""
    return visit.render("machines.html", m=TEXTS, machines=machines, following=following)


async def show_one(visit: Visit) -> Response:
    """One machine, with one of the lists that belong to it."""
    machine = await visit.get("iam.machine.read", id=visit.path["id"])
    here = f"/machines/{machine['id']}"
    return await with_part(
        visit,
        "machine.html",
        machine["id"],
        here,
        OF_MACHINES,
        default="keys",
        machine=machine,
        m=TEXTS,
        mine=_mine(visit, machine),
    )


def _mine(visit: Visit, machine: Document) -> bool:
    """Whether the reader answers for it: nobody else makes its credentials."""
    return visit.actor is not None and machine["owner"] == visit.actor.person


_LISTS: Final = frozenset(PARTS[part][0] for part in OF_MACHINES)
PAGES: Final = (
    Page(
        "/machines", frozenset({"iam.machine.list"}), show_list, menu=MENU, group=IDENTITIES, needs="iam.machine.list"
    ),
    Page("/machines/{id}", frozenset({"iam.machine.read"}) | _LISTS, show_one),
)
