"""What a refresh compares: lines as they stand where each is a row, staged rows elsewhere, and never the wrong one."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.kernel.secret import Secret
from nexus.warehouse.omop.delivery import find
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.excluding import Exclusion
from nexus.warehouse.omop.layout import write_rows
from nexus.warehouse.omop.lines import AS_LINES, AS_ROWS, Lines
from nexus.warehouse.omop.registry import source_named
from nexus.warehouse.omop.staged_files import StagedFiles
from nexus.warehouse.omop.steps import Steps

SOURCE = source_named("synthea")
TABLE = SOURCE.table("conditions")
HEADER = "START,STOP,PATIENT,ENCOUNTER,CODE"
ROWS = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", "", "cy"]), st.sampled_from(["1", "2", '"3"', " 4 ", "é"])), max_size=9
)


@dataclass
class Delivery:
    """One file of conditions, and what is kept of it."""

    lines: Lines
    staged: StagedFiles
    folder: Path

    def kept(self, name: str = "state.parquet") -> list[tuple]:
        return asked(self.lines, f"SELECT * FROM '{self.folder / name}' ORDER BY ALL")


def asked(lines: Lines, sql: str) -> list[tuple]:
    return lines._local.sql.execute(sql).fetchall()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    made = DuckdbEngine(tmp_path_factory.mktemp("work"), Secret(b"a key of tests"), memory="1GB", threads=1)
    yield made
    made.close()


def delivery(engine, folder: Path, rows, *, header: str = HEADER, excluded: tuple[str, ...] = ()) -> Delivery:
    (folder / "in").mkdir(parents=True)
    lines = [header, *(f"2020-01-01,,{who},e1,{code}" if isinstance(code, str) else who for who, code in rows)]
    (folder / "in" / "conditions.csv").write_text("".join(line + "\n" for line in lines))
    exclusion = Exclusion(folder / "excluded.parquet", excluded)
    exclusion.write()
    (folder / "done").mkdir()
    files = find(SOURCE, folder / "in")
    told = {"encoding": "utf-8", "keeps": True, "progress": lambda step: None}
    staged = StagedFiles(engine, files, folder / "staged", Steps(folder / "done"), **told)
    engine.drop("_staged_1")
    return Delivery(Lines(engine, staged, exclusion, folder / "lines", "utf-8"), staged, folder)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS, ROWS, st.booleans())
def test_a_delivery_compared_line_by_line_leaves_what_reading_all_of_it_leaves(
    engine, tmp_path_factory, old, new, one_left
):
    """And who is affected is read entire, with the lines of the file; nobody else is."""
    at = tmp_path_factory.mktemp("lines")
    excluded = ("bob",) if one_left else ()
    before = delivery(engine, at / "before", old)
    assert before.lines.keep(TABLE, at / "before" / "state.parquet") == AS_LINES
    now = delivery(engine, at / "now", [*old[2:], *new], excluded=excluded)
    assert now.lines.compare(TABLE, at / "before" / "state.parquet", at / "now" / "state.parquet")
    whole = delivery(engine, at / "whole", [*old[2:], *new], excluded=excluded)
    assert whole.lines.keep(TABLE, at / "whole" / "state.parquet") == AS_LINES
    assert now.kept() == whole.kept()

    ((ann,),) = asked(now.lines, "SELECT nexus_key('person' || chr(31) || 'ann')")
    write_rows(at / "affected.parquet", {"person": "int64"}, [(ann,)])
    path, count = now.lines.excerpt(now.staged.files("conditions")[0], at / "affected.parquet")
    now.lines.stage(now.staged.files("conditions")[0], path, "_some")
    read = asked(now.lines, "SELECT _exact, patient, code FROM _some")
    every = [(line, who or None, code.strip(' "')) for line, (who, code) in enumerate([*old[2:], *new], start=2)]
    there = set(old)
    must = [
        row for row, raw in zip(every, [*old[2:], *new], strict=True) if row[1] in ("ann", None) or raw not in there
    ]
    assert read == must and count == len(must)


@pytest.mark.parametrize("line", ['2020-01-01,,ann,e1,"1', "2020-01-01,,ann", "", "2020-01-01,,ann,e1,1,2,3"])
def test_a_line_that_is_no_row_is_never_compared_as_one(engine, tmp_path, line):
    """A field that goes on in the next line, too few fields, none, too many: then the file is read as before."""
    before = delivery(engine, tmp_path / "before", [("ann", "1")])
    before.lines.keep(TABLE, tmp_path / "before" / "state.parquet")
    more = [(line, None), *([('2"', None)] if line.endswith('"1') else [])]
    now = delivery(engine, tmp_path / "now", [("ann", "1"), *more])
    assert not now.lines.compare(TABLE, tmp_path / "before" / "state.parquet", tmp_path / "now" / "state.parquet")
    assert now.lines.keep(TABLE, tmp_path / "now" / "state.parquet", AS_LINES) == AS_ROWS


def test_the_same_lines_below_another_header_are_other_lines(engine, tmp_path):
    """Columns that changed places change what every line says."""
    one = delivery(engine, tmp_path / "one", [("ann", "1"), ("bob", "2")])
    other = delivery(
        engine, tmp_path / "other", [("ann", "1"), ("bob", "2")], header="STOP,START,PATIENT,ENCOUNTER,CODE"
    )
    for each in (one, other):
        each.lines.keep(TABLE, each.folder / "state.parquet")
    assert not {line for line, _, _ in one.kept()} & {line for line, _, _ in other.kept()}


def test_what_is_kept_names_nobody_and_holds_no_line_of_who_is_excluded(engine, tmp_path):
    made = delivery(engine, tmp_path, [("ann", "1"), ("bob", "2"), ("", "3")], excluded=("bob",))
    made.lines.keep(TABLE, tmp_path / "state.parquet")
    assert sorted(times for _, _, times in made.kept()) == [1, 1]
    assert b"ann" not in (tmp_path / "state.parquet").read_bytes()
