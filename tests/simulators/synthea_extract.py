"""A small extract as Synthea writes them, made from a seed, with faults at known lines; and a small archive as Athena sends them."""

import csv
import random
from dataclasses import dataclass, field
from pathlib import Path

PERSONS = 12
FLU, DIABETES, CONSULTATION, ASPIRIN_81, ASPIRIN = "6142004", "44054006", "11429006", "243670", "1191"
UNKNOWN_CODE = "999999999"
TWICE = "190330002"
"""A code with two standard concepts."""
CONCEPTS = {
    0: ("No matching concept", "Metadata", "None", "Undefined", "", "0"),
    8507: ("MALE", "Gender", "Gender", "Gender", "S", "M"),
    8532: ("FEMALE", "Gender", "Gender", "Gender", "S", "F"),
    8527: ("White", "Race", "Race", "Race", "S", "5"),
    38003564: ("Not Hispanic", "Ethnicity", "Ethnicity", "Ethnicity", "S", "NH"),
    9201: ("Inpatient Visit", "Visit", "Visit", "Visit", "S", "IP"),
    9202: ("Outpatient Visit", "Visit", "Visit", "Visit", "S", "OP"),
    32827: ("EHR encounter record", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP1"),
    32838: ("EHR prescription", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP2"),
    32882: ("Standard algorithm", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP3"),
    32817: ("EHR", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP4"),
    32814: ("Cost record", "Type Concept", "Type Concept", "Type Concept", "S", "OMOP5"),
    44818668: ("US dollar", "Currency", "Currency", "Currency", "S", "USD"),
    756265: ("CDM v5.4", "Metadata", "CDM", "CDM", "S", "CDM v5.4"),
    38004446: ("General Practice", "Provider", "Medicare Specialty", "Physician Specialty", "S", "01"),
    4266367: ("Influenza", "Condition", "SNOMED", "Disorder", "S", FLU),
    201826: ("Type 2 diabetes", "Condition", "SNOMED", "Disorder", "S", DIABETES),
    4214956: ("Consultation", "Procedure", "SNOMED", "Procedure", "S", CONSULTATION),
    4048171: ("Diabetes with neuropathy", "Condition", "SNOMED", "Disorder", "", TWICE),
    443732: ("Neuropathy", "Condition", "SNOMED", "Disorder", "S", "386033004"),
    19059056: ("aspirin 81 MG Oral Tablet", "Drug", "RxNorm", "Clinical Drug", "S", ASPIRIN_81),
    1112807: ("aspirin", "Drug", "RxNorm", "Ingredient", "S", ASPIRIN),
    44829078: ("Influenza, virus not identified", "Condition", "ICD10", "ICD10 code", "", "J11.1"),
}  # fmt: skip
MAPS = [(c, c) for c, row in CONCEPTS.items() if row[4]] + [(4048171, 201826), (4048171, 443732), (44829078, 4266367)]


@dataclass
class Truth:
    """What a right conversion finds."""

    persons: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    conditions: int = 0


def write_extract(folder: Path, seed: int = 7, *, faults: bool = True, persons: int = PERSONS) -> Truth:
    """patients, encounters, conditions, medications; with `faults`, each kind of row that cannot be used."""
    folder.mkdir(parents=True, exist_ok=True)
    chance, truth = random.Random(seed), Truth()
    patients, encounters, conditions, medications = [], [], [], []
    for number in range(persons):
        person = f"p{number:03}"
        died = "2021-05-04T10:00:00Z" if number == 3 else ""
        born = f"{chance.randint(1940, 2000)}-0{chance.randint(1, 9)}-11"
        patients.append(
            [person, born, died, "M" if number % 2 else "F", "white", "nonhispanic", "Lyon", "ARA", "69001"]
        )
        for visit in range(3):
            at = f"20{chance.randint(10, 19)}-0{chance.randint(1, 9)}-1{visit}"
            encounter = f"e{number:03}{visit}"
            encounters.append([encounter, f"{at}T08:00:00Z", f"{at}T09:30:00Z", person, "ambulatory", CONSULTATION])
            code = chance.choice([FLU, DIABETES, TWICE, CONSULTATION, UNKNOWN_CODE])
            conditions.append([at, "", person, encounter, code, f"said,\n{code}" if visit == 1 else "said"])
            truth.conditions += {TWICE: 2, CONSULTATION: 0}.get(code, 1)
            medications.append(
                [f"{at}T08:00:00Z", f"{at[:8]}28T08:00:00Z", person, encounter, ASPIRIN_81, "3", "12.5", "10"]
            )
    truth.persons = persons
    if faults:
        patients.append(["p900", "", "", "F", "white", "nonhispanic", "Lyon", "ARA", "69001"])
        first = conditions[0]
        conditions += [
            ["2015-02-03", "", "p777", "e0000", FLU, "nobody knows this person"],
            ["2015-02-03", "", "", "e0000", FLU, "no person"],
            ["", "", "p001", "e0010", FLU, "no date"],
            ["03/02/2015", "", "p001", "e0010", FLU, "no such date"],
            ["2999-01-01", "", "p001", "e0010", FLU, "not yet"],
            ["1901-01-01", "", "p001", "e0010", FLU, "not born"],
            ["2015-02-03", "", "p001", "e0010", "", "no code"],
            first,
        ]
        again = 1 if first[4] != TWICE else 2
        truth.left_out = {
            "unknown-person": 1, "no-person": 1, "no-date": 1, "bad-date": 1, "in-the-future": 1, "before-birth": 1,
            "no-code": 1, "duplicate": again, "no-year-of-birth": 1,
        }  # fmt: skip
    _write(folder / "patients.csv", "Id,BIRTHDATE,DEATHDATE,GENDER,RACE,ETHNICITY,CITY,STATE,ZIP", patients)
    _write(folder / "encounters.csv", "Id,START,STOP,PATIENT,ENCOUNTERCLASS,CODE", encounters)
    _write(folder / "conditions.csv", "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION", conditions)
    _write(
        folder / "medications.csv", "START,STOP,PATIENT,ENCOUNTER,CODE,DISPENSES,TOTALCOST,PAYER_COVERAGE", medications
    )
    truth.rows = {"patients": len(patients), "encounters": len(encounters), "conditions": len(conditions)}
    truth.rows["medications"] = len(medications)
    return truth


def write_athena(folder: Path) -> Path:
    """The tables of an archive that these codes need."""
    folder.mkdir(parents=True, exist_ok=True)
    concepts = [[i, n, d, v, c, s, code, "19700101", "20991231", ""] for i, (n, d, v, c, s, code) in CONCEPTS.items()]
    _tabbed(
        folder / "CONCEPT.csv",
        "concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept concept_code"
        " valid_start_date valid_end_date invalid_reason",
        concepts,
    )
    relations = [[a, b, "Maps to", "19700101", "20991231", ""] for a, b in MAPS]
    _tabbed(
        folder / "CONCEPT_RELATIONSHIP.csv",
        "concept_id_1 concept_id_2 relationship_id valid_start_date valid_end_date invalid_reason",
        relations,
    )
    ancestors = [[c, c, 0, 0] for c in CONCEPTS if c] + [[1112807, 19059056, 1, 1]]
    _tabbed(
        folder / "CONCEPT_ANCESTOR.csv",
        "ancestor_concept_id descendant_concept_id min_levels_of_separation max_levels_of_separation",
        ancestors,
    )
    _tabbed(
        folder / "RELATIONSHIP.csv",
        "relationship_id relationship_name is_hierarchical defines_ancestry reverse_relationship_id relationship_concept_id",
        [["Maps to", "Maps to", 0, 0, "Mapped from", 0]],
    )
    vocabularies = sorted({row[2] for row in CONCEPTS.values()})
    _tabbed(
        folder / "VOCABULARY.csv",
        "vocabulary_id vocabulary_name vocabulary_reference vocabulary_version vocabulary_concept_id",
        [[name, name, "", "v5.0 TEST" if name == "None" else "", 0] for name in vocabularies],
    )
    for name in ("DOMAIN", "CONCEPT_CLASS"):
        column = 1 if name == "DOMAIN" else 3
        values = sorted({row[column] for row in CONCEPTS.values()})
        header = " ".join(f"{name.lower()}_{part}" for part in ("id", "name", "concept_id"))
        _tabbed(folder / f"{name}.csv", header, [[value, value, 0] for value in values])
    return folder


def _write(path: Path, header: str, rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        file.write(f"{header}\n")
        csv.writer(file, lineterminator="\n").writerows(rows)


def _tabbed(path: Path, header: str, rows: list[list]) -> None:
    lines = ["\t".join(header.split()), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
