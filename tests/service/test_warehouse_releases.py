"""Releases: what the permit names of whom allows it, under pseudonyms that join with nothing, and checked by anybody.

Pseudonyms are those of both services, over real sockets.
"""

import hashlib
import json
from base64 import b64encode
from pathlib import Path

import duckdb
import msgspec
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner

from nexus.app.commands import release as release_commands
from nexus.kernel.errors import Conflict, Damaged, Invalid
from nexus.warehouse.quality import gate
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.releases.comparing import compare
from nexus.warehouse.releases.making import leave_out
from nexus.warehouse.releases.manifest import Manifest, encode, message_of
from nexus.warehouse.releases.people import bucket_of, key_of
from nexus.warehouse.releases.verifying import verify
from nexus.warehouse.releases.withdrawing import affected, files_of
from simulators import releases as made
from simulators.file_signer import LocalFileSigner
from simulators.operations import operation
from simulators.release_bench import Bench, Warehouse, prepared
from simulators.releases import members

PEOPLE = 240


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Warehouse:
    return prepared(tmp_path_factory.mktemp("cdm"), PEOPLE)


@pytest.fixture
def bench(warehouse, tmp_path) -> Bench:
    return Bench(warehouse, tmp_path / "releases")


async def test_a_release_holds_what_the_permit_names_and_nothing_else(bench):
    release = await bench.release()
    assert {table.name: tuple(column.name for column in table.columns) for table in release.tables} == {
        name: tuple(sorted(columns, key=list(columns).index)) for name, columns in made.TABLES.items()
    }
    days = bench.query(release, "SELECT min(condition_start_date), max(condition_start_date) FROM condition_occurrence")
    assert str(days[0][0]) >= "2018-01-01" and str(days[0][1]) <= "2020-12-31"
    periods = bench.query(
        release, "SELECT min(observation_period_start_date), max(observation_period_end_date) FROM observation_period"
    )
    assert str(periods[0][0]) == "2018-01-01" and str(periods[0][1]) == "2020-12-31"
    assert bench.query(release, "SELECT count(*), count(DISTINCT person_id) FROM person") == [(PEOPLE, PEOPLE)]


async def test_records_still_belong_together_as_in_the_warehouse(bench, warehouse):
    release = await bench.release()
    sql = (
        "SELECT year_of_birth, condition_concept_id, condition_start_date, v.visit_start_date, count(*) FROM person p"
        " JOIN condition_occurrence c USING (person_id) JOIN visit_occurrence v ON v.visit_occurrence_id = c.visit_occurrence_id"
        " AND v.person_id = p.person_id WHERE condition_start_date BETWEEN DATE '2018-01-01' AND DATE '2020-12-31'"
        " GROUP BY ALL ORDER BY ALL"
    )
    with duckdb.connect() as plain:
        for name in made.TABLES:
            plain.execute(f"CREATE VIEW {name} AS SELECT * FROM '{warehouse.folder}/{name}.parquet'")
        expected = plain.execute(sql).fetchall()
    assert expected and bench.query(release, sql) == expected


async def test_two_projects_share_no_pseudonym_and_no_key_of_a_record(bench):
    one = await bench.release()
    two = await bench.release(made.asked("PRJB", "heart"))
    for table, column in (
        ("person", "person_id"),
        ("person", "person_source_value"),
        ("visit_occurrence", "visit_occurrence_id"),
        ("visit_occurrence", "care_site_id"),
        ("condition_occurrence", "condition_occurrence_id"),
    ):
        sql = f"SELECT DISTINCT {column} FROM {table}"
        first, second = set(bench.query(one, sql)), set(bench.query(two, sql))
        assert first and len(first) == len(second) and not first & second, column


async def test_nothing_of_the_warehouse_is_in_any_file(bench, warehouse):
    await bench.release()
    held = b"".join(path.read_bytes() for path in bench.parts.folder.rglob("*.*"))
    assert b"NXP1-PRJA" in held
    assert b"NXP1-EMC2" not in held and b"STAY" not in held


async def test_whoever_refuses_is_in_no_file_and_the_next_release_writes_his_bucket_alone(bench, warehouse):
    first = await bench.release()
    gone = warehouse.hub[7]
    theirs = warehouse.project["PRJA"][gone]
    bench.decisions.withdrawn.add(gone)
    second = await bench.release(parent=first)
    assert bench.query(second, f"SELECT count(*) FROM person WHERE person_source_value = '{theirs}'") == [(0,)]
    bucket = bucket_of(theirs, first.buckets)
    for before, now in zip(first.tables, second.tables, strict=True):
        changed = {part.bucket for part in {*before.parts} ^ {*now.parts}}
        assert changed <= {bucket}, before.name
    difference = compare(first, second)
    assert difference.follows and difference.files_new <= 4
    assert all(table.rows_before is None for table in difference.tables), "a difference of few rows points at somebody"


