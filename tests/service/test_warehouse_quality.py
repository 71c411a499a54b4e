"""The quality gate: every kind of check finds what it is there to find, and nothing in data that are right."""

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Damaged, Invalid
from nexus.warehouse.quality import report, results
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.quality.checks import Kind, Severity, checks
from nexus.warehouse.quality.compiling import compile_checks
from nexus.warehouse.quality.gate import run
from nexus.warehouse.quality.results import State
from nexus.warehouse.quality.trends import domains
from simulators.omop import FEMALE, FLU, GLUCOSE, PROSTATITIS, SmallCdm

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "omop-spec"


def gate(folder: Path, *only: str):
    with open_cdm(folder, threads=1) as cdm:
        return run(cdm, "small", Instant(0), only=only)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return gate(SmallCdm().write(tmp_path_factory.mktemp("sound")))


def of(found, check_id):
    return next(result for result in found.results if result.id == check_id)


def test_every_line_of_the_public_tables_is_checked():
    """2,535 by the dashboard's own count, and four integers that it misses because they are written `Integer`."""
    assert len(checks()) == 2_539
    assert {check.kind for check in checks()} == set(Kind) and len(Kind) == 27
    assert len({check.id for check in checks()}) == len(checks())


@pytest.mark.skipif(not PUBLIC.exists(), reason="the public tables of OHDSI are not beside the repository")
def test_the_kept_lines_are_those_of_the_public_tables():
    assert compile_checks(PUBLIC) == list(checks())


def test_data_that_are_right_pass(sound):
    assert [(each.id, each.violated) for each in sound.failed(Severity.FATAL, Severity.CONVENTION)] == []
    looked = {each.kind for each in sound.results if each.state is State.PASSED}
    assert set(Kind) - looked == {Kind.GENDER, Kind.GENDER_DESCENDANTS}, "nobody has such a concept yet"


SPOILT = {
    "cdmTable.drug_era": "DROP TABLE drug_era",
    "measurePersonCompleteness.observation_period": "DELETE FROM observation_period WHERE person_id = 2",
    "measureConditionEraCompleteness.condition_era": "DELETE FROM condition_era WHERE person_id = 2",
    "measureObservationPeriodOverlap.observation_period": "UPDATE observation_period SET person_id = 1 WHERE person_id = 2",
    "cdmField.person.race_source_value": "ALTER TABLE person DROP race_source_value",
    "isRequired.person.gender_concept_id": "UPDATE person SET gender_concept_id = NULL WHERE person_id = 2",
    "cdmDatatype.person.year_of_birth": "ALTER TABLE person ALTER year_of_birth TYPE VARCHAR;"
    " UPDATE person SET year_of_birth = 'MCMLXXX' WHERE person_id = 2",
    "isPrimaryKey.condition_occurrence.condition_occurrence_id": "UPDATE condition_occurrence SET condition_occurrence_id = 1",
    "isForeignKey.condition_occurrence.person_id": "UPDATE condition_occurrence SET person_id = 99 WHERE person_id = 2",
    "isForeignKey.measurement.measurement_concept_id": "UPDATE measurement SET measurement_concept_id = 99",
    "fkDomain.measurement.unit_concept_id": f"UPDATE measurement SET unit_concept_id = {FLU}",
    "fkClass.drug_era.drug_concept_id": f"UPDATE drug_era SET drug_concept_id = {FLU}",
    "isStandardValidConcept.condition_occurrence.condition_concept_id": "UPDATE concept SET standard_concept = NULL"
    f" WHERE concept_id = {FLU}",
    "standardConceptRecordCompleteness.condition_occurrence.condition_concept_id": "UPDATE condition_occurrence"
    " SET condition_concept_id = 0",
    "sourceConceptRecordCompleteness.condition_occurrence.condition_source_concept_id": "UPDATE condition_occurrence"
    " SET condition_source_concept_id = 0",
    "sourceValueCompleteness.condition_occurrence.condition_source_value": "UPDATE condition_occurrence"
    " SET condition_concept_id = 0",
    "plausibleValueLow.person.year_of_birth": "UPDATE person SET year_of_birth = 1066",
    "plausibleValueHigh.measurement.measurement_date": "UPDATE measurement SET measurement_date = '2199-01-01'",
    "plausibleTemporalAfter.condition_occurrence.condition_start_date": "UPDATE condition_occurrence"
    " SET condition_start_date = '1901-01-01'",
    "plausibleDuringLife.condition_occurrence.condition_start_date": "UPDATE condition_occurrence"
    " SET condition_start_date = '2024-12-24'",
    "plausibleBeforeDeath.condition_occurrence.condition_start_date": "UPDATE condition_occurrence"
    " SET condition_start_date = '2024-12-24'",
    "plausibleAfterBirth.measurement.measurement_date": "UPDATE measurement SET measurement_date = '1949-12-31'",
    "withinVisitDates.measurement.measurement_date": "UPDATE measurement SET measurement_date = '2020-05-10'",
    "plausibleStartBeforeEnd.condition_occurrence.condition_start_date": "UPDATE condition_occurrence"
    " SET condition_end_date = '2020-04-30'",
    f"plausibleUnitConceptIds.measurement.measurement_concept_id.{GLUCOSE}": "UPDATE measurement SET unit_concept_id = 0",
}


