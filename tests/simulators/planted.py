"""Clinical text and columns in which identifiers were planted, with the truth of where; and what looks like them and is none.

Seeded. Everybody in it is invented. Half of the names are on no list.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nexus.pseudonyms.identity import nir_key
from nexus.warehouse.intake.agreement import ClearKind

GIVEN: Final = [
    "Marie",
    "Jean",
    "Nathalie",
    "Ahmed",
    "Ysaline",
    "Thibault",
    "Oumou",
    "Zélie",
    "Björn",
    "Anne-Laure",
    "Kévin",
    "Tiphaine",
    "Léa",
    "Djibril",
    "Noé",
]
FAMILY: Final = [
    "Martin",
    "Petit",
    "Lefebvre",
    "Nguyen",
    "Legall",
    "Kerbrat",
    "Zouaoui",
    "Vanderbeken",
    "Étcheverry",
    "Da-Costa",
    "Rousseau",
    "Bonnafous",
    "Tchoumi",
    "Blanc",
    "Wisniewski",
    "O'Brien",
    "Quéméneur",
    "Garcia",
    "Ouattara",
    "Hirsch",
]
TITLES: Final = ("M.", "Mme", "Monsieur", "Madame", "Dr", "Mlle", "Docteur")
SENTENCES: Final = (
    "douleur thoracique depuis deux heures, ECG normal",
    "TA 14/8, FC 72, SpO2 98 %, T° 37,2",
    "petit kyste de 12 mm, aspect blanc et roux, sans caractère suspect",
    "maladie de Parkinson ; syndrome de Claude Bernard Horner à droite",
    "ATCD: HTA, BPCO, diabète de type 2 depuis 2004",
    "M. tuberculosis non retrouvé, culture en cours",
    "séquence de Pierre Robin, suivi au CHU",
    "contrôle le 12/03/2024 à 10 h 30, puis dans 6 mois",
    "Hb 13,2 g/dL; créatinine 71 µmol/L; lot 2024-01-15-00231",
    "patient vu en 2023 au service des urgences du CHU de Paris",
    "Doliprane 1 g x 3 par jour pendant 5 jours, Lovenox 4000 UI",
    "IRM du 01.02.2024: pas de lésion, voir CR n° 20240201123",
    "Score de Glasgow 15, NIHSS 0, Rankin 1",
    "passage de 02:00 à 06:30, diurèse 1 200 mL",
    "Rue du Bac évoquée comme lieu de la chute",
    "code CCAM DEQP003, CIM-10 I21.0, CIP 3400930000120",
)
"""Without an identifier; each holds something that could be taken for one."""


@dataclass(frozen=True, slots=True)
class Plant:
    """A row with its patient, and what was planted in its note."""

    family: str
    given: str
    born: str
    note: str
    kind: ClearKind | None


def plants(seed: int, rows: int, share: float = 0.5) -> Iterator[Plant]:
    """Rows of which `share` hold one identifier each."""
    rng = random.Random(seed)
    for _ in range(rows):
        family, given = rng.choice(FAMILY), rng.choice(GIVEN)
        year, month, day = rng.randint(1925, 2024), rng.randint(1, 12), rng.randint(1, 28)
        text = rng.choice(SENTENCES)
        kind = rng.choice([*ClearKind]) if rng.random() < share else None
        words = _words(rng, kind, family, given, (year, month, day))
        note = f"{text}. {words}" if rng.random() < 0.5 else f"{words} ; {text}"
        yield Plant(family.upper(), given, f"{year}-{month:02d}-{day:02d}", note if words else text, kind)


HARD: Final = (
    "sa fille Ysaline l'accompagne",
    "le fils de ouattara a appelé",
    "rappeler kerbrat tiphaine demain",
    "patiente kerbrat, sortie ce jour",
    "Ysaline K. est stable",
    "joignable au 06 12 345 678",
    "tel: 6 12 34 56 78",
    "zéro six douze trente-quatre",
    "ecrire a y.kerbrat arobase free.fr",
    "née en avril 1961 à Brest",
    "habite les Lilas, bâtiment C, Brest",
    "12 r. des Lilas",
    "NIR 1850578006084 (clé 36)",
    "n° SS 1/85/05/78/006/084",
    "185O57800608436",
    "voisine de Mme  KERBRAT",
    "Mme.Kerbrat revue",
    "infirmière: Zouaoui",
    "KERBRAT/Ysaline",
    "ipp 80012345",
)
"""Identifiers in forms that no rule was made for, in rows without a patient: what is missed of these is missed of real ones."""


def nir(rng: random.Random, *, spaced: bool = False, key: bool = True, wrong: bool = False) -> str:
    """A NIR that nobody has, or somebody by chance."""
    department = rng.choice(["69", "75", "2A", "2B", "13", "99"])
    digits = f"{rng.choice('12')}{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{department}{rng.randint(1, 989):03d}"
    digits += f"{rng.randint(1, 999):03d}"
    control = nir_key(digits)
    control = f"{(int(control) + 13) % 97 + 1:02d}" if wrong else control
    if not spaced:
        return digits + (control if key else "")
    parts = (digits[0], digits[1:3], digits[3:5], digits[5:7], digits[7:10], digits[10:])
    return " ".join(parts) + (f" {control}" if key else "")


def _words(rng, kind, family, given, born) -> str:
    year, month, day = born
    if kind is None:
        return ""
    name = {"f": family, "g": given, "F": family.upper(), "t": rng.choice(TITLES)}
    pair = " ".join(
        rng.choice(["06", "07", "01", "04"]) + "" if at == 0 else f"{rng.randint(0, 99):02d}" for at in range(5)
    )
    return {
        ClearKind.NIR: lambda: (
            f"NIR {nir(rng, spaced=rng.random() < 0.5, key=rng.random() < 0.8, wrong=rng.random() < 0.3)}"
        ),
        ClearKind.NAME: lambda: rng.choice(
            [
                "{t} {F} est revenu",
                "vu {t} {f}",
                "{g} {F}",
                "{F} {g} prévenu",
                "appel de {t} {F} {g}",
                "avec {f} {g} ce jour",
            ]
        ).format(**name),
        ClearKind.EMAIL: lambda: (
            f"écrire à {given[:1].lower()}.x{rng.randint(1, 99)}@{rng.choice(['free.fr', 'mail.example.org'])}"
        ),
        ClearKind.PHONE: lambda: rng.choice(
            [
                pair,
                pair.replace(" ", "."),
                pair.replace(" ", ""),
                f"+33 {pair[1:]}",
                f"+32 475 {rng.randint(10, 99)} 12 34",
            ]
        ),
        ClearKind.ADDRESS: lambda: (
            f"{rng.randint(1, 200)} {rng.choice(['rue', 'avenue', 'bd', 'allée', 'chemin'])} "
            f"{rng.choice(['des Lilas', 'Victor Hugo', 'de la République', 'du Moulin'])}"
        ),
        ClearKind.BIRTH_DATE: lambda: rng.choice(
            [
                f"né le {day:02d}/{month:02d}/{year}",
                f"DDN {day:02d}.{month:02d}.{year}",
                f"({year}-{month:02d}-{day:02d}) vu",
            ]
        ),
        ClearKind.COPY: lambda: "",
    }[kind]()