async def test_a_release_written_anew_without_somebody_is_the_one_that_would_be_built_without_him(bench, warehouse):
    first = await bench.release()
    gone = warehouse.hub[7]
    theirs = warehouse.project["PRJA"][gone]
    left = await leave_out(
        operation(), first, {theirs}, bench.parts, signer=bench.key, made="2026-11-28T00:00:00Z", consent="1.0"
    )
    bench.decisions.withdrawn.add(gone)
    built = await bench.release(parent=first)
    assert left.release.tables == built.tables
    assert left.release.parent == first.digest()
    bench.verify(left.release)


async def test_what_holds_a_person_is_known_from_the_manifest_alone(bench, warehouse):
    release = await bench.release()
    theirs = warehouse.project["PRJA"][warehouse.hub[3]]
    files = files_of(release, affected(release, {theirs}))
    holding = {
        part.sha256
        for table in release.tables
        for part in table.parts
        if theirs.encode() in bench.parts.path(part.sha256).read_bytes() or _has(bench, part, theirs)
    }
    assert holding and holding <= files < {part.sha256 for table in release.tables for part in table.parts}


def _has(bench: Bench, part, pseudonym: str) -> bool:
    rows = bench.parts.read(part)
    return "person_source_value" in rows.column_names and pseudonym in rows["person_source_value"].to_pylist()


async def test_the_same_data_are_the_same_bytes_whatever_the_order_of_rows(bench, warehouse, tmp_path):
    other = made.write(tmp_path / "other", warehouse.hub, seed=9)
    assert (await bench.release()).digest() == (await bench.release(cdm=other)).digest()


async def test_a_cohort_bounds_who_is_in_it(bench):
    some = members(range(1, 31))
    scope = made.scope(cohort="strokes")
    release = await bench.release(made.asked(scope=scope, cohort=some, cohort_sha256="a" * 64))
    assert bench.query(release, "SELECT count(*) FROM person") == [(30,)]
    with pytest.raises(Invalid, match="do not belong together"):
        await bench.release(made.asked(scope=scope))
    with pytest.raises(Invalid, match="do not belong together"):
        await bench.release(made.asked(cohort=some))


