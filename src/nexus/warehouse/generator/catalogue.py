"""What befalls people, in the codes of both worlds: hospitals speak SNOMED CT, RxNorm and LOINC, claims CIM-10, CIP and NABM.

Codes are facts; rates are of the right order and no more. CIP codes are well formed and invented.
"""

from dataclasses import dataclass
from typing import Final

import numpy

from nexus.warehouse.generator.model import Real, Whole

CITY, EMERGENCY, WARD, CLINIC = 0, 1, 2, 3
"""Where an encounter happens: at a practice in town, or in a hospital's emergency room, ward or clinic."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A diagnosis: SNOMED CT, its English text, CIM-10."""

    snomed: str
    text: str
    cim: str


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug: RxNorm, its text, CIP 13, ATC, price of a box in euros."""

    rxnorm: str
    text: str
    cip: str
    atc: str
    euros: float


@dataclass(frozen=True, slots=True)
class Act:
    """An act: SNOMED CT, its text, CCAM."""

    snomed: str
    text: str
    ccam: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A laboratory measurement: LOINC, its text, unit, NABM, mean and spread."""

    loinc: str
    text: str
    unit: str
    nabm: int
    mean: float
    spread: float


def _cip(seven: int) -> str:
    digits = f"34009{seven:07d}"
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