@pytest.mark.parametrize("check_id", SPOILT)
def test_what_is_spoilt_is_found_by_its_check(check_id, sound, tmp_path):
    """A control for each kind: the check passes on data that are right, and fails on these."""
    assert of(sound, check_id).state is State.PASSED
    cdm = SmallCdm()
    cdm.spoil(SPOILT[check_id])
    found = of(gate(cdm.write(tmp_path / "spoilt"), check_id.split(".")[1]), check_id)
    assert (found.state, found.violated > 0) == (State.FAILED, True)


@pytest.mark.parametrize("kind", [Kind.GENDER, Kind.GENDER_DESCENDANTS])
def test_a_diagnosis_of_men_that_women_have_is_found(kind, tmp_path):
    wanted = next(
        check for check in checks()
        if check.kind is kind and check.table == "condition_occurrence" and check.parameter != str(FEMALE)
    )  # fmt: skip
    cdm, concept = SmallCdm(), wanted.concepts[0]
    cdm.spoil(f"UPDATE concept SET concept_id = {concept} WHERE concept_id = {PROSTATITIS}")
    cdm.spoil(f"INSERT INTO concept_ancestor VALUES ({concept}, {concept}, 0, 0)")
    cdm.spoil(f"UPDATE condition_occurrence SET condition_concept_id = {concept} WHERE person_id = 1")
    assert of(gate(cdm.write(tmp_path / "men"), wanted.table), wanted.id).state is State.PASSED
    cdm.spoil(f"UPDATE condition_occurrence SET condition_concept_id = {concept}")
    found = of(gate(cdm.write(tmp_path / "women"), wanted.table), wanted.id)
    assert (found.state, found.violated, found.looked_at) == (State.FAILED, 2, 3)


def test_a_cdm_of_nobody_stops_the_release(tmp_path):
    cdm = SmallCdm()
    for table in (
        "person",
        "observation_period",
        "visit_occurrence",
        "condition_occurrence",
        "drug_exposure",
        "measurement",
    ):
        cdm.spoil(f"DELETE FROM {table}")
    found = gate(cdm.write(tmp_path))
    assert "cdmTable.person" in [result.id for result in found.failed(Severity.FATAL)]


def test_nothing_to_look_at_is_never_passed(tmp_path):
    cdm = SmallCdm()
    cdm.spoil("DELETE FROM measurement")
    found = gate(cdm.write(tmp_path / "empty"), "measurement")
    states = {
        each.state
        for each in found.results
        if each.table == "measurement" and each.kind not in (Kind.TABLE, Kind.FIELD)
    }
    assert states - {State.NOT_APPLICABLE} <= {State.FAILED}


@pytest.mark.parametrize("type_", ["BIGINT", "VARCHAR", "DOUBLE", "BOOLEAN"])
def test_files_with_wrong_types_are_judged_and_do_not_stop_the_gate(type_, tmp_path):
    cdm = SmallCdm()
    for field in ("condition_start_date", "condition_end_date", "person_id", "condition_concept_id"):
        cdm.spoil(
            f'ALTER TABLE condition_occurrence DROP "{field}"; ALTER TABLE condition_occurrence ADD "{field}" {type_}'
        )
        cdm.spoil(f"UPDATE condition_occurrence SET \"{field}\" = try_cast('1' AS {type_})")
    found = gate(cdm.write(tmp_path / "odd"), "condition_occurrence")
    after = of(found, "plausibleTemporalAfter.condition_occurrence.condition_start_date")
    assert after.state in (State.FAILED, State.NOT_APPLICABLE, State.PASSED)
    if type_ in ("BIGINT", "DOUBLE", "BOOLEAN"):
        assert after.state is State.FAILED, "whatever stands there is no day"


def test_a_second_death_or_visit_row_counts_no_record_twice(sound, tmp_path):
    cdm = SmallCdm()
    cdm.spoil("INSERT INTO death SELECT * FROM death")
    cdm.spoil("INSERT INTO visit_occurrence SELECT * FROM visit_occurrence")
    cdm.spoil("INSERT INTO person SELECT * FROM person")
    found = gate(cdm.write(tmp_path / "twice"), "measurement")
    for check_id in ("plausibleBeforeDeath", "withinVisitDates", "plausibleAfterBirth"):
        now, before = (of(one, f"{check_id}.measurement.measurement_date") for one in (found, sound))
        assert now.looked_at == before.looked_at