REFUSED = {
    "visit_occurrence.visit_source_value": {"visit_occurrence": ("person_id", "visit_source_value")},
    "measurement.measurement_event_id": {"measurement": ("person_id", "measurement_event_id")},
    "measurement.person_id": {"measurement": ("measurement_id",)},
    "condition_occurrence.nir": {"condition_occurrence": ("person_id", "nir")},
    "fact_relationship has no person": {"fact_relationship": ("domain_concept_id_1",)},
    "cohort is no table": {"cohort": ("cohort_start_date",)},
    "note.note_text": {"note": ("person_id", "note_text")},
    "location.zip": {"location": ("zip",)},
    "the permit names none": {"cohort_member": ("person_id", "cohort_role")},
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_no_permit_can_give_is_refused_by_name(bench, what):
    with pytest.raises(Invalid) as caught:
        await bench.release(made.asked(scope=made.scope(tables=REFUSED[what])))
    assert what in caught.value.message
    assert not bench.parts.folder.exists()


async def test_what_the_quality_gate_stops_is_not_released(bench, warehouse):
    with open_cdm(warehouse.folder, threads=1) as cdm:
        run = gate.run(cdm, "made", made.PASSED.at, only=("person", "death"))
    with pytest.raises(Conflict, match="quality gate stops"):
        await bench.release(made.asked(quality=run))
    assert not bench.parts.folder.exists()


async def test_nothing_is_kept_where_somebody_decides_meanwhile(bench):
    bench.decisions.meanwhile = True
    with pytest.raises(Conflict, match="decided"):
        await bench.release()
    assert not list(bench.parts.folder.rglob("*.json"))


async def test_a_person_without_a_pseudonym_stops_the_release(bench, warehouse, tmp_path):
    clear = made.write(tmp_path / "clear", (*warehouse.hub[:5], "1800575000001"))
    with pytest.raises(Invalid) as caught:
        await bench.release(cdm=clear)
    assert caught.value.code == "release.no-pseudonym" and "180057" not in caught.value.message


async def test_a_release_follows_none_of_another_project(bench):
    first = await bench.release()
    with pytest.raises(Conflict, match="another project"):
        await bench.release(made.asked("PRJB", "heart"), parent=first)


async def test_anybody_checks_a_release_with_the_public_key_alone(bench):
    release = await bench.release()
    shown = bench.verify(release)
    assert shown.release == release.digest() and shown.pinned and shown.project == "stroke"
    assert shown.files == len(list((bench.parts.folder / "objects").iterdir()))
    with pytest.raises(Damaged) as caught:
        verify(bench.parts.manifest(release.digest()).read_bytes(), bench.parts, LocalFileSigner().public)
    assert caught.value.code == "release.signer"


async def test_whatever_is_changed_in_a_release_is_found(bench):
    release = await bench.release()
    path = bench.parts.manifest(release.digest())
    file = path.read_bytes()
    document = json.loads(file)
    document["release"]["until"] = "2099-01-01T00:00:00Z"
    with pytest.raises(Damaged, match="signature"):
        verify(json.dumps(document).encode(), bench.parts, bench.key.public)
    with pytest.raises(Invalid):
        verify(file[:-20], bench.parts, bench.key.public)
    some = bench.parts.path(release.tables[0].parts[0].sha256)
    content = some.read_bytes()
    some.chmod(0o600)
    for spoilt in (content[:-1], content + b"x", bytes([content[40] ^ 1]) + content[1:]):
        some.write_bytes(spoilt)
        with pytest.raises(Damaged, match="not what the manifest says"):
            verify(file, bench.parts, bench.key.public)
    some.unlink()
    with pytest.raises(Damaged, match="missing"):
        verify(file, bench.parts, bench.key.public)


@pytest.mark.parametrize("wrong", ["rows", "bucket", "column", "twice", "name"])
async def test_a_manifest_that_is_signed_and_untrue_is_found(bench, wrong):
    release = await bench.release()
    first, *rest = release.tables
    part = first.parts[0]
    replace = msgspec.structs.replace
    changed = {
        "rows": replace(first, parts=(replace(part, rows=part.rows + 1), *first.parts[1:])),
        "bucket": replace(first, parts=(replace(part, bucket=release.buckets), *first.parts[1:])),
        "column": replace(first, columns=(replace(first.columns[0], type="int8"), *first.columns[1:])),
        "twice": replace(first, parts=(part, *first.parts)),
        "name": replace(first, name='x"; DROP TABLE y; --'),
    }[wrong]
    untrue = replace(release, tables=(changed, *rest))
    file = encode(Manifest(release=untrue, signature=await bench.key.sign(operation(), message_of(untrue))))
    with pytest.raises(Damaged):
        verify(file, bench.parts, bench.key.public)


def test_the_numbers_on_the_page_of_the_format():
    page = (Path(__file__).parents[2] / "docs" / "formats" / "release.md").read_text()
    pseudonym = "NXP1-EMC2-01-5R3PQZ00JSJ894AXPH0QJVH4J7Z6XNTB-CG"
    text = "\x1f".join(("nexus/release/key", pseudonym, "visit_occurrence", "42"))
    record = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
    said = f"bucket {bucket_of(pseudonym, 8)}, `person_id` {key_of(pseudonym)}, stay 42 of the warehouse {record}"
    assert pseudonym in page and said in page


async def test_keys_of_records_are_those_of_the_page(bench, warehouse):
    release = await bench.release()
    with duckdb.connect() as plain:
        rows = plain.execute(
            f"SELECT v.visit_occurrence_id, p.person_source_value FROM '{warehouse.folder}/visit_occurrence.parquet' v"
            f" JOIN '{warehouse.folder}/person.parquet' p USING (person_id)"
            " WHERE visit_start_date BETWEEN DATE '2018-01-01' AND DATE '2020-12-31'"
        ).fetchall()
    texts = (
        "\x1f".join(("nexus/release/key", warehouse.project["PRJA"][who], "visit_occurrence", str(key)))
        for key, who in rows
    )
    expected = {(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1,) for text in texts}
    assert expected and set(bench.query(release, "SELECT visit_occurrence_id FROM visit_occurrence")) == expected


async def test_the_commands_verify_compare_and_count(bench, warehouse, tmp_path):
    first = await bench.release()
    bench.decisions.withdrawn.add(warehouse.hub[5])
    second = await bench.release(parent=first)
    paths = [str(bench.parts.manifest(one.digest())) for one in (first, second)]
    key = b64encode(bench.key.public).decode()
    said = call(release_commands.verify_command, paths[0], "--key", key, "--views", tmp_path / "tables.sql")
    assert said["release"] == first.digest() and said["pinned"]
    with duckdb.connect() as connection:
        connection.execute((tmp_path / "tables.sql").read_text())
        assert connection.execute("SELECT count(*) FROM person").fetchall() == [(PEOPLE,)]
    assert call(release_commands.compare_command, *paths)["follows"]
    person = next(table for table in first.tables if table.name == "person")
    files = [str(bench.parts.path(part.sha256)) for part in person.parts]
    found = call(release_commands.risk_command, *files, "--column", "gender_concept_id", "--sensitive", "year_of_birth")
    assert found["passes"] and found["k"] > 50
    found = call(release_commands.risk_command, *files, "--column", "year_of_birth", status=1)
    assert not found["passes"] and found["k"] < 11


def call(command, *arguments, status: int = 0):
    done = CliRunner().invoke(command, ["--json", *map(str, arguments)], standalone_mode=False, catch_exceptions=False)
    assert done.return_value == status
    return json.loads(done.stdout)


async def test_pyarrow_reads_a_table_by_the_names_in_the_manifest(bench):
    release = await bench.release()
    document = json.loads(bench.parts.manifest(release.digest()).read_bytes())["release"]
    parts = {
        table["name"]: [bench.parts.path(part["sha256"]) for part in table["parts"]] for table in document["tables"]
    }
    assert ds.dataset(parts["person"]).to_table().num_rows == PEOPLE