CONDITIONS: Final = (
    Condition("59621000", "Essential hypertension (disorder)", "I10"),
    Condition("44054006", "Diabetes mellitus type 2 (disorder)", "E119"),
    Condition("195967001", "Asthma (disorder)", "J459"),
    Condition("13645005", "Chronic obstructive lung disease (disorder)", "J449"),
    Condition("49436004", "Atrial fibrillation (disorder)", "I48"),
    Condition("84114007", "Heart failure (disorder)", "I500"),
    Condition("22298006", "Myocardial infarction (disorder)", "I219"),
    Condition("230690007", "Cerebrovascular accident (disorder)", "I64"),
    Condition("233604007", "Pneumonia (disorder)", "J189"),
    Condition("6142004", "Influenza (disorder)", "J111"),
    Condition("25374005", "Gastroenteritis (disorder)", "A099"),
    Condition("74474003", "Gastrointestinal hemorrhage (disorder)", "K922"),
    Condition("5913000", "Fracture of neck of femur (disorder)", "S7200"),
    Condition("44465007", "Sprain of ankle (disorder)", "S934"),
    Condition("72892002", "Normal pregnancy (finding)", "Z340"),
    Condition("278860009", "Chronic low back pain (finding)", "M545"),
    Condition("254837009", "Malignant neoplasm of breast (disorder)", "C509"),
    Condition("370143000", "Major depressive disorder (disorder)", "F329"),
)
DRUGS: Final = (
    Drug("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet", _cip(3990101), "A10BA02", 3.12),
    Drug("314076", "lisinopril 10 MG Oral Tablet", _cip(3990202), "C09AA03", 4.05),
    Drug("308136", "amlodipine 2.5 MG Oral Tablet", _cip(3990303), "C08CA01", 3.88),
    Drug("314231", "simvastatin 10 MG Oral Tablet", _cip(3990404), "C10AA01", 5.20),
    Drug("245314", "albuterol 5 MG/ML Inhalation Solution", _cip(3990505), "R03AC02", 4.61),
    Drug("855332", "warfarin sodium 5 MG Oral Tablet", _cip(3990606), "B01AA03", 3.02),
    Drug("855926", "diclofenac sodium 50 MG Delayed Release Oral Tablet", _cip(3990707), "M01AB05", 2.44),
    Drug("198440", "acetaminophen 500 MG Oral Tablet", _cip(3990808), "N02BE01", 1.16),
    Drug("308192", "amoxicillin 500 MG Oral Tablet", _cip(3990909), "J01CA04", 3.40),
    Drug("200031", "carvedilol 6.25 MG Oral Tablet", _cip(3991010), "C07AG02", 4.90),
    Drug("309362", "clopidogrel 75 MG Oral Tablet", _cip(3991111), "B01AC04", 9.70),
    Drug("312938", "sertraline 100 MG Oral Tablet", _cip(3991212), "N06AB06", 6.15),
    Drug("198240", "tamoxifen 10 MG Oral Tablet", _cip(3991313), "L02BA01", 8.21),
)
ACTS: Final = (
    Act("29303009", "Electrocardiographic procedure", "DEQP003"),
    Act("399208008", "Plain X-ray of chest", "ZBQK002"),
    Act("40701008", "Echocardiography", "DZQM006"),
    Act("415070008", "Percutaneous coronary intervention", "DDAF006"),
    Act("73761001", "Colonoscopy", "HHQE002"),
    Act("177184002", "Normal delivery procedure", "JQGD010"),
    Act("179097006", "Fixation of fracture of neck of femur", "NBCA010"),
)
MEASURES: Final = (
    Measure("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1577, 6.9, 1.1),
    Measure("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 592, 0.95, 0.25),
    Measure("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 1104, 13.6, 1.5),
    Measure("6298-4", "Potassium [Moles/volume] in Blood", "mmol/L", 1608, 4.2, 0.4),
)
DICLOFENAC: Final = 6
BLEED: Final = 11


@dataclass(frozen=True, slots=True)
class Chronic:
    """A disease that stays: its yearly risk at birth and growth with age, by sex, and the care that it needs.

    `drugs` are dispensed every month from a visit in town each quarter; `checks` a year happen in a hospital's clinic.
    """

    condition: int
    risk: float
    growth: float
    women: float
    drugs: tuple[int, ...]
    measures: tuple[int, ...]
    checks: float
    acts: tuple[int, ...] = ()

    def onset(self, random: numpy.random.Generator, female: Whole) -> Real:
        """The age, in years, at which each falls ill: often beyond a life."""
        risk = self.risk * numpy.where(female == 1, self.women, 1.0)
        spent: Real = random.exponential(size=len(female)) * self.growth / risk
        return numpy.log1p(spent) / self.growth


CHRONIC: Final = (
    Chronic(0, 4.0e-4, 0.072, 0.9, (1, 2), (1, 3), 0.10),
    Chronic(1, 1.6e-4, 0.068, 0.7, (0, 3), (0, 1), 0.60),
    Chronic(2, 2.2e-3, 0.001, 1.1, (4,), (), 0.10),
    Chronic(3, 3.0e-5, 0.085, 0.7, (4,), (), 0.40, (1,)),
    Chronic(4, 1.0e-5, 0.105, 0.8, (5,), (2,), 0.50, (0,)),
    Chronic(5, 5.0e-6, 0.112, 0.9, (9,), (1, 3), 0.80, (2,)),
    Chronic(15, 8.0e-4, 0.030, 1.1, (7,), (), 0.0),
    Chronic(16, 6.0e-5, 0.060, 1.0, (12,), (2,), 1.5),
    Chronic(17, 2.0e-3, 0.010, 1.8, (11,), (), 0.05),
)
WOMEN_ONLY: Final = frozenset({16})


@dataclass(frozen=True, slots=True)
class Acute:
    """What happens and passes: a yearly rate at the age of 50 that changes by `slope` for each year of age.

    `season` is how much its rate swings over a year, `peak` the day of the year when it is highest. `stay` is the mean
    of the days in the ward. `raised` multiplies the rate of those who have a chronic disease.
    """

    condition: int | None
    rate: float
    slope: float
    women: float
    ages: tuple[int, int]
    where: int
    stay: float = 0.0
    season: float = 0.0
    peak: int = 15
    drugs: tuple[int, ...] = ()
    acts: tuple[int, ...] = ()
    measures: tuple[int, ...] = ()
    raised: tuple[tuple[int, float], ...] = ()
    deadly: float = 0.0
    """Share of those who die of it: written as a cause of death when they do."""


ACUTE: Final = (
    Acute(None, 2.6, 0.008, 1.2, (0, 120), CITY, drugs=(7,), season=0.2),
    Acute(None, 0.35, 0.0, 1.0, (16, 90), CITY, drugs=(DICLOFENAC,)),
    Acute(9, 0.05, -0.012, 1.0, (0, 120), CITY, drugs=(7,), season=0.95, peak=30),
    Acute(10, 0.06, -0.020, 1.0, (0, 120), CITY, season=0.7, peak=10),
    Acute(10, 0.015, -0.020, 1.0, (0, 120), EMERGENCY, season=0.7, peak=10, measures=(3,)),
    Acute(13, 0.05, -0.025, 0.9, (5, 95), EMERGENCY, drugs=(7,), season=0.2, peak=200),
    Acute(8, 0.006, 0.055, 0.8, (0, 120), WARD, 7.0, 0.6, 20, (8,), (1,), (1, 2), ((3, 3.0),), 0.08),
    Acute(6, 0.0030, 0.060, 0.5, (30, 120), WARD, 6.0, 0.2, 10, (10, 9), (3, 0), (1, 3), ((0, 1.9), (1, 2.1)), 0.10),
    Acute(7, 0.0020, 0.075, 0.8, (30, 120), WARD, 10.0, 0.1, 10, (10,), (), (1,), ((0, 2.3), (4, 3.5)), 0.15),
    Acute(12, 0.0006, 0.110, 1.9, (50, 120), WARD, 12.0, 0.1, 10, (7,), (6,), (2,), (), 0.05),
    Acute(14, 0.09, 0.0, 1.0, (18, 42), WARD, 3.5, 0.05, 190, (), (5,), (2,)),
)
BLEEDING: Final = Acute(BLEED, 0.0030, 0.045, 0.9, (16, 120), WARD, 5.0, 0.0, 0, (), (4,), (2, 2), (), 0.04)
"""Without diclofenac."""
DELIVERY: Final = 10
"""Position of the one that women only have."""