def test_broken_and_missing_files_are_said(tmp_path):
    with pytest.raises(Invalid), open_cdm(tmp_path):
        pass
    (tmp_path / "person.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(Damaged), open_cdm(tmp_path):
        pass


def test_a_table_may_be_a_folder_and_columns_may_be_in_capitals(tmp_path):
    SmallCdm().write(tmp_path)
    (tmp_path / "death.parquet").unlink()
    (tmp_path / "death").mkdir()
    for part in ("a", "b"):
        duckdb.sql("SELECT 1 AS PERSON_ID, DATE '2024-06-01' AS DEATH_DATE").write_parquet(
            str(tmp_path / "death" / f"{part}.parquet")
        )
    with open_cdm(tmp_path, threads=1) as cdm:
        assert cdm.tables["death"] == {"person_id": "INTEGER", "death_date": "DATE"}
        assert cdm.row("SELECT count(*) FROM death") == (2,)


def test_two_runs_are_compared(sound, tmp_path):
    cdm = SmallCdm()
    cdm.spoil("UPDATE condition_occurrence SET condition_end_date = '2020-04-30'")
    cdm.spoil("DELETE FROM drug_era")
    found = gate(cdm.write(tmp_path / "later"))
    changed = results.compare(results.decode(results.encode(sound)), found)
    assert "plausibleStartBeforeEnd.condition_occurrence.condition_start_date" in [each.id for each in changed.broken]
    assert changed.rows["drug_era"] == (3, 0)
    assert results.compare(found, sound).mended


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"version": 2, "cdm": "x", "at": 0, "results": [], "tables": []}']
)
def test_what_is_no_kept_run_is_refused(content):
    with pytest.raises(Invalid):
        results.decode(content)


def test_the_report_says_it_in_both_languages_and_loads_nothing(tmp_path):
    cdm = SmallCdm()
    cdm.spoil("UPDATE condition_occurrence SET condition_end_date = '2020-04-30'")
    cdm.spoil(
        "UPDATE measurement SET measurement_source_value = '<script>alert(1)</script>', measurement_concept_id = 0"
    )
    folder = cdm.write(tmp_path / "shown")
    with open_cdm(folder, threads=1) as opened:
        found = run(opened, "<b>small</b>", Instant(0), only=["condition_occurrence", "measurement"])
        shown = tuple(domains(opened))
    for french, words in (
        (False, ("starts after its end", "Conditions")),
        (True, ("commence après sa fin", "Diagnostics")),
    ):
        page = report.render(found, shown, french=french)
        assert all(word in page for word in words)
        assert "<b>" not in page and "<script" not in page
        assert not re.search(r"(src|href|url)\s*[=(]", page)


def test_codes_that_are_rare_are_counted_and_not_shown(tmp_path):
    """A rare code may point at a person: below 11 records it is not written into a report."""
    cdm = SmallCdm()
    for number in range(100, 112):
        cdm.add(
            "condition_occurrence",
            condition_occurrence_id=number,
            person_id=1,
            condition_concept_id=0,
            condition_source_value="FREQ",
        )
    cdm.add(
        "condition_occurrence",
        condition_occurrence_id=200,
        person_id=2,
        condition_concept_id=0,
        condition_source_value="RARE",
    )
    with open_cdm(cdm.write(tmp_path / "codes"), threads=1) as opened:
        found = next(each for each in domains(opened) if each.table == "condition_occurrence")
    assert [each.code for each in found.unmapped] == ["FREQ"]
    assert found.rare == 1


def test_the_command_stops_a_release_and_keeps_the_run(tmp_path):
    folder, kept, shown = SmallCdm().write(tmp_path / "cdm"), tmp_path / "run.json", tmp_path / "report.html"

    def command(*arguments):
        asked = [sys.executable, "-m", "nexus", "warehouse", "check", str(folder), "--json", *arguments]
        return subprocess.run(asked, capture_output=True, text=True, check=False)

    first = command("--result", str(kept), "--report", str(shown))
    assert (first.returncode, json.loads(first.stdout)["stopped"]) == (0, False), first.stderr
    assert kept.stat().st_mode & 0o077 == shown.stat().st_mode & 0o077 == 0
    (folder / "drug_era.parquet").unlink()
    second = command("--since", str(kept))
    assert second.returncode == 1
    assert "cdmTable.drug_era" in [each["id"] for each in json.loads(second.stdout)["changes"]["broken"]]
    assert command("--since", str(shown)).returncode == 2
