"""What a refresh compares: lines as they stand where each is a row, staged rows elsewhere, and never the wrong one."""

import codecs
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.secret import Secret
from nexus.warehouse.omop.delivery import find
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.excluding import Exclusion
from nexus.warehouse.omop.layout import write_rows
from nexus.warehouse.omop.lines import AS_LINES, AS_ROWS, Kept, Lines
from nexus.warehouse.omop.registry import source_named
from nexus.warehouse.omop.staged_files import StagedFiles
from nexus.warehouse.omop.steps import Steps

SOURCE = source_named("synthea")
TABLE = SOURCE.table("conditions")
HEADER = "START,STOP,PATIENT,ENCOUNTER,CODE"
CODES = ["1", "2", '"3"', " 4 ", "é", "5\x011", "5\x012"]
ROWS = st.lists(st.tuples(st.sampled_from(["ann", "bob", "", "cy"]), st.sampled_from(CODES)), max_size=9)


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


def delivery(
    engine, folder: Path, *files, header: str = HEADER, excluded: tuple[str, ...] = (), form: str = "csv"
) -> Delivery:
    """Files of conditions, in folders of their own."""
    for number, rows in enumerate(files):
        path = folder / "in" / str(number) / f"conditions.{form}"
        path.parent.mkdir(parents=True)
        if form == "parquet":
            told = [("2020-01-01", None, who or None, "e1", code) for who, code in rows]
            write_rows(path, dict.fromkeys(header.split(","), "string"), told)
        else:
            lines = [header, *(f"2020-01-01,,{who},e1,{code}" if isinstance(code, str) else who for who, code in rows)]
            path.write_bytes("".join(line + "\n" for line in lines).encode(errors="surrogateescape"))
    exclusion = Exclusion(folder / "excluded.parquet", excluded)
    exclusion.write()
    (folder / "done").mkdir()
    found = find(SOURCE, folder / "in")
    told = {"encoding": "utf-8", "keeps": True, "progress": lambda step: None}
    staged = StagedFiles(engine, found, folder / "staged", Steps(folder / "done"), **told)
    for number in range(1, 4):
        engine.drop(f"_staged_{number}")
    return Delivery(Lines(engine, staged, exclusion, folder / "lines", "utf-8"), staged, folder)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(ROWS, min_size=1, max_size=3),
    st.lists(st.one_of(ROWS, st.integers(0, 2)), min_size=1, max_size=3),
    st.tuples(st.booleans(), st.booleans()),
    st.sampled_from(["csv", "parquet"]),
)
def test_a_delivery_compared_line_by_line_leaves_what_reading_all_of_it_leaves(
    engine, tmp_path_factory, old, new, objected, form
):
    """Files are new, or those of before (by number), in another order or with others missing; somebody objects, or no longer does.

    And who is affected is read entire, with the lines of the file; nobody else is.
    """
    at = tmp_path_factory.mktemp("lines")
    then, now_excluded = (("bob",) if each else () for each in objected)
    before = delivery(engine, at / "before", *old, excluded=then, form=form)
    was = before.lines.keep(TABLE, at / "before" / "state.parquet")
    assert was.how == AS_LINES
    files = [old[each % len(old)] if isinstance(each, int) else each for each in new]
    now = delivery(engine, at / "now", *files, excluded=now_excluded, form=form)
    kept = now.lines.compare(TABLE, at / "before" / "state.parquet", was, at / "now" / "state.parquet")
    whole = delivery(engine, at / "whole", *files, excluded=now_excluded, form=form)
    assert kept == whole.lines.keep(TABLE, at / "whole" / "state.parquet")
    assert now.kept() == whole.kept()

    ((ann,),) = asked(now.lines, "SELECT nexus_key('person' || chr(31) || 'ann')")
    write_rows(at / "affected.parquet", {"person": "int64"}, [(ann,)])
    for file, rows in zip(now.staged.files("conditions"), files, strict=True):
        path, count = now.lines.excerpt(file, at / "affected.parquet")
        now.lines.stage(file, path, "_some")
        read = asked(now.lines, "SELECT _exact, patient, trim(code) FROM _some ORDER BY _exact")
        first, plain = (2, ' "') if form == "csv" else (1, " ")
        every = [(line, who or None, code.strip(plain)) for line, (who, code) in enumerate(rows, start=first)]
        must = [row for row in every if row[1] in ("ann", None, *now_excluded)]
        assert read == must and count == len(must)


