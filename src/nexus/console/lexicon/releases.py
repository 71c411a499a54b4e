"""Releases in words."""

from collections.abc import Mapping
from typing import Final

from nexus.web.browser.language import Bilingual

FIELDS: Final[Mapping[str, str]] = {
    "bytes_new": "octets nouveaux",
    "changed_by": "dernier changement par",
    "classes": "groupes de personnes semblables",
    "columns_added": "colonnes ajoutées",
    "columns_removed": "colonnes retirées",
    "criteria": "définition de la cohorte",
    "files_gone": "fichiers disparus",
    "files_kept": "fichiers conservés",
    "files_new": "fichiers nouveaux",
    "k": "personnes du plus petit groupe",
    "least": "minimum attendu",
    "parents": "versions précédentes",
    "persons_in_small_classes": "personnes dans de trop petits groupes",
    "release": "jeu de données",
    "release_digest": "empreinte du jeu de données",
    "releases": "jeux de données",
    "rows_before": "lignes avant",
    "rows_now": "lignes maintenant",
    "said": "ce qu'ils disent d'eux-mêmes",
    "signing_key": "clé publique de signature",
    "small_classes": "trop petits groupes",
    "step": "étape",
}
VALUES: Final[Mapping[str, Bilingual[str]]] = {
    "built": Bilingual("built, waits to be opened", "construit, en attente d'ouverture"),
    "opened": Bilingual("open to its project", "ouvert à son projet"),
    "retired": Bilingual("retired, its key is destroyed", "retiré, sa clé est détruite"),
}
