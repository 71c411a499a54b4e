"""The words of a cohort's report, in English and in French."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language."""

    kind: str
    data: str
    attrition: str
    pool_attrition: str
    step: str
    persons: str
    lost: str
    hidden: str
    matching: str
    asked: str
    pool: str
    controls: str
    served: str
    cases: str
    balance: str
    balance_how: str
    variable: str
    of_cases: str
    of_controls: str
    of_pool: str
    before: str
    after: str
    masked: str
    definition: str
    steps: Mapping[str, str]


_EN: Final = Texts(
    kind="Cohort",
    data="Data",
    attrition="Who is left, step by step",
    pool_attrition="Who could be a control, step by step",
    step="Step",
    persons="Persons left",
    lost="Left out",
    hidden="hidden",
    matching="Controls",
    asked="asked for each case; seed",
    pool="persons could be a control",
    controls="controls were drawn, each once",
    served="Controls of a case",
    cases="Cases",
    balance="Balance",
    balance_how="Standardised differences of means. Under 0.1 (dashed) groups are usually called alike. Before: matched cases beside the"
    " whole pool.",
    variable="Variable",
    of_cases="Cases",
    of_controls="Controls",
    of_pool="Pool",
    before="before matching",
    after="after matching",
    masked="Counts from one to ten are hidden, and so is every count from which one of them could be found by subtraction.",
    definition="Definition (SHA-256)",
    steps={
        "index event": "index event",
        "observed at the index date": "observed at the index date",
        "include": "has",
        "exclude": "has not",
    },
)
_FR: Final = Texts(
    kind="Cohorte",
    data="Données",
    attrition="Qui reste, étape par étape",
    pool_attrition="Qui pourrait être témoin, étape par étape",
    step="Étape",
    persons="Personnes restantes",
    lost="Écartées",
    hidden="masqué",
    matching="Témoins",
    asked="demandés par cas ; graine",
    pool="personnes pouvaient être témoins",
    controls="témoins tirés, chacun une seule fois",
    served="Témoins d'un cas",
    cases="Cas",
    balance="Équilibre",
    balance_how="Différences standardisées des moyennes. Sous 0,1 (tirets) les groupes sont d'ordinaire dits comparables. Avant : les cas"
    " appariés face à tout le vivier.",
    variable="Variable",
    of_cases="Cas",
    of_controls="Témoins",
    of_pool="Vivier",
    before="avant appariement",
    after="après appariement",
    masked="Les effectifs de un à dix sont masqués, ainsi que tout effectif dont l'un d'eux se déduirait par soustraction.",
    definition="Définition (SHA-256)",
    steps={
        "index event": "événement d'entrée",
        "observed at the index date": "observé à la date d'entrée",
        "include": "présente",
        "exclude": "ne présente pas",
    },
)
TEXTS: Final[Mapping[str, Texts]] = {"en": _EN, "fr": _FR}