SHAPES = [
    "2020-01-01,,ann,e1,1",
    '2020-01-01,,bob,e1,"2"',
    '2020-01-01,,ann,e1,"1',
    '2",x',
    '2020-01-01,,cy,e1,a"b',
    '"',
    "",
    " ",
    '2020-01-01,,ann,e1,"1\r2"',
    "2020-01-01,,ann,e1,1\r",
    "\r2020-01-01,,ann,e1,1",
    "2020-01-01,,ann,e1,1\r2020-01-01,,bob,e1,2",
    "2020-01-01,,ann",
    "\ufeff",
]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(*[st.lists(st.sampled_from(SHAPES), max_size=4).map(lambda lines: [(line, None) for line in lines])] * 2)
def test_lines_of_any_shape_are_compared_as_the_rows_that_they_are_or_not_at_all(engine, tmp_path_factory, more, new):
    """Fields that are open, ends of lines of every kind, lines that are none: whichever are read as one of the two ways."""
    at = tmp_path_factory.mktemp("shapes")
    before = delivery(engine, at / "before", [("ann", "1"), ("bob", "2")])
    was = before.lines.keep(TABLE, at / "before" / "state.parquet")
    lines = [*more, ("ann", "1"), *new, ("cy", "2")]
    now, whole = (delivery(engine, at / name, lines) for name in ("now", "whole"))
    try:
        rows = whole.lines.keep(TABLE, at / "whole" / "state.parquet")
    except Damaged:
        rows = None
    kept = now.lines.compare(TABLE, at / "before" / "state.parquet", was, at / "now" / "state.parquet")
    assert kept in (None, rows)
    if kept is not None:
        assert now.kept() == whole.kept()
        assert [number for *_, number in sorted(now.kept(), key=lambda row: row[-1])] == list(range(2, len(lines) + 2))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_that_are_the_same_are_not_read_again(engine, tmp_path, form):
    """What was kept of them is linked; where somebody has objected since, it is taken over without them."""
    rows = [("ann", "1"), ("bob", "2"), ("", "3")]
    before = delivery(engine, tmp_path / "before", rows, rows[1:], form=form)
    was = before.lines.keep(TABLE, tmp_path / "before" / "state.parquet")
    same = delivery(engine, tmp_path / "same", rows, rows[1:], form=form)
    kept = same.lines.compare(TABLE, tmp_path / "before" / "state.parquet", was, tmp_path / "same" / "state.parquet")
    assert kept == was and (tmp_path / "same" / "state.parquet").samefile(tmp_path / "before" / "state.parquet")
    assert [each.rows for each in same.staged.of("conditions")] == [3, 2]
    assert asked(same.lines, "SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '_staged%'") == [(0,)]

    objected = delivery(engine, tmp_path / "objected", rows, rows[1:], form=form, excluded=("bob",))
    objected.lines.compare(TABLE, tmp_path / "before" / "state.parquet", was, tmp_path / "objected" / "state.parquet")
    assert sorted(row[2:] for row in objected.kept()) == sorted(
        row[2:] for row in before.kept() if _is_not(engine, row, "bob")
    )


def _is_not(engine, row: tuple, name: str) -> bool:
    ((key,),) = engine.sql.execute("SELECT nexus_key('person' || chr(31) || ?)", [name]).fetchall()
    return row[1] != key


def test_the_same_bytes_read_in_another_encoding_are_another_file(engine, tmp_path):
    rows = [("ann", "é"), ("bob", "2")]
    before = delivery(engine, tmp_path / "before", rows)
    was = before.lines.keep(TABLE, tmp_path / "before" / "state.parquet")
    now = delivery(engine, tmp_path / "now", rows)
    now.lines._encoding = now.staged._encoding = "latin-1"
    kept = now.lines.compare(TABLE, tmp_path / "before" / "state.parquet", was, tmp_path / "now" / "state.parquet")
    assert (
        kept
        and kept.files != was.files
        and len({line for line, *_ in now.kept()} - {line for line, *_ in before.kept()}) == 1
    )


