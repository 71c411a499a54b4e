"""A few concepts in the form of Athena's archive, and the mappings of a few claims codes: what this demonstration needs.

In earnest the user's own archive from Athena stands here: Nexus brings no vocabulary.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

CONCEPTS: Final[dict[int, tuple[str, str, str, str, str, str]]] = {
    0: ("No matching concept", "Metadata", "None", "Undefined", "", "No matching concept"),
    756265: ("OMOP CDM 5.4", "Metadata", "CDM", "CDM", "S", "CDM v5.4"),
    8507: ("Male", "Gender", "Gender", "Gender", "S", "M"),
    8532: ("Female", "Gender", "Gender", "Gender", "S", "F"),
    9201: ("Inpatient visit", "Visit", "Visit", "Visit", "S", "IP"),
    9202: ("Outpatient visit", "Visit", "Visit", "Visit", "S", "OP"),
    9203: ("Emergency room visit", "Visit", "Visit", "Visit", "S", "ER"),
    32810: ("Claim", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976853"),
    32814: ("Cost record", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976857"),
    32815: ("Death certificate", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976858"),
    32817: ("Care record", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976890"),
    32827: ("Care record of an encounter", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976900"),
    32838: ("Care record of a prescription", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976911"),
    32855: ("Inpatient claim", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976928"),
    32861: ("Outpatient claim", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976934"),
    32869: ("Pharmacy claim", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976942"),
    32882: ("Standard algorithm", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4976955"),
    38004446: ("General practice", "Provider", "Medicare Specialty", "Physician Specialty", "S", "01"),
    44818568: ("Euro", "Currency", "Currency", "Currency", "S", "EUR"),
    44818668: ("US dollar", "Currency", "Currency", "Currency", "S", "USD"),
    1503297: ("Metformin", "Drug", "RxNorm", "Ingredient", "S", "6809"),
    201826: ("Type 2 diabetes", "Condition", "SNOMED", "Disorder", "S", "44054006"),
    320128: ("Essential hypertension", "Condition", "SNOMED", "Disorder", "S", "59621000"),
    313217: ("Atrial fibrillation", "Condition", "SNOMED", "Disorder", "S", "49436004"),
    316139: ("Heart failure", "Condition", "SNOMED", "Disorder", "S", "84114007"),
    381316: ("Stroke", "Condition", "SNOMED", "Disorder", "S", "230690007"),
    4329847: ("Myocardial infarction", "Condition", "SNOMED", "Disorder", "S", "22298006"),
    317009: ("Asthma", "Condition", "SNOMED", "Disorder", "S", "195967001"),
    255573: ("Chronic obstructive lung disease", "Condition", "SNOMED", "Disorder", "S", "13645005"),
    255848: ("Pneumonia", "Condition", "SNOMED", "Disorder", "S", "233604007"),
    192671: ("Gastrointestinal bleeding", "Condition", "SNOMED", "Disorder", "S", "74474003"),
}
"""By id: name, domain, vocabulary, class, whether it is standard, code."""
OF_CLAIMS: Final = {
    "E119": 201826,
    "I10": 320128,
    "I48": 313217,
    "I500": 316139,
    "I64": 381316,
    "I219": 4329847,
    "J459": 317009,
    "J449": 255573,
    "J189": 255848,
    "K922": 192671,
}
"""Concepts of codes of CIM-10."""
_ALWAYS: Final = ("19700101", "20991231", "")


def archive(folder: Path) -> Path:
    """Write the archive; its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "CONCEPT.csv",
        "concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept concept_code"
        " valid_start_date valid_end_date invalid_reason",
        ((number, *said, *_ALWAYS) for number, said in CONCEPTS.items()),
    )
    _write(
        folder / "CONCEPT_RELATIONSHIP.csv",
        "concept_id_1 concept_id_2 relationship_id valid_start_date valid_end_date invalid_reason",
        ((number, number, "Maps to", *_ALWAYS) for number, said in CONCEPTS.items() if said[4]),
    )
    _write(
        folder / "RELATIONSHIP.csv",
        "relationship_id relationship_name is_hierarchical defines_ancestry reverse_relationship_id relationship_concept_id",
        [("Maps to", "Maps to", 0, 0, "Mapped from", 0)],
    )
    _write(
        folder / "VOCABULARY.csv",
        "vocabulary_id vocabulary_name vocabulary_reference vocabulary_version vocabulary_concept_id",
        ((name, name, "", "demonstration" if name == "None" else "", 0) for name in _column(2)),
    )
    for name, place in (("DOMAIN", 1), ("CONCEPT_CLASS", 3)):
        kind = name.lower()
        header = f"{kind}_id {kind}_name {kind}_concept_id"
        _write(folder / f"{name}.csv", header, ((value, value, 0) for value in _column(place)))
    return folder


def mappings(path: Path) -> Path:
    """Write the mappings of claims codes, as a user's own; their file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["source_code", "source_concept_id", "source_vocabulary_id", "source_code_description",
                       "target_concept_id", "target_vocabulary_id", "valid_start_date", "valid_end_date", "invalid_reason"])  # fmt: skip
        for code, concept in OF_CLAIMS.items():
            rows.writerow([code, 0, "CIM10", CONCEPTS[concept][0], concept, "SNOMED", "1970-01-01", "2099-12-31", ""])
    return path


def _column(place: int) -> list[str]:
    return sorted({said[place] for said in CONCEPTS.values()})


def _write(path: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    lines = ["\t".join(header.split()), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
