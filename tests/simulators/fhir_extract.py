"""The persons of `synthea_extract` as FHIR R4: the same visits, conditions and medications, as NDJSON or as one Bundle."""

import csv
import json
from pathlib import Path
from typing import Any

SNOMED, RXNORM, LOINC = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org"


def write_fhir(tables: Path, folder: Path, *, bundle: bool = False) -> None:
    """`tables`: the extract as CSV, without faults."""
    folder.mkdir(parents=True, exist_ok=True)
    resources = {
        "Patient": [_patient(row) for row in _rows(tables / "patients.csv")],
        "Encounter": [_encounter(row) for row in _rows(tables / "encounters.csv")],
        "Condition": [_condition(n, row) for n, row in enumerate(_rows(tables / "conditions.csv"))],
        "MedicationRequest": [_medication(n, row) for n, row in enumerate(_rows(tables / "medications.csv"))],
    }
    if bundle:
        entries = [{"resource": resource} for found in resources.values() for resource in found]
        (folder / "all.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
        return
    for kind, found in resources.items():
        (folder / f"{kind}.ndjson").write_text("".join(f"{json.dumps(resource)}\n" for resource in found))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": "urn:local", "code": "of our own"}, {"system": system, "code": code}], "text": "said"}


def _patient(row: dict[str, str]) -> dict[str, Any]:
    races = [{"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}}]
    return {
        "resourceType": "Patient",
        "id": row["Id"],
        "extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": races}],
        "birthDate": row["BIRTHDATE"],
        "gender": {"M": "male", "F": "female"}[row["GENDER"]],
        **({"deceasedDateTime": row["DEATHDATE"]} if row["DEATHDATE"] else {}),
        "address": [{"city": row["CITY"], "state": row["STATE"], "postalCode": row["ZIP"]}],
    }


def _encounter(row: dict[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": row["Id"],
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"urn:uuid:{row['PATIENT']}"},
        "period": {"start": row["START"], "end": row["STOP"]},
    }


def _about(row: dict[str, str]) -> dict[str, Any]:
    return {
        "subject": {"reference": f"Patient/{row['PATIENT']}"},
        "encounter": {"reference": f"Encounter/{row['ENCOUNTER']}/_history/2"},
    }


def _condition(number: int, row: dict[str, str]) -> dict[str, Any]:
    code = concept(SNOMED, row["CODE"])
    return {"resourceType": "Condition", "id": f"c{number}", "code": code, "onsetDateTime": row["START"], **_about(row)}


def _medication(number: int, row: dict[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "active",
        "medicationCodeableConcept": concept(RXNORM, row["CODE"]),
        "authoredOn": row["START"],
        **_about(row),
    }
