"""The portal's own operations in words."""

from collections.abc import Mapping
from typing import Final

from nexus.web.browser.language import Bilingual

FIELDS: Final[Mapping[str, str]] = {
    "actor_kind": "sorte d'acteur",
    "address": "adresse",
    "code_ends_at": "fin de validité du code",
    "failed_at": "dernier échec d'envoi",
    "mailbox": "adresse électronique",
    "refused": "essais refusés compris",
    "sends": "envoie du courriel",
    "unconfirmed": "adresse à confirmer",
    "wish": "rythme",
    "break_glass": "accès d'urgence",
    "complete": "complet",
    "door": "porte",
    "entry": "entrée",
    "letter": "courrier à imprimer",
    "oneself": "pour le patient lui-même",
}
VALUES: Final[Mapping[str, Bilingual[str]]] = {
    "choices": Bilingual("choices", "choix"),
    "data": Bilingual("uses of data", "usages des données"),
    "file": Bilingual("the file", "le dossier"),
    "never": Bilingual("never", "jamais"),
    "at-once": Bilingual("at each use", "à chaque usage"),
    "daily": Bilingual("daily", "chaque jour"),
    "weekly": Bilingual("weekly", "chaque semaine"),
}
