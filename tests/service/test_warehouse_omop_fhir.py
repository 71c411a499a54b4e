"""FHIR R4 becomes OMOP: as NDJSON and as Bundles, alike, and as the same patients' tables do."""

import json
from pathlib import Path

import pytest

from nexus.kernel.errors import Invalid
from nexus.warehouse.omop import spec
from nexus.warehouse.omop.vocabulary import Given
from simulators.conversions import Converted, convert
from simulators.fhir_extract import LOINC, SNOMED, concept, write_fhir
from simulators.synthea_extract import ASPIRIN_81, FLU, write_athena, write_extract


@pytest.fixture(scope="module")
def at(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fhir")
    write_athena(folder / "athena")
    write_extract(folder / "tables", faults=False)
    write_fhir(folder / "tables", folder / "lines")
    return folder


@pytest.fixture(scope="module")
def lines(at) -> Converted:
    return convert("fhir", at / "lines", at / "from-lines", given=Given(at / "athena"))


def test_the_same_patients_by_tables_and_by_fhir_are_the_same_records(at, lines):
    """Keys differ, since sources name things in their own way. What FHIR does not tell the same: the class of a visit is of HL7, an
    end of a prescription is not in a request."""
    tables = convert("synthea", at / "tables", at / "from-tables", given=Given(at / "athena"))
    for asked in (
        "SELECT person_source_value, gender_concept_id, year_of_birth, month_of_birth, day_of_birth, race_concept_id FROM person",
        "SELECT person_id, death_date FROM death",
        "SELECT visit_source_value, visit_concept_id, visit_start_datetime, visit_end_datetime, person_id FROM visit_occurrence",
        "SELECT person_id, visit_occurrence_id, condition_concept_id, condition_source_value, condition_start_date"
        " FROM condition_occurrence",
        "SELECT person_id, visit_occurrence_id, drug_concept_id, drug_source_value, drug_exposure_start_datetime FROM drug_exposure",
        "SELECT person_id, procedure_concept_id, procedure_date FROM procedure_occurrence",
        "SELECT person_id, observation_period_start_date, observation_period_end_date FROM observation_period",
        "SELECT city, zip FROM location",
    ):
        found = lines.ask(f"{asked} ORDER BY ALL")
        assert found == tables.ask(f"{asked} ORDER BY ALL"), asked
        assert found, asked


def test_a_bundle_gives_what_lines_give(at, lines):
    write_fhir(at / "tables", at / "bundle", bundle=True)
    made = convert("fhir", at / "bundle", at / "from-bundle", given=Given(at / "athena"))
    for table in spec.CONVERTED:
        asked = f"SELECT * FROM {table} ORDER BY ALL"
        assert made.ask(asked) == lines.ask(asked), table


def test_a_record_leads_back_to_the_line_of_its_resource(at, lines):
    written = (at / "lines" / "Condition.ndjson").read_text().splitlines()
    found = lines.ask(
        "SELECT line, condition_source_value FROM condition_occurrence JOIN from_condition_occurrence ON id = condition_occurrence_id"
    )
    assert found
    for line, code in found:
        assert json.loads(written[line - 1])["code"]["coding"][1]["code"] == code


def test_what_is_no_resource_or_did_not_happen_stands_in_quarantine(at, tmp_path):
    write_fhir(at / "tables", tmp_path / "in")
    path = tmp_path / "in" / "Condition.ndjson"
    about = {"resourceType": "Condition", "code": concept(SNOMED, FLU), "subject": {"reference": "Patient/p001"}}
    refuted = {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    added = [
        '{"resourceType": "Condition", "id": ',
        json.dumps({**about, "id": "x1", "onsetDateTime": "2015-02-03", **refuted}),
        json.dumps({**about, "id": "x2"}),
        json.dumps({**about, "id": "x3", "onsetDateTime": "2015-02-03", "subject": {"reference": "Patient/nobody"}}),
    ]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "", *added, *lines[1:]]) + "\n")
    made = convert("fhir", tmp_path / "in", tmp_path / "into", given=Given(at / "athena"))
    found = made.ask("SELECT line, reason FROM quarantine ORDER BY line")
    assert found == [(3, "unreadable-line"), (4, "cancelled"), (5, "no-date"), (6, "unknown-person")]


def test_parts_of_an_observation_and_medications_that_are_referred_to_are_records(at, tmp_path):
    write_fhir(at / "tables", tmp_path / "in")
    pressure = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept(LOINC, "85354-9"),
        "subject": {"reference": "Patient/p001"},
        "effectiveDateTime": "2016-01-02T08:00:00+01:00",
        "component": [
            {"code": concept(LOINC, "8480-6"), "valueQuantity": {"value": 120, "code": "mm[Hg]"}},
            {"code": concept(LOINC, "8462-4"), "valueQuantity": {"value": 80.5, "code": "mm[Hg]"}},
        ],
    }
    (tmp_path / "in" / "Observation.000.ndjson").write_text(json.dumps(pressure) + "\n")
    medication = {"resourceType": "Medication", "id": "med1", "code": concept("urn:local", "no") | {"coding": []}}
    medication["code"] = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": ASPIRIN_81}]}
    given = {
        "resourceType": "MedicationAdministration",
        "id": "a1",
        "status": "completed",
        "medicationReference": {"reference": "Medication/med1"},
        "subject": {"reference": "Patient/p001"},
        "effectivePeriod": {"start": "2016-01-02T09:00:00Z", "end": "2016-01-02T09:05:00Z"},
        "dosage": {"dose": {"value": 2, "unit": "tablet"}},
    }
    (tmp_path / "in" / "Medication.ndjson").write_text(json.dumps(medication) + "\n")
    (tmp_path / "in" / "MedicationAdministration.ndjson").write_text(json.dumps(given) + "\n")
    made = convert("fhir", tmp_path / "in", tmp_path / "into", given=Given(at / "athena"))
    asked = "SELECT measurement_source_value, value_as_number, unit_source_value, measurement_datetime::VARCHAR FROM measurement"
    assert made.ask(f"{asked} ORDER BY 1") == [
        ("8462-4", 80.5, "mm[Hg]", "2016-01-02 08:00:00"),
        ("8480-6", 120.0, "mm[Hg]", "2016-01-02 08:00:00"),
    ]
    asked = "SELECT drug_concept_id, quantity FROM drug_exposure WHERE drug_type_concept_id = 32818"
    assert made.ask(asked) == [(19059056, 2.0)]


def test_a_file_that_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all.json").write_text('{"resourceType": "Patient"}')
    with pytest.raises(Invalid, match=r"all.json is no Bundle"):
        convert("fhir", tmp_path / "in", tmp_path / "into")
