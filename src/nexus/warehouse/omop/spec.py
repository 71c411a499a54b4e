"""The tables of CDM 5.4: their fields in order, with types.

`facts/cdm54.txt` holds them (`compiling.py` writes it from OHDSI's public table); the quality gate has a line for each, but
not in their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FACTS: Final = Path(__file__).parent / "facts" / "cdm54.txt"
REQUIRED: Final = "!"

CONVERTED: Final = (
    "person",
    "observation_period",
    "visit_occurrence",
    "visit_detail",
    "condition_occurrence",
    "drug_exposure",
    "procedure_occurrence",
    "device_exposure",
    "measurement",
    "observation",
    "death",
    "location",
    "care_site",
    "provider",
    "payer_plan_period",
    "cost",
    "condition_era",
    "drug_era",
    "dose_era",
)
"""What a conversion fills, where its source has something for it; every other table is written empty."""
VOCABULARY: Final = (
    "concept",
    "vocabulary",
    "domain",
    "concept_class",
    "concept_relationship",
    "relationship",
    "concept_synonym",
    "concept_ancestor",
    "source_to_concept_map",
    "drug_strength",
)
"""What comes with the user's vocabularies."""
RESULTS: Final = frozenset({"cohort", "cohort_definition"})


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `type` is a name that Ibis knows: int32 for concepts and small numbers, int64 for keys."""

    name: str
    type: str
    required: bool


@cache
def tables() -> Mapping[str, tuple[Field, ...]]:
    """Every table of the CDM and its fields, in the order of the specification."""
    found = {}
    for line in FACTS.read_text(encoding="ascii").splitlines():
        table, *fields = line.split()
        found[table] = tuple(_field(written) for written in fields)
    return found


def _field(written: str) -> Field:
    name, _, type_ = written.partition(":")
    return Field(name, type_.removesuffix(REQUIRED), type_.endswith(REQUIRED))


def names(table: str) -> tuple[str, ...]:
    """The fields of a table, in order."""
    return tuple(field.name for field in tables()[table])


def primary_key(table: str) -> str | None:
    """The field that tells the rows of a clinical table apart; death has the person's."""
    if table == "death":
        return "person_id"
    found = f"{table}_id"
    return found if found in names(table) else None
