"""Conversion of real and published extracts: OHDSI's pair of Synthea, a hospital's MIMIC-III, the schema of the SNDS."""

from pathlib import Path

import omop_synthea
import pytest

from simulators.conversions import convert

ORIGINALS = omop_synthea.PAIRED.parent


def shared(name: str) -> Path:
    if not (ORIGINALS / name).is_dir():
        pytest.skip(f"{name} is not beside the repository")
    return ORIGINALS / name


def test_the_page_that_compares_us_with_ohdsi_is_what_the_conversion_gives():
    shared("synthea109-paired")
    text = omop_synthea.made()
    assert text == omop_synthea.PAGE.read_text(), "write it again: .venv/bin/python tests/conformance/omop_synthea.py"
    assert "not explained" not in text


def test_every_row_of_a_real_hospital_is_a_record_or_in_quarantine(tmp_path):
    """Without its two largest tables, whose mappings are like that of `outputevents`."""
    source = shared("mimic3-demo-raw")
    folder = tmp_path / "extract"
    folder.mkdir()
    for path in source.glob("*.parquet"):
        if path.stem not in ("chartevents", "labevents", "d_items"):
            (folder / path.name).symlink_to(path)
    made = convert("mimic", folder, tmp_path / "into")
    assert made.one("SELECT count(*) FROM person") == 100 == made.one("SELECT count(*) FROM death")
    assert made.one("SELECT count(*) FROM visit_occurrence") == 129
    for outcome in made.report.outcomes:
        kept = sum(outcome.written.values())
        left = sum(count for reasons in outcome.left_out.values() for count in reasons.values())
        assert kept + left == outcome.rows, outcome.mapping
    assert set(made.report.left_out()) == {"cancelled"}
    found = made.one(
        f"SELECT count(*) FROM condition_occurrence c JOIN from_condition_occurrence f ON f.id = c.condition_occurrence_id"
        f" JOIN (SELECT *, file_row_number + 1 AS line FROM read_parquet('{source}/diagnoses_icd.parquet', file_row_number = true)) s"
        " ON s.line = f.line AND s.icd9_code = c.condition_source_value"
    )
    assert found == made.one("SELECT count(*) FROM condition_occurrence") == 1_761


def test_tables_of_the_claims_base_are_read_as_their_schema_has_them(tmp_path):
    """Ten random rows each: dates and joins are right by form, never by sense."""
    folder = shared("snds-synthetic") / "schemas"
    made = convert("snds", folder, tmp_path / "into")
    mapped = {outcome.mapping for outcome in made.report.outcomes}
    assert {"events-er_pha_f", "events-er_cam_f", "events-er_bio_f", "events-t_mcoaad", "events-t_mcoaaa"} <= mapped
    assert made.one("SELECT count(*) FROM person") == 10 == made.one("SELECT count(*) FROM death")
    assert made.one("SELECT count(*) FROM visit_occurrence WHERE visit_source_value = 'PMSI MCO'") > 0
    assert made.one("SELECT count(*) FROM visit_occurrence WHERE visit_start_date IS NULL") == 0
    assert made.ask("SELECT DISTINCT length(drug_source_value) FROM drug_exposure") != []
    for outcome in made.report.outcomes:
        assert sum(outcome.written.values()) + sum(sum(r.values()) for r in outcome.left_out.values()) > 0, (
            outcome.mapping
        )
