"""Conversion to OMOP: every row is a record, or in quarantine with its reason; keys stay; every record knows its line."""

import csv
import shutil
from pathlib import Path

import pytest

from nexus.kernel.errors import Conflict, Invalid
from nexus.warehouse.omop import spec
from nexus.warehouse.omop.compiling import compile_fields
from nexus.warehouse.omop.vocabulary import Given
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.quality.checks import Kind, checks
from simulators.conversions import Converted, convert
from simulators.synthea_extract import DIABETES, TWICE, Truth, write_athena, write_extract

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "omop-spec" / "OMOP_CDMv5.4_Field_Level.csv"


@pytest.fixture(scope="module")
def athena(tmp_path_factory) -> Given:
    return Given(write_athena(tmp_path_factory.mktemp("athena")))


@pytest.fixture(scope="module")
def extract(tmp_path_factory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("extract")
    return folder, write_extract(folder)


@pytest.fixture(scope="module")
def converted(extract, athena, tmp_path_factory) -> Converted:
    return convert("synthea", extract[0], tmp_path_factory.mktemp("into"), given=athena, piece=20)


@pytest.mark.skipif(not PUBLIC.exists(), reason="the public tables of OHDSI are not beside the repository")
def test_the_kept_fields_are_those_of_the_public_table():
    assert compile_fields(PUBLIC) == spec.FACTS.read_text(encoding="ascii")


def test_the_fields_are_those_that_the_quality_gate_checks():
    gate = {(check.table, check.field.strip('"')) for check in checks() if check.kind is Kind.FIELD}
    kept = {(table, field.name) for table, fields in spec.tables().items() for field in fields}
    assert gate <= kept and {table for table, _ in kept - gate} <= {"concept_synonym"}
    required = {(check.table, check.field) for check in checks() if check.kind is Kind.REQUIRED}
    assert required <= {(t, field.name) for t, fields in spec.tables().items() for field in fields if field.required}


def test_every_table_of_the_model_is_there_with_its_fields_in_order(converted):
    names = {"int32": "INTEGER", "int64": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "float64": "DOUBLE"}
    for table, fields in spec.tables().items():
        expected = [(field.name, names.get(field.type, "VARCHAR")) for field in fields]
        assert converted.columns(table) == expected, table


def test_every_row_is_a_record_or_in_quarantine_with_its_reason(converted, extract):
    truth = extract[1]
    assert converted.report.left_out() == dict(sorted(truth.left_out.items(), key=lambda item: (-item[1], item[0])))
    found = dict(converted.ask("SELECT reason, count(*) FROM quarantine GROUP BY 1"))
    assert found == truth.left_out
    for outcome in converted.report.outcomes:
        if outcome.mapping == "events-conditions":
            rows = converted.ask(
                "SELECT file, line FROM quarantine WHERE reason <> 'no-year-of-birth' UNION"
                " SELECT file, line FROM from_condition_occurrence JOIN files USING (file) WHERE files.table = 'conditions'"
                " UNION SELECT file, line FROM from_procedure_occurrence JOIN files USING (file) WHERE files.table = 'conditions'"
            )
            assert len(rows) == outcome.rows == truth.rows["conditions"]


def test_codes_go_to_the_table_of_their_domain_and_become_a_record_for_each_standard_concept(converted, extract):
    assert converted.one("SELECT count(*) FROM condition_occurrence") == extract[1].conditions
    twice = converted.ask(
        f"SELECT DISTINCT condition_concept_id FROM condition_occurrence WHERE condition_source_value = '{TWICE}' ORDER BY 1"
    )
    assert twice in ([(201826,), (443732,)], [])
    assert converted.one("SELECT count(*) FROM procedure_occurrence WHERE procedure_concept_id <> 4214956") == 0


def test_a_code_without_a_concept_is_kept_and_told(converted):
    unmapped = converted.one("SELECT count(*) FROM condition_occurrence WHERE condition_concept_id = 0")
    told = next(c for c in converted.report.coverage if c.table == "condition_occurrence")
    assert told.records - told.mapped == unmapped > 0
    assert converted.one("SELECT count(*) FROM condition_occurrence WHERE condition_source_value IS NULL") == 0


def test_every_record_leads_back_to_the_line_that_it_comes_from(converted, extract):
    """Some descriptions hold line breaks: lines are not records there."""
    lines = (extract[0] / "conditions.csv").read_text().split("\n")
    found = converted.ask(
        "SELECT line, condition_source_value, condition_start_date FROM condition_occurrence"
        " JOIN from_condition_occurrence ON id = condition_occurrence_id"
    )
    assert found
    for line, code, day in found:
        start, _, _, _, written, *_ = next(csv.reader([lines[line - 1]]))
        assert (written, start) == (code, day.isoformat())


def test_provenance_is_whole(converted):
    for table in ("person", "visit_occurrence", "condition_occurrence", "drug_exposure", "location", "death"):
        key = spec.primary_key(table)
        missing = converted.one(f"SELECT count(*) FROM {table} ANTI JOIN from_{table} ON id = {key}")
        assert missing == 0, table


def test_keys_are_the_same_in_the_next_delivery_and_others_under_another_secret(converted, extract, athena, tmp_path):
    """The next delivery has its rows in another order, and one person less."""
    later = tmp_path / "later"
    shutil.copytree(extract[0], later)
    for name in ("patients", "encounters", "medications"):
        header, *rows = (later / f"{name}.csv").read_text().splitlines()
        kept = [row for row in reversed(rows) if "p005" not in row]
        (later / f"{name}.csv").write_text("\n".join([header, *kept]) + "\n")
    again = convert("synthea", later, tmp_path / "again", given=athena, piece=1_000_000)
    for table in ("person", "visit_occurrence", "drug_exposure"):
        before = {row[0] for row in converted.ask(f"SELECT {spec.primary_key(table)} FROM {table}")}
        after = {row[0] for row in again.ask(f"SELECT {spec.primary_key(table)} FROM {table}")}
        assert after < before, table
    other = convert("synthea", later, tmp_path / "other", given=athena, secret=b"another")
    assert not {row[0] for row in other.ask("SELECT person_id FROM person")} & {
        row[0] for row in again.ask("SELECT person_id FROM person")
    }


def test_a_file_that_is_delivered_twice_counts_once(converted, extract, athena, tmp_path):
    folder = tmp_path / "twice"
    shutil.copytree(extract[0], folder)
    (folder / "copy").mkdir()
    shutil.copy(extract[0] / "medications.csv", folder / "copy" / "medications.csv")
    twice = convert("synthea", folder, tmp_path / "into", given=athena, piece=30)
    assert twice.one("SELECT count(*) FROM drug_exposure") == converted.one("SELECT count(*) FROM drug_exposure") > 0
    doubled = extract[1].rows["medications"]
    assert twice.report.duplicates["drug_exposure"] == doubled
    assert (
        twice.one("SELECT count(*) FROM quarantine WHERE reason = 'duplicate' AND target = 'drug_exposure'") == doubled
    )
    assert twice.one("SELECT count(*) FROM from_drug_exposure") == twice.one("SELECT count(*) FROM drug_exposure")


def test_the_quality_gate_lets_it_through(converted):
    from nexus.kernel.clock import Instant
    from nexus.warehouse.quality.checks import Severity
    from nexus.warehouse.quality.gate import run

    with open_cdm(converted.layout.cdm, threads=1) as cdm:
        failed = [result.id for result in run(cdm, "converted", Instant(0)).failed(Severity.FATAL)]
    assert failed == []


def test_a_run_that_stopped_goes_on_and_ends_in_the_same(converted, extract, athena, tmp_path):
    class Stopped(Exception):
        pass

    seen: list[str] = []

    def stop(step: str, done: int, total: int) -> None:
        seen.append(step)
        if step == "events-medications" and done:
            raise Stopped

    with pytest.raises(Stopped):
        convert("synthea", extract[0], tmp_path, given=athena, piece=20, progress=stop)
    resumed = convert("synthea", extract[0], tmp_path, given=athena, piece=20)
    for table in spec.CONVERTED:
        everything = f"SELECT * FROM {table} ORDER BY ALL"
        assert resumed.ask(everything) == converted.ask(everything), table
    assert resumed.report == converted.report


def test_an_unfinished_run_of_other_files_is_not_gone_on_with(extract, athena, tmp_path):
    def stop(step: str, done: int, total: int) -> None:
        if step.startswith("events"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert("synthea", extract[0], tmp_path / "into", given=athena, progress=stop)
    write_extract(tmp_path / "other", seed=8)
    with pytest.raises(Conflict, match="unfinished"):
        convert("synthea", tmp_path / "other", tmp_path / "into", given=athena)


def test_eras_join_what_lies_thirty_days_apart(tmp_path, athena):
    folder = tmp_path / "in"
    write_extract(folder, faults=False)
    days = [("2019-01-01", "2019-01-10"), ("2019-02-09", "2019-02-10"), ("2019-03-14", "2019-03-15")]
    rows = [f"{start},{end},p000,e0000,{DIABETES},x" for start, end in days]
    (folder / "conditions.csv").write_text("\n".join(["START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION", *rows]) + "\n")
    rows = [f"{start}T00:00:00Z,{end}T00:00:00Z,p000,e0000,243670,1" for start, end in days]
    (folder / "medications.csv").write_text("\n".join(["START,STOP,PATIENT,ENCOUNTER,CODE,DISPENSES", *rows]) + "\n")
    made = convert("synthea", folder, tmp_path / "into", given=athena)
    eras = made.ask(
        "SELECT condition_era_start_date::VARCHAR, condition_era_end_date::VARCHAR, condition_occurrence_count"
        " FROM condition_era ORDER BY 1"
    )
    assert eras == [("2019-01-01", "2019-02-10", 2), ("2019-03-14", "2019-03-15", 1)], "30 days join, 32 do not"
    eras = made.ask(
        "SELECT drug_concept_id, drug_era_start_date::VARCHAR, drug_era_end_date::VARCHAR, drug_exposure_count, gap_days"
        " FROM drug_era ORDER BY 2"
    )
    assert eras == [(1112807, "2019-01-01", "2019-02-10", 2, 30), (1112807, "2019-03-14", "2019-03-15", 1, 0)]


def test_french_lists_become_local_concepts_whose_ids_stay(tmp_path, athena, extract):
    lists = tmp_path / "cim10.csv"
    lists.write_text("code;libelle\nJ111;Grippe, virus non identifié\nZ999;Autre\n", encoding="utf-8")
    given = Given(athena.archive, {"cim10": lists})
    made = convert("synthea", extract[0], tmp_path / "into", given=given)
    asked = "SELECT concept_code, concept_id FROM concept WHERE vocabulary_id = 'CIM10' ORDER BY 1"
    before = dict(made.ask(asked))
    assert min(before.values()) > 2_000_000_000
    (target,) = made.ask(
        f"SELECT concept_id_2 FROM concept_relationship WHERE concept_id_1 = {before['J111']} AND relationship_id = 'Maps to'"
    )
    assert target == (4266367,), "the same code of ICD-10, with a point, maps to influenza"
    lists.write_text("code;libelle\nA000;Choléra\nJ111;Grippe, virus non identifié\nZ999;Autre\n", encoding="utf-8")
    after = dict(convert("synthea", extract[0], tmp_path / "into", given=given).ask(asked))
    assert after.items() > before.items()


def test_a_local_concept_brings_its_class_and_domain_along_where_the_archive_lacks_them(tmp_path, athena, extract):
    """The gate stops a release whose concepts are of a class that no table knows."""
    devices = tmp_path / "lpp.csv"
    devices.write_text("code;libelle\n1100028;Lit médical\n", encoding="utf-8")
    made = convert("synthea", extract[0], tmp_path / "into", given=Given(athena.archive, {"lpp": devices}))
    for table in ("vocabulary", "domain", "concept_class"):
        key = f"{table}_id"
        assert made.ask(f"SELECT {key}, count(*) FROM {table} GROUP BY 1 HAVING count(*) > 1") == []
        assert (
            made.ask(
                f"SELECT DISTINCT {key} FROM concept ANTI JOIN {table} USING ({key}) WHERE concept_id > 2000000000"
            )
            == []
        )


def test_bad_files_are_refused_with_their_line(tmp_path):
    folder = tmp_path / "in"
    write_extract(folder)
    (folder / "patients.csv").write_text("Id,BIRTH,GENDER\np1,1970-01-01,F\n")
    with pytest.raises(Invalid, match=r"patients.csv, line 1: columns are missing: birthdate"):
        convert("synthea", folder, tmp_path / "a")
    (folder / "patients.csv").write_text("")
    with pytest.raises(Invalid, match=r"patients.csv, line 1: it is empty"):
        convert("synthea", folder, tmp_path / "b")
    with pytest.raises(Invalid, match="no file of the source"):
        convert("synthea", tmp_path / "a", tmp_path / "c")


def test_lines_that_cannot_be_read_are_counted_by_their_number(tmp_path):
    folder = tmp_path / "in"
    write_extract(folder, faults=False)
    path = folder / "encounters.csv"
    lines = path.read_bytes().split(b"\n")
    lines[2:2] = [b"too,few"]
    lines[5:5] = [b"e9,2015-01-01T00:00:00Z,2015-01-01T00:00:00Z,p001,amb\xe9,1"]
    path.write_bytes(b"\n".join(lines))
    made = convert("synthea", folder, tmp_path / "into")
    assert made.ask("SELECT line FROM quarantine WHERE reason = 'unreadable-line' ORDER BY 1") == [(3,), (6,)]
    found = dict(
        made.ask(
            "SELECT line, visit_source_value FROM visit_occurrence JOIN from_visit_occurrence ON id = visit_occurrence_id"
        )
    )
    written = path.read_bytes().split(b"\n")
    assert all(written[line - 1].startswith(f"{visit},".encode()) for line, visit in found.items()) and found
