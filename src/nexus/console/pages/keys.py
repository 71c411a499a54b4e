"""Keys: the inventory, the life of each, and the service that holds them."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import KEYS
from nexus.console.page import Page
from nexus.console.shown import shown
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual

MENU: Final = Bilingual("Inventory", "Inventaire")
SERVICE_MENU: Final = Bilingual("Key service", "Service de clés")
PAGE: Final = 100
"""Keys on a page of the inventory."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    create: str
    key: str
    key_class: str
    purpose: str
    owner: str
    state: str
    next_rotation: str
    none: str
    one_title: str
    versions: str
    version: str
    created: str
    custody: str
    rotate: str
    rewrap: str
    disable: str
    enable: str
    destroy: str
    cancel: str
    destroy_at: str
    destroyed_at: str
    destruction: str
    exportable: str
    yes: str
    no: str
    algorithm: str
    period: str
    days: str
    use: str
    certificate: str
    service_title: str
    service_intro: str
    seal: str
    unseal: str
    missing: str


TEXTS: Final = Bilingual(
    Texts(
        title="Keys",
        intro="Every key, who answers for it, and when it rotates. Keys never leave the key service unwrapped.",
        create="Create a key",
        key="Key",
        key_class="Class",
        purpose="What it protects",
        owner="Owner",
        state="State",
        next_rotation="Next rotation",
        none="No key on this page.",
        one_title="Key",
        versions="Versions",
        version="Version",
        created="Created",
        custody="Where it lives",
        rotate="Rotate",
        rewrap="Wrap data keys again",
        disable="Disable",
        enable="Enable",
        destroy="Schedule the destruction",
        cancel="Cancel the destruction",
        destroy_at="Will be destroyed",
        destroyed_at="Destroyed",
        destruction="Destroying a key makes everything under it unreadable for good. It needs a second person.",
        exportable="Exportable",
        yes="yes",
        no="no",
        algorithm="Algorithm",
        period="Rotation",
        days="every {days} days",
        use="Bound to",
        certificate="Certificate of destruction",
        service_title="Key service",
        service_intro="The process that alone holds keys. Sealed, nothing is read and nothing is written.",
        seal="Seal it now",
        unseal="Unseal",
        missing="Keys without material",
    ),
    Texts(
        title="Clés",
        intro="Chaque clé, qui en répond, et quand elle tourne. Aucune ne quitte le service de clés sans enveloppe.",
        create="Créer une clé",
        key="Clé",
        key_class="Classe",
        purpose="Ce qu'elle protège",
        owner="Responsable",
        state="État",
        next_rotation="Prochaine rotation",
        none="Aucune clé sur cette page.",
        one_title="Clé",
        versions="Historique des versions",
        version="N° de version",
        created="Création",
        custody="Où elle se trouve",
        rotate="Faire la rotation",
        rewrap="Ré-envelopper les clés de données",
        disable="Désactiver",
        enable="Réactiver",
        destroy="Programmer la destruction",
        cancel="Annuler la destruction",
        destroy_at="Sera détruite",
        destroyed_at="Détruite",
        destruction="Détruire une clé rend illisible à jamais tout ce qu'elle protège. Une seconde personne doit valider.",
        exportable="Peut être exportée",
        yes="oui",
        no="non",
        algorithm="Algorithme",
        period="Rotation périodique",
        days="tous les {days} jours",
        use="Réservée à",
        certificate="Certificat de destruction",
        service_title="Service de clés",
        service_intro="Le processus qui détient seul les clés. Scellé, rien n'est lu ni écrit.",
        seal="Sceller maintenant",
        unseal="Desceller",
        missing="Clés sans matériel",
    ),
)


async def show_list(visit: Visit) -> Response:
    """A page of the inventory, oldest key first."""
    after = visit.query("after")
    found = await visit.get("kms.key.list", limit=PAGE, **({"after": after} if after else {}))
    return visit.render("keys.html", t=TEXTS, keys=found["keys"], following=found["next"])


async def show_one(visit: Visit) -> Response:
    """One key, its versions and what may happen to it in its present state."""
    key = await visit.get("kms.key.read", key_id=visit.path["key_id"])
    return visit.render("key.html", t=TEXTS, key=key)


async def show_service(visit: Visit) -> Response:
    """The state of the key service."""
    spec = visit.operations.specs["kms.service.status"]
    status = await visit.get(spec.name)
    return visit.render("key_service.html", t=TEXTS, service=status, shown=shown(status, spec.result))


PAGES: Final = (
    Page("/keys", frozenset({"kms.key.list"}), show_list, menu=MENU, group=KEYS, needs="kms.key.list"),
    Page("/keys/{key_id}", frozenset({"kms.key.read"}), show_one),
    Page(
        "/key-service",
        frozenset({"kms.service.status"}),
        show_service,
        menu=SERVICE_MENU,
        group=KEYS,
        needs="kms.service.status",
    ),
)
