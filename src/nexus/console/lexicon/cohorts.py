"""Cohorts in words."""

from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, str]] = {
    "balance": "ressemblance des cas et des témoins",
    "cases": "cas",
    "cdm": "données",
    "controls": "témoins",
    "definition_sha256": "empreinte de la définition",
    "hidden_below": "effectifs masqués en dessous de",
    "is_share": "proportion",
    "matching": "appariement",
    "pool": "témoins possibles",
    "pool_steps": "témoins possibles, étape par étape",
    "ratio": "témoins par cas",
    "seed": "graine du tirage",
    "served": "cas par nombre de témoins",
    "steps": "étapes de la sélection",
}
