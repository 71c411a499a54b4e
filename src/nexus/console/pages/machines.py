"""Machines: programs with credentials of their own, each with a person who answers for it."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import IDENTITIES
from nexus.console.page import Page
from nexus.console.pages.people import PARTS, with_part
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual

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
    none: str


TEXTS: Final = Bilingual(
    Texts(
        title="Machines",
        intro="Programs that sign in by themselves. The owner answers for each, and alone makes its credentials.",
        create="Create a machine",
        owner="Owner",
        none="No machine on this page.",
    ),
    Texts(
        title="Machines",
        intro="Les programmes qui se connectent d'eux-mêmes. Un responsable en répond, et crée seul leurs secrets.",
        create="Créer une machine",
        owner="Responsable",
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
    return await with_part(
        visit, "machine.html", machine["id"], f"/machines/{machine['id']}", default="keys", machine=machine, m=TEXTS
    )


_LISTS: Final = frozenset(operation for operation, _ in PARTS.values())
PAGES: Final = (
    Page(
        "/machines", frozenset({"iam.machine.list"}), show_list, menu=MENU, group=IDENTITIES, needs="iam.machine.list"
    ),
    Page("/machines/{id}", frozenset({"iam.machine.read"}) | _LISTS, show_one),
)
