"""A hospital of the generator as it would deliver FHIR R4: the same patients with all that must not stay, as FR Core writes it."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nexus.warehouse.building.fhir_form import BIRTH_PLACE, COMMUNE, OWN_NUMBER, WAITING_NUMBER
from nexus.warehouse.building.forms import form_of
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.intake.agreement import Agreement, Column, FileKind, IdentifierKind, Table
from nexus.warehouse.intake.manifest import FileSaid
from simulators.deliveries import UNTIL

SNOMED, RXNORM, LOINC = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org"
CLASSES = {"inpatient": "IMP", "emergency": "EMER", "ambulatory": "AMB"}
DECLARED = {
    "Patient.id": IdentifierKind.LOCAL,
    "Patient.identifier.value": IdentifierKind.NIR,
    "Patient.name.family": IdentifierKind.FAMILY_NAME,
    "Patient.name.given": IdentifierKind.GIVEN_NAME,
    "Patient.birthDate": IdentifierKind.BIRTH_DATE,
    "Patient.telecom": IdentifierKind.PHONE,
    "Patient.contact": IdentifierKind.PHONE,
    "Patient.address.line": IdentifierKind.ADDRESS,
    "Patient.text": IdentifierKind.FAMILY_NAME,
    "Patient.extension.valueAddress": IdentifierKind.ADDRESS,
    "Encounter.id": IdentifierKind.LOCAL,
    "Encounter.identifier.value": IdentifierKind.LOCAL,
}
KINDS = (
    "Patient",
    "Organization",
    "Practitioner",
    "Encounter",
    "Condition",
    "MedicationRequest",
    "Procedure",
    "Observation",
)


def resources(tables: Path) -> dict[str, list[dict[str, Any]]]:
    """Of the CSV tables of a hospital."""
    return {
        "Patient": [patient(row) for row in _rows(tables, "patients")],
        "Organization": [
            {"resourceType": "Organization", "id": row["Id"], "name": row["NAME"]}
            for row in _rows(tables, "organizations")
        ],
        "Practitioner": [
            {
                "resourceType": "Practitioner",
                "id": row["Id"],
                "name": [{"family": "Docteur-Nommé", "text": row["NAME"]}],
            }
            for row in _rows(tables, "providers")
        ],
        "Encounter": [_encounter(row) for row in _rows(tables, "encounters")],
        "Condition": [
            _about(n, row, "Condition", code=_code(SNOMED, row), onsetDateTime=row["START"])
            for n, row in enumerate(_rows(tables, "conditions"))
        ],
        "MedicationRequest": [
            _about(n, row, "MedicationRequest", medicationCodeableConcept=_code(RXNORM, row), authoredOn=row["START"])
            for n, row in enumerate(_rows(tables, "medications"))
        ],
        "Procedure": [
            _about(n, row, "Procedure", code=_code(SNOMED, row), performedDateTime=row["START"])
            for n, row in enumerate(_rows(tables, "procedures"))
        ],
        "Observation": [_observation(n, row) for n, row in enumerate(_rows(tables, "observations"))],
    }


def patient(row: dict[str, str]) -> dict[str, Any]:
    """With narrative, telecom, contact, address: all that must not stay."""
    number = row["SSN"]
    system = WAITING_NUMBER if number[:1] in ("7", "8") else OWN_NUMBER
    own = [{"use": "official", "system": system, "value": number}] if number else []
    site = {"type": {"coding": [{"code": "PI"}]}, "system": "urn:oid:1.2.250.1.71.4.2.7", "value": f"IPP{row['Id']}"}
    names = [{"use": "official", "family": row["MAIDEN"] or row["LAST"], "given": [row["FIRST"]]}]
    names += [{"use": "usual", "family": row["LAST"], "given": [row["FIRST"]]}] if row["MAIDEN"] else []
    insee = {"url": COMMUNE[0], "valueCoding": {"code": row["BIRTHPLACE"]}}
    place = [{"url": BIRTH_PLACE, "valueAddress": {"extension": [insee]}}] if row["BIRTHPLACE"] else []
    return {
        "resourceType": "Patient",
        "id": row["Id"],
        "text": {"status": "generated", "div": f"<div>{row['FIRST']} {row['LAST']}, {number}, {row['ADDRESS']}</div>"},
        "extension": place,
        "identifier": [*own, site],
        "name": names,
        "telecom": [{"system": "phone", "value": f"06{row['Id'][:8]}"}],
        "contact": [{"name": {"family": f"Proche-{row['LAST']}"}}],
        "gender": {"M": "male", "F": "female"}.get(row["GENDER"], "unknown"),
        "birthDate": row["BIRTHDATE"],
        **({"deceasedDateTime": row["DEATHDATE"]} if row["DEATHDATE"] else {}),
        **({"multipleBirthInteger": int(row["BIRTH_RANK"])} if row["BIRTH_RANK"] else {}),
        "address": [{"line": [row["ADDRESS"]], "city": row["CITY"], "postalCode": row["ZIP"]}],
    }


def _encounter(row: dict[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": row["Id"],
        "identifier": [{"system": "urn:stays", "value": f"NDA{row['Id']}"}],
        "status": "finished",
        "class": {"code": CLASSES.get(row["ENCOUNTERCLASS"], "AMB")},
        "subject": {"reference": f"Patient/{row['PATIENT']}", "display": "Nom-Affiché"},
        "period": {"start": row["START"], "end": row["STOP"]},
        "serviceProvider": {"reference": f"Organization/{row['ORGANIZATION']}"},
        "participant": [{"individual": {"reference": f"Practitioner/{row['PROVIDER']}"}}],
    }


def _about(number: int, row: dict[str, str], kind: str, **more: Any) -> dict[str, Any]:
    whose = (f"Patient/{row['PATIENT']}", f"https://fhir.hopital.example/r4/Patient/{row['PATIENT']}/_history/3")
    return {
        "resourceType": kind,
        "id": f"{kind.lower()}-{number}",
        "status": "completed" if kind == "Procedure" else "active",
        "subject": {"reference": whose[number % 2], "display": "Nom-Affiché"},
        "encounter": {"reference": f"Encounter/{row['ENCOUNTER']}"},
        "note": [{"text": "Note-Libre des suites"}],
        **more,
    }


def _observation(number: int, row: dict[str, str]) -> dict[str, Any]:
    value = {"value": float(row["VALUE"]), "code": row["UNITS"]} if row["TYPE"] == "numeric" else None
    told = {"valueQuantity": value} if value else {"valueString": row["VALUE"]}
    return _about(
        number, row, "Observation", code=_code(LOINC, row), effectiveDateTime=row["DATE"], **{"status": "final", **told}
    )


def _code(system: str, row: dict[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": row["CODE"]}]}


def _rows(tables: Path, name: str) -> list[dict[str, str]]:
    path = tables / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(found: dict[str, list[dict[str, Any]]], into: Path, *, bundle: bool = False) -> Path:
    """A folder with a file for each kind, or with one Bundle."""
    into.mkdir(parents=True)
    if bundle:
        bundled(into / "all.json", (resource for some in found.values() for resource in some))
        return into
    for kind, some in found.items():
        lines = "".join(f"{json.dumps(resource, ensure_ascii=False)}\n" for resource in some)
        (into / f"{kind}.ndjson").write_text(lines, encoding="utf-8")
    return into


def bundled(path: Path, found: Iterable[dict[str, Any]]) -> None:
    """A Bundle of resources; one with `fullUrl` in it has it as the entry's."""
    entries = []
    for resource in found:
        address = {"fullUrl": resource["fullUrl"]} if "fullUrl" in resource else {}
        entries.append({**address, "resource": {name: each for name, each in resource.items() if name != "fullUrl"}})
    document = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def agreed(folder: Path, declared: dict[str, IdentifierKind] | None = None) -> Agreement:
    """What is agreed about the FHIR files of a folder."""
    named = DECLARED if declared is None else declared
    tables = []
    for path in sorted(folder.iterdir()):
        kinds = KINDS if path.suffix == ".json" else (path.stem,)
        columns = tuple(
            Column(name=name, identifier=kind) for name, kind in named.items() if name.partition(".")[0] in kinds
        )
        kind = FileKind.FHIR_BUNDLE if path.suffix == ".json" else FileKind.FHIR_NDJSON
        tables.append(Table(name=path.stem.lower(), kind=kind, resources=kinds, columns=columns))
    return Agreement(schema_version="2026.1", tables=tuple(tables), fresh_days=1_000)


