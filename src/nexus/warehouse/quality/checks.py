"""What is checked of an OMOP CDM 5.4: the 27 kinds of OHDSI's DataQualityDashboard, each table, field and concept a line.

`facts/dqd54.csv` holds the lines (`compiling.py` writes it from OHDSI's public tables).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

FACTS: Final = Path(__file__).parent / "facts" / "dqd54.csv"


class Kind(StrEnum):
    """What is counted, by the name that the community knows it by."""

    TABLE = "cdmTable"
    PERSONS = "measurePersonCompleteness"
    CONDITION_ERAS = "measureConditionEraCompleteness"
    PERIODS = "measureObservationPeriodOverlap"
    FIELD = "cdmField"
    REQUIRED = "isRequired"
    DATATYPE = "cdmDatatype"
    PRIMARY_KEY = "isPrimaryKey"
    FOREIGN_KEY = "isForeignKey"
    DOMAIN = "fkDomain"
    CLASS = "fkClass"
    STANDARD = "isStandardValidConcept"
    VALUES = "measureValueCompleteness"
    STANDARD_RECORDS = "standardConceptRecordCompleteness"
    SOURCE_RECORDS = "sourceConceptRecordCompleteness"
    SOURCE_VALUES = "sourceValueCompleteness"
    LOW = "plausibleValueLow"
    HIGH = "plausibleValueHigh"
    AFTER = "plausibleTemporalAfter"
    DURING_LIFE = "plausibleDuringLife"
    WITHIN_VISIT = "withinVisitDates"
    AFTER_BIRTH = "plausibleAfterBirth"
    BEFORE_DEATH = "plausibleBeforeDeath"
    START_BEFORE_END = "plausibleStartBeforeEnd"
    GENDER = "plausibleGender"
    GENDER_DESCENDANTS = "plausibleGenderUseDescendants"
    UNITS = "plausibleUnitConceptIds"


class Severity(StrEnum):
    """What a failure means: the data are not a CDM; they break a convention; they have a trait to know of."""

    FATAL = "fatal"
    CONVENTION = "convention"
    CHARACTERIZATION = "characterization"


class Category(StrEnum):
    """The harmonised terms of Kahn et al. (2016)."""

    CONFORMANCE = "conformance"
    COMPLETENESS = "completeness"
    PLAUSIBILITY = "plausibility"


_FATAL: Final = frozenset(
    {Kind.TABLE, Kind.PERIODS, Kind.FIELD, Kind.REQUIRED, Kind.DATATYPE, Kind.PRIMARY_KEY, Kind.FOREIGN_KEY}
)
_CONVENTION: Final = frozenset(
    {
        Kind.PERSONS,
        Kind.CONDITION_ERAS,
        Kind.DOMAIN,
        Kind.CLASS,
        Kind.STANDARD,
        Kind.STANDARD_RECORDS,
        Kind.SOURCE_RECORDS,
        Kind.SOURCE_VALUES,
    }
)
SEVERITY: Final[Mapping[Kind, Severity]] = {
    kind: Severity.FATAL
    if kind in _FATAL
    else Severity.CONVENTION
    if kind in _CONVENTION
    else Severity.CHARACTERIZATION
    for kind in Kind
}
_COMPLETENESS: Final = frozenset(
    {
        Kind.PERSONS,
        Kind.CONDITION_ERAS,
        Kind.VALUES,
        Kind.STANDARD_RECORDS,
        Kind.SOURCE_RECORDS,
        Kind.SOURCE_VALUES,
    }
)
_CONFORMANCE: Final = frozenset(
    {
        Kind.TABLE,
        Kind.FIELD,
        Kind.REQUIRED,
        Kind.DATATYPE,
        Kind.PRIMARY_KEY,
        Kind.FOREIGN_KEY,
        Kind.DOMAIN,
        Kind.CLASS,
        Kind.STANDARD,
    }
)
CATEGORY: Final[Mapping[Kind, Category]] = {
    kind: Category.COMPLETENESS
    if kind in _COMPLETENESS
    else Category.CONFORMANCE
    if kind in _CONFORMANCE
    else Category.PLAUSIBILITY
    for kind in Kind
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line: at most `threshold` per cent of what is looked at may violate it.

    `parameter` by kind: `table.field` of a foreign key or of what comes before, domain, class, the standard field of a
    source value, a bound (number, day, `today+1`, `year+1`), the field of an end, a gender's concept, units by spaces.
    """

    kind: Kind
    table: str
    field: str
    threshold: float
    parameter: str = ""
    concepts: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """Its name in results: the same from run to run."""
        return ".".join(str(part) for part in (self.kind, self.table, self.field, *self.concepts) if part)

    @property
    def severity(self) -> Severity:
        """What its failure means."""
        return SEVERITY[self.kind]

    @property
    def category(self) -> Category:
        """What it is about."""
        return CATEGORY[self.kind]


@cache
def checks() -> tuple[Check, ...]:
    """Every check of CDM 5.4."""
    with FACTS.open(encoding="ascii", newline="") as file:
        return tuple(
            Check(
                Kind(row["kind"]),
                row["table"],
                row["field"],
                float(row["threshold"]),
                row["parameter"],
                tuple(map(int, row["concepts"].split())),
            )
            for row in csv.DictReader(file)
        )