@pytest.mark.parametrize(
    "line",
    [
        '2020-01-01,,ann,e1,"1',
        '2020-01-01,,ann,e1,"1\n2"',
        "2020-01-01,,ann",
        "",
        "2020-01-01,,ann,e1,1,2,3",
        '2020-01-01,,ann,e1,"1\r2"',
        "2020-01-01,,ann,e1,1\x01\x02\x03\x042",
        "2020-01-01,,ann,e1,\udce9",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_is_no_row_is_never_compared_as_one(engine, tmp_path, line, place):
    """A field that goes on in the next line, too few fields, none, too many, an end of a line that is none, what divides
    lines from nothing, what is no text: then the file is read as before."""
    before = delivery(engine, tmp_path / "before", [("ann", "1"), ("bob", "2")])
    was = before.lines.keep(TABLE, tmp_path / "before" / "state.parquet")
    rows = [("ann", "1"), ("bob", "2")]
    now = delivery(engine, tmp_path / "now", [*rows[:place], (line, None), *rows[place:]])
    path = tmp_path / "now" / "state.parquet"
    assert now.lines.compare(TABLE, tmp_path / "before" / "state.parquet", was, path) is None
    assert now.lines.keep(TABLE, path, AS_LINES) == Kept(AS_ROWS)
    assert {number for *_, number in now.kept()} <= set(range(2, 7))


def test_a_line_is_hashed_to_its_end(engine, tmp_path):
    """Whatever stands in it: U+0001 divided lines once, and what stood behind it could change unseen."""
    one = delivery(engine, tmp_path / "one", [("ann", "1\x012")])
    other = delivery(engine, tmp_path / "other", [("ann", "1\x013")])
    for each in (one, other):
        assert each.lines.keep(TABLE, each.folder / "state.parquet").how == AS_LINES
    assert {line for line, *_ in one.kept()} != {line for line, *_ in other.kept()}


def test_the_same_lines_below_another_header_are_other_lines(engine, tmp_path):
    """Columns that changed places change what every line says."""
    one = delivery(engine, tmp_path / "one", [("ann", "1"), ("bob", "2")])
    other = delivery(
        engine, tmp_path / "other", [("ann", "1"), ("bob", "2")], header="STOP,START,PATIENT,ENCOUNTER,CODE"
    )
    for each in (one, other):
        each.lines.keep(TABLE, each.folder / "state.parquet")
    assert not {line for line, *_ in one.kept()} & {line for line, *_ in other.kept()}


def test_a_break_that_is_none_behind_the_header_is_never_counted_as_a_line(engine, tmp_path):
    """The engine sees two lines there, and whoever counts ends of lines sees one: no line has the number that it seems to have."""
    before = delivery(engine, tmp_path / "before", [("ann", "1"), ("bob", "2")])
    was = before.lines.keep(TABLE, tmp_path / "before" / "state.parquet")
    now = delivery(engine, tmp_path / "now", [("\r2020-01-01,,ann,e1,1", None), ("bob", "2")])
    path = tmp_path / "now" / "state.parquet"
    assert now.lines.compare(TABLE, tmp_path / "before" / "state.parquet", was, path) is None


@pytest.mark.parametrize("lines", [1, 3])
def test_a_file_that_changes_under_a_conversion_is_kept_as_the_rows_that_were_read(engine, tmp_path, lines):
    """Lines and rows are told in pairs: a row without a line, or a line without a row, shows that they are none."""
    made = delivery(engine, tmp_path, [("ann", "1"), ("bob", "2")])
    (staged,) = made.staged.of("conditions")
    staged.file.path.write_text(HEADER + "\n" + "2020-01-01,,cy,e1,3\n" * lines)
    assert made.lines.keep(TABLE, tmp_path / "state.parquet") == Kept(AS_ROWS)
    assert len(made.kept()) == 2


def test_text_in_which_a_line_break_is_two_bytes_is_kept_as_rows(engine, tmp_path):
    made = delivery(engine, tmp_path, [("ann", "é"), ("bob", "2")])
    (file,) = made.staged.files("conditions")
    file.path.write_bytes(file.path.read_text().encode("utf-16"))
    made.lines._encoding = made.staged._encoding = "utf-16"
    assert made.lines.keep(TABLE, tmp_path / "state.parquet") == Kept(AS_ROWS)
    assert [number for *_, number in sorted(made.kept(), key=lambda row: row[-1])] == [2, 3]
    assert made.lines.compare(TABLE, tmp_path / "state.parquet", Kept(AS_LINES), tmp_path / "now.parquet") is None


def test_text_with_the_higher_byte_first_is_refused(engine, tmp_path):
    """DuckDB finds no row in it."""
    made = delivery(engine, tmp_path, [("ann", "1")])
    (file,) = made.staged.files("conditions")
    file.path.write_bytes(codecs.BOM_UTF16_BE + file.path.read_text().encode("utf-16-be"))
    made.staged._encoding = "utf-16"
    with pytest.raises(Invalid, match="big-endian"):
        made.staged.check()


@pytest.mark.parametrize(
    "told",
    [
        lambda file: replace(file, mark="2024"),
        lambda file: replace(file, table=replace(TABLE, person="encounter")),
        lambda file: replace(file, table=replace(TABLE, optional=("system", "more"))),
    ],
    ids=["year in the name", "column of the person", "columns"],
)
def test_the_same_lines_that_mean_another_thing_are_other_lines(engine, tmp_path, told):
    one, other = (delivery(engine, tmp_path / name, [("ann", "1"), ("bob", "2")]) for name in ("one", "other"))
    other.staged._files = tuple(told(file) for file in other.staged._files)
    for each in (one, other):
        each.lines.keep(each.staged._files[0].table, each.folder / "state.parquet")
    assert not {line for line, *_ in one.kept()} & {line for line, *_ in other.kept()}


def test_the_same_lines_under_another_secret_are_other_lines(engine, tmp_path):
    own = DuckdbEngine(tmp_path / "work", Secret(b"another key"), memory="1GB", threads=1)
    one, other = (delivery(each, tmp_path / name, [("ann", "1")]) for name, each in (("one", engine), ("other", own)))
    for each in (one, other):
        each.lines.keep(TABLE, each.folder / "state.parquet")
    assert not {line for line, *_ in one.kept()} & {line for line, *_ in other.kept()}
    own.close()


def test_what_is_kept_names_nobody_and_holds_no_line_of_who_is_excluded(engine, tmp_path):
    made = delivery(engine, tmp_path, [("ann", "1"), ("bob", "2"), ("", "3")], excluded=("bob",))
    made.lines.keep(TABLE, tmp_path / "state.parquet")
    assert sorted(number for *_, number in made.kept()) == [2, 4]
    assert b"ann" not in (tmp_path / "state.parquet").read_bytes()
