"""Our conversion of Synthea's 109 patients beside OHDSI's own of the same patients: every difference, with its cause.

    .venv/bin/python tests/conformance/omop_synthea.py

writes docs/reference/omop-synthea.md. Records are matched by what both sides keep of the source: person, code, day, concept.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]
PAGE = ROOT / "docs" / "reference" / "omop-synthea.md"
PAIRED = ROOT.parent / "shared" / "data" / "synthea109-paired"

from nexus.warehouse.omop.vocabulary import Given  # noqa: E402
from simulators.conversions import convert  # noqa: E402

CODED = {
    "condition_occurrence": ("condition", "condition_start_date"),
    "drug_exposure": ("drug", "drug_exposure_start_date"),
    "procedure_occurrence": ("procedure", "procedure_date"),
    "device_exposure": ("device", "device_exposure_start_date"),
}
OF_FILES = {
    "condition_occurrence": "conditions",
    "drug_exposure": "medications, immunizations",
    "procedure_occurrence": "careplans, imaging_studies",
    "device_exposure": "devices, supplies",
}
Row = tuple[str, int, str]
"""Who has it (ours, theirs, both), how many, why."""


def differences(db: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, list[Row]]]:
    """Each table with its rows of the page. `db` holds `ours_<table>` and `theirs_<table>`, and the raw files."""
    yield (
        "person",
        _same(db, "person", "person_source_value, gender_concept_id, year_of_birth, month_of_birth, day_of_birth"),
    )
    yield "death", _deaths(db)
    yield "location", _same(db, "location", "city, lpad(CAST(zip AS VARCHAR), 5, '0')")
    yield "care_site", _same(db, "care_site", "care_site_source_value, care_site_name")
    yield (
        "provider",
        _same(db, "provider", "provider_source_value, provider_name, specialty_concept_id, gender_concept_id"),
    )
    yield "payer_plan_period", _plans(db)
    yield "observation_period", _periods(db)
    yield "visit_occurrence", _visits(db)
    for table, (name, day) in CODED.items():
        yield table, _coded(db, table, name, day)
    yield "condition_era", _eras(db, "condition")
    yield "drug_era", _eras(db, "drug")


def page(converted: Path) -> str:
    """The page of a conversion in this folder."""
    db = duckdb.connect(config={"threads": 1})
    _open(db, converted)
    parts = [
        "# Synthea: our conversion beside OHDSI's\n",
        "Written by `tests/conformance/omop_synthea.py`; do not edit. A test writes it anew, and compares.\n",
        "109 patients of Synthea 3.3, with the CDM 5.4 that OHDSI's own program made of them (OHDSI/Tutorial-ETL at 360e8d49). Of"
        " their extract, `procedures`, `observations`, `claims` and `claims_transactions` are not published with it in our data,"
        " and the vocabulary beside it (30-AUG-24) is a year older than the one they used (27-AUG-25). Records are the same if"
        " person, code, concept and day are. Keys differ: theirs count, ours are hashes that stay.\n",
    ]
    for table, rows in differences(db):
        ours, theirs = (_count(db, f"{side}_{table}") for side in ("ours", "theirs"))
        parts.append(f"## {table}\n\nOurs {ours:,}, theirs {theirs:,}.\n\n| records | in | why |\n|---:|---|---|")
        parts[-1] += "".join(f"\n| {count:,} | {who} | {why} |" for who, count, why in rows if count) + "\n"
    parts.append(
        "## Not compared\n\n"
        "`visit_detail`: theirs repeats each visit, ours is empty, since Synthea tells nothing below an encounter. `cost`: theirs comes from claims,"
        " which are not in the data; ours holds what `medications` says. `measurement` and `observation` of theirs are not in"
        " the data; ours holds what conditions and allergies are in OMOP: observations.\n"
    )
    return "\n".join(parts)


def _open(db: duckdb.DuckDBPyConnection, converted: Path) -> None:
    for folder in (converted / "cdm").iterdir():
        db.execute(f"CREATE VIEW ours_{folder.name} AS FROM read_parquet('{folder}/*.parquet')")
    for file in (PAIRED / "expected_cdm54").glob("*.parquet"):
        db.execute(f"CREATE VIEW theirs_{file.stem} AS FROM '{file}'")
    for file in (PAIRED / "raw").glob("*.csv*"):
        db.execute(f"CREATE VIEW raw_{file.name.split('.')[0]} AS FROM read_csv('{file}', all_varchar = true)")


def _count(db: duckdb.DuckDBPyConnection, relation: str) -> int:
    (count,) = db.execute(f"SELECT count(*) FROM {relation}").fetchone() or (0,)
    return int(count)


def _same(db: duckdb.DuckDBPyConnection, table: str, columns: str) -> list[Row]:
    ours, theirs = (f"SELECT {columns} FROM {side}_{table}" for side in ("ours", "theirs"))
    return [
        (
            "both",
            _count(db, f"({ours} INTERSECT ALL {theirs})"),
            f"the same in {columns.replace('CAST(zip AS VARCHAR)', 'zip')}",
        ),
        ("ours", _count(db, f"({ours} EXCEPT ALL {theirs})"), "not explained"),
        ("theirs", _count(db, f"({theirs} EXCEPT ALL {ours})"), "not explained"),
    ]


def _named(side: str, table: str, columns: str) -> str:
    return f"SELECT p.person_source_value AS person, {columns} FROM {side}_{table} t JOIN {side}_person p USING (person_id)"


def _day(side: str, column: str) -> str:
    return f"CAST(strftime({column}, '%Y%m%d') AS BIGINT)" if side == "ours" else column


def _deaths(db: duckdb.DuckDBPyConnection) -> list[Row]:
    ours, theirs = (_named(side, "death", f"{_day(side, 'death_date')}") for side in ("ours", "theirs"))
    return [
        ("both", _count(db, f"({ours} INTERSECT {theirs})"), "the same person and day"),
        (
            "ours",
            _count(db, f"({ours} EXCEPT {theirs})"),
            "the day of the patient's own row; theirs is that of the certificate",
        ),
        (
            "theirs",
            _count(db, f"({theirs} EXCEPT {ours})"),
            "the day of the certificate; ours is that of the patient's own row",
        ),
    ]


def _plans(db: duckdb.DuckDBPyConnection) -> list[Row]:
    ours, theirs = (
        _named(side, "payer_plan_period", f"{_day(side, 'payer_plan_period_start_date')}, payer_source_value")
        for side in ("ours", "theirs")
    )
    return [
        ("both", _count(db, f"({ours} INTERSECT ALL {theirs})"), "the same person, payer and first day"),
        ("ours", _count(db, f"({ours} EXCEPT ALL {theirs})"), "not explained"),
        ("theirs", _count(db, f"({theirs} EXCEPT ALL {ours})"), "not explained"),
    ]


def _periods(db: duckdb.DuckDBPyConnection) -> list[Row]:
    ends = "observation_period_start_date", "observation_period_end_date"
    ours, theirs = (
        _named(side, "observation_period", ", ".join(_day(side, end) for end in ends)) for side in ("ours", "theirs")
    )
    return [
        ("both", _count(db, f"({ours} INTERSECT {theirs})"), "the same person, first and last day"),
        (
            "ours",
            _count(db, f"({ours} EXCEPT {theirs})"),
            "ends with the last visit of any class; theirs with the last encounter as it was delivered to them",
        ),
    ]


def _visits(db: duckdb.DuckDBPyConnection) -> list[Row]:
    db.execute(
        "CREATE TEMP TABLE only_ours AS SELECT e.encounterclass AS class FROM ours_visit_occurrence v"
        " JOIN raw_encounters e ON e.id = v.visit_source_value"
        " ANTI JOIN theirs_visit_occurrence t ON t.visit_source_value = v.visit_source_value"
    )
    unconverted = ("urgentcare", "snf", "virtual", "hospice", "home")
    both = "(SELECT visit_source_value FROM ours_visit_occurrence INTERSECT SELECT visit_source_value FROM theirs_visit_occurrence)"
    rows: list[Row] = [("both", _count(db, both), "the same encounter")]
    for name in unconverted:
        rows.append(
            (
                "ours",
                _count(db, f"only_ours WHERE class = '{name}'"),
                f"encounters of class `{name}`, which theirs leaves out",
            )
        )
    for name in ("ambulatory", "outpatient", "wellness", "inpatient", "emergency"):
        why = f"`{name}`: merged by theirs into another encounter of the person, the same day or (inpatient) the next"
        rows.append(("ours", _count(db, f"only_ours WHERE class = '{name}'"), why))
    theirs_only = (
        "theirs_visit_occurrence t ANTI JOIN ours_visit_occurrence o ON o.visit_source_value = t.visit_source_value"
    )
    rows.append(("theirs", _count(db, theirs_only), "not explained"))
    return rows


def _coded(db: duckdb.DuckDBPyConnection, table: str, name: str, day: str) -> list[Row]:
    for side in ("ours", "theirs"):
        columns = f"ltrim(CAST({name}_source_value AS VARCHAR), '0') AS code, {name}_concept_id AS concept, {_day(side, day)} AS day"
        db.execute(f"CREATE OR REPLACE TEMP TABLE {side} AS {_named(side, table, columns)}")
    db.execute(
        "CREATE OR REPLACE TEMP TABLE a AS (SELECT * FROM ours EXCEPT ALL SELECT * FROM theirs);"
        "CREATE OR REPLACE TEMP TABLE b AS (SELECT * FROM theirs EXCEPT ALL SELECT * FROM ours)"
    )
    told = "SELECT DISTINCT person, code, day FROM"
    files = OF_FILES[table]
    both = _count(db, "(SELECT * FROM ours INTERSECT ALL SELECT * FROM theirs)")
    return [
        ("both", both, "the same person, code, concept and day"),
        ("ours", _count(db, f"a JOIN ({told} b) USING (person, code, day) WHERE a.concept = 0"), "a code that only their later vocabulary maps: concept 0 here"),
        ("ours", _count(db, f"a JOIN ({told} b) USING (person, code, day) WHERE a.concept <> 0"), "a code that their later vocabulary maps to another concept"),
        ("ours", _count(db, f"a ANTI JOIN ({told} b) USING (person, code, day) WHERE a.concept = 0"), "a code without a standard concept: kept here with concept 0, left out by theirs"),
        ("ours", _count(db, f"a ANTI JOIN ({told} b) USING (person, code, day) WHERE a.concept <> 0"), f"mapped records of {files} that theirs does not convert, or holds for another domain"),
        ("theirs", _count(db, f"b SEMI JOIN ({told} a) USING (person, code, day)"), "the same event under the concept of their later vocabulary"),
        ("theirs", _count(db, f"b ANTI JOIN ({told} a) USING (person, code, day)"), _why_theirs(table)),
    ]  # fmt: skip


def _why_theirs(table: str) -> str:
    if table == "procedure_occurrence":
        return "from `procedures`, which is not in the data here"
    return "an event that their later vocabulary holds for this domain; ours holds it for another, or has its duplicate in quarantine"


def _eras(db: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    columns = f"{name}_concept_id, {{}}, {{}}"
    ours, theirs = (
        _named(side, f"{name}_era", columns.format(*(_day(side, f"{name}_era_{end}_date") for end in ("start", "end"))))
        for side in ("ours", "theirs")
    )
    known = f"SELECT DISTINCT {name}_concept_id FROM ours_{name}_era"
    missing = f"({theirs} EXCEPT ALL {ours}) WHERE {name}_concept_id NOT IN ({known})"
    present = f"({theirs} EXCEPT ALL {ours}) WHERE {name}_concept_id IN ({known})"
    return [
        ("both", _count(db, f"({ours} INTERSECT ALL {theirs})"), "the same person, concept, first and last day"),
        ("ours", _count(db, f"({ours} EXCEPT ALL {theirs})"), "other concepts or other records below, as above"),
        ("theirs", _count(db, missing), "of concepts that the vocabulary here does not lead to"),
        ("theirs", _count(db, present), "other records below, as above"),
    ]


def made() -> str:
    """Convert, and write the page's text."""
    with tempfile.TemporaryDirectory() as folder:
        convert("synthea", PAIRED / "raw", Path(folder), given=Given(PAIRED / "vocabulary"))
        return page(Path(folder))


if __name__ == "__main__":
    PAGE.write_text(made())