def extract(
    provider: str, folder: Path, number: int = 1, *, declared: dict[str, IdentifierKind] | None = None
) -> Extract:
    """A delivery of FHIR as a build reads it. Keys of its files are their paths."""
    agreement = agreed(folder, declared)
    form = form_of(provider, agreement)
    files, whole = [], hashlib.sha256()
    for count, path in enumerate(sorted(folder.iterdir()), 1):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        whole.update(digest.encode())
        table = agreement.table(path.stem.lower())
        rows = content.count(b"\n") or content.count(b'"resourceType"') - 1
        said = FileSaid(name=path.name, table=table.name, sha256=digest, bytes=len(content), rows=rows)
        files.append(File(count, said, str(path), "1", table, form.tables(table)))
    return Extract(provider, provider, f"{provider}-in", number, whole.hexdigest(), UNTIL, form, tuple(files))


def clear(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    """Every text of the resources that says who somebody is, and is long enough not to stand anywhere by chance."""
    texts: Counter[str] = Counter()
    for one in found["Patient"]:
        texts.update([one["id"], one["text"]["div"], one["telecom"][0]["value"], one["contact"][0]["name"]["family"]])
        texts.update(each["value"] for each in one["identifier"])
        texts.update(text for name in one["name"] for text in (name["family"], *name["given"]))
        texts.update(one["address"][0]["line"])
    for one in found["Encounter"]:
        texts.update([one["id"], one["identifier"][0]["value"]])
    texts.update(one["name"][0]["text"] for one in found["Practitioner"])
    texts.update(["Nom-Affiché", "Note-Libre des suites", "Docteur-Nommé"])
    return set(texts) - {""}
