"""Refresh: additions, changes and removals, applied to what stands, give what a conversion of the new delivery alone would give."""

import csv
import json
import random
import shutil
import stat
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Conflict, Invalid
from nexus.warehouse.omop import spec
from nexus.warehouse.omop.fingerprint import fingerprint
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.vocabulary import Given
from simulators.conversions import Converted, convert, refresh
from simulators.synthea_extract import DIABETES, FLU, TWICE, write_athena, write_extract

EDITS = st.lists(st.tuples(st.sampled_from(["add", "remove", "row", "less", "again", "shuffle"]), st.integers(0, 999)))


@dataclass(frozen=True)
class Base:
    folder: Path
    into: Path
    athena: Given


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    athena = Given(write_athena(folder / "athena"))
    write_extract(folder / "in")
    convert("synthea", folder / "in", folder / "into", given=athena)
    return Base(folder / "in", folder / "into", athena)


def edit(before: Path, after: Path, edits: list[tuple[str, int]]) -> None:
    """The next delivery: persons come and go; rows are added, changed, lost, told again, or only sorted in another way."""
    shutil.copytree(before, after)
    for what, number in edits:
        chance = random.Random(number)
        tables = {path.stem: _read(path) for path in sorted(after.glob("*.csv"))}
        person = chance.choice([row[0] for row in tables["patients"][1:]] or ["p000"])
        if what == "add":
            write_extract(after / "other", seed=number, faults=False, persons=1)
            for name, rows in tables.items():
                rows += [
                    [_renamed(field, number) for field in row] for row in _read(after / "other" / f"{name}.csv")[1:]
                ]
            shutil.rmtree(after / "other")
        elif what == "remove":
            for rows in tables.values():
                rows[:] = [row for row in rows if person not in row]
        elif what == "shuffle":
            for rows in tables.values():
                rows[1:] = chance.sample(rows[1:], len(rows) - 1)
        else:
            _edit_rows(tables[chance.choice(["conditions", "medications"])], what, chance)
        for name, rows in tables.items():
            _write(after / f"{name}.csv", rows)


def _edit_rows(rows: list[list[str]], what: str, chance: random.Random) -> None:
    if len(rows) < 2:
        return
    place = chance.randrange(1, len(rows))
    if what == "less":
        del rows[place]
    elif what == "again":
        rows.append(rows[place])
    else:
        rows[place] = [*rows[place][:4], chance.choice([FLU, DIABETES, TWICE, "1"]), *rows[place][5:]]


def _read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def _renamed(field: str, number: int) -> str:
    return f"{field}-{number}" if field.startswith(("p0", "e0")) else field


def assert_same(refreshed: Path, whole: Converted) -> None:
    assert fingerprint(refreshed / "cdm") == fingerprint(whole.layout.cdm)
    made = Converted(refreshed, whole.report)
    for table in spec.CONVERTED:
        asked = f"SELECT * FROM {table} ORDER BY ALL"
        assert made.ask(asked) == whole.ask(asked), table
    counted = "SELECT target, reason, count(*) FROM quarantine GROUP BY ALL ORDER BY ALL"
    assert made.ask(counted) == whole.ask(counted)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(EDITS, EDITS)
def test_a_refreshed_cdm_is_the_cdm_of_a_full_conversion_whatever_changed(base, tmp_path_factory, first, second):
    """Two deliveries, one after the other; the second is compared."""
    at = tmp_path_factory.mktemp("refresh")
    shutil.copytree(base.into, at / "into")
    edit(base.folder, at / "first", first)
    edit(at / "first", at / "second", second)
    refresh("synthea", at / "first", at / "into", given=base.athena)
    told = refresh("synthea", at / "second", at / "into", given=base.athena)
    assert told.number == 2 and not told.everything
    assert_same(at / "into", convert("synthea", at / "second", at / "whole", given=base.athena))


def test_the_report_says_who_came_changed_and_left_and_nothing_else_is_touched(base, tmp_path):
    shutil.copytree(base.into, tmp_path / "into")
    edit(base.folder, tmp_path / "next", [("add", 4), ("shuffle", 1)])
    rows = (tmp_path / "next" / "conditions.csv").read_text().replace("p001,e0010,", "p001,e0012,")
    (tmp_path / "next" / "conditions.csv").write_text(rows)
    told = refresh("synthea", tmp_path / "next", tmp_path / "into", given=base.athena)
    assert (told.added, told.changed, told.removed, told.everything) == (1, 1, 0, "")
    assert told.came["person"] == 2 and told.went["person"] == 1
    assert not (tmp_path / "into" / "refresh").exists()
    unread = refresh("synthea", tmp_path / "next", tmp_path / "into", given=base.athena)
    assert (unread.added, unread.changed, unread.removed) == (0, 0, 0) and "person" not in unread.came


def test_provenance_of_those_who_changed_leads_to_the_new_delivery_and_of_others_to_the_old(base, tmp_path):
    shutil.copytree(base.into, tmp_path / "into")
    edit(base.folder, tmp_path / "next", [("add", 4)])
    refresh("synthea", tmp_path / "next", tmp_path / "into", given=base.athena)
    made = Converted(tmp_path / "into", None)
    found = made.ask(
        "SELECT person_source_value LIKE '%-4', count(DISTINCT f.file), min(f.file) FROM person JOIN from_person p"
        " ON p.id = person_id JOIN files f USING (file) GROUP BY 1 ORDER BY 1"
    )
    assert [(new, files) for new, files, _ in found] == [(False, 1), (True, 1)] and found[0][2] < found[1][2]
    assert made.one("SELECT count(*) FROM condition_occurrence") == made.one(
        "SELECT count(*) FROM from_condition_occurrence"
    )


def test_everything_is_converted_anew_where_more_than_persons_changed(base, tmp_path):
    """Places of care are about nobody: who refers to them cannot be told by rows of his own."""
    shutil.copytree(base.into, tmp_path / "into")
    edit(base.folder, tmp_path / "next", [])
    (tmp_path / "next" / "organizations.csv").write_text("Id,NAME\no1,Hospital\n")
    told = refresh("synthea", tmp_path / "next", tmp_path / "into", given=base.athena)
    assert told.everything == "shared-tables"
    assert_same(tmp_path / "into", convert("synthea", tmp_path / "next", tmp_path / "whole", given=base.athena))


def test_vocabularies_are_read_again_only_where_they_are_others(base, tmp_path):
    """What codes mean is linked, and so are the CDM's own tables of vocabularies; only their owner reads what is kept."""
    shutil.copytree(base.into, tmp_path / "into")
    before = _vocabularies(tmp_path / "into")
    for _ in range(2):
        refresh("synthea", base.folder, tmp_path / "into", given=base.athena)
        assert _vocabularies(tmp_path / "into") == before
    assert stat.S_IMODE((tmp_path / "into" / "state").stat().st_mode) == 0o700

    other = Given(write_athena(tmp_path / "athena"))
    told = refresh("synthea", base.folder, tmp_path / "into", given=other)
    assert told.everything == "vocabularies" and not _vocabularies(tmp_path / "into") & before


def _vocabularies(into: Path) -> set[int]:
    folders = [into / "cdm" / name for name in spec.VOCABULARY] + [Layout(into).codes, Layout(into).ingredients]
    return {part.stat().st_ino for folder in folders for part in folder.glob("*.parquet")}


def test_parquet_is_compared_row_by_row_and_not_staged(base, tmp_path):
    """Only rows of persons who changed are read as fields; what comes out is what a full conversion gives."""
    edit(base.folder, tmp_path / "next", [("add", 4), ("remove", 3), ("row", 5), ("less", 6), ("shuffle", 7)])
    as_parquet(base.folder, tmp_path / "in")
    as_parquet(tmp_path / "next", tmp_path / "next-in")
    convert("synthea", tmp_path / "in", tmp_path / "into", given=base.athena)
    steps: list[str] = []
    told = refresh(
        "synthea",
        tmp_path / "next-in",
        tmp_path / "into",
        given=base.athena,
        progress=lambda step, done, total: steps.append(step),
    )
    assert not told.everything and told.changed and told.added and told.removed
    read = {step.removeprefix("read ") for step in steps if step.startswith("read ")}
    assert read == {"patients.parquet"}, "places are made of everybody's rows"
    assert_same(tmp_path / "into", convert("synthea", tmp_path / "next-in", tmp_path / "whole", given=base.athena))


def as_parquet(folder: Path, into: Path) -> None:
    into.mkdir()
    for path in folder.glob("*.csv"):
        read = f"read_csv('{path}', all_varchar = true, header = true, null_padding = true, strict_mode = false)"
        duckdb.sql(f"COPY (FROM {read}) TO '{into / path.stem}.parquet'")


def test_rows_that_lay_in_the_future_are_looked_at_again_on_a_later_day(base, tmp_path):
    shutil.copytree(base.into, tmp_path / "into")
    later = {"given": base.athena, "as_of": date(2999, 12, 31)}
    told = refresh("synthea", base.folder, tmp_path / "into", **later)
    assert (told.changed, told.everything) == (1, "")
    assert_same(tmp_path / "into", convert("synthea", base.folder, tmp_path / "whole", **later))


def test_an_earlier_day_or_what_another_version_kept_converts_everything_anew(base, tmp_path):
    """Whose rows lay before the new day nobody kept; what another version kept may mean something else."""
    shutil.copytree(base.into, tmp_path / "earlier")
    earlier = {"given": base.athena, "as_of": date(2019, 6, 1)}
    assert refresh("synthea", base.folder, tmp_path / "earlier", **earlier).everything == "as-of"
    assert_same(tmp_path / "earlier", convert("synthea", base.folder, tmp_path / "whole", **earlier))

    shutil.copytree(base.into, tmp_path / "other")
    kept = tmp_path / "other" / "state" / "settings.json"
    said = json.loads(kept.read_text())
    kept.write_text(json.dumps({**said, "format": said["format"] - 1}))
    edit(base.folder, tmp_path / "next", [("row", 5), ("remove", 3)])
    assert refresh("synthea", tmp_path / "next", tmp_path / "other", given=base.athena).everything == "version"
    assert_same(tmp_path / "other", convert("synthea", tmp_path / "next", tmp_path / "next-whole", given=base.athena))


def test_who_objects_leaves_with_the_next_refresh(base, tmp_path):
    class Objected:
        def persons(self):
            return ("p003",)

    shutil.copytree(base.into, tmp_path / "into")
    told = refresh("synthea", base.folder, tmp_path / "into", given=base.athena, excluded=Objected())
    assert (told.removed, told.everything) == (1, "")
    made = Converted(tmp_path / "into", None)
    assert made.one("SELECT count(*) FROM person WHERE person_source_value = 'p003'") == 0
    whole = convert("synthea", base.folder, tmp_path / "whole", given=base.athena, excluded=Objected())
    assert fingerprint(tmp_path / "into" / "cdm") == fingerprint(whole.layout.cdm)


def test_what_is_remembered_of_a_delivery_names_nobody(base):
    names = {row[0] for row in _read(base.folder / "patients.csv")[1:]}
    kept = sorted(Layout(base.into).state.glob("*.parquet"))
    assert names and kept
    for path in kept:
        told = {str(row[0]) for row in duckdb.sql(f"SELECT tie_0 FROM '{path}'").fetchall()}
        assert not told & names and not [one for one in names if one.encode() in path.read_bytes()], path


def test_a_delivery_of_what_changed_alone_is_not_taken_for_everybody(base, tmp_path):
    """Read as a whole extract it would take away who is not in it."""
    into, part = tmp_path / "into", tmp_path / "part"
    shutil.copytree(base.into, into)
    shutil.copytree(base.folder, part)
    patients = _read(part / "patients.csv")
    few = patients[: len(patients) // 3]
    _write(part / "patients.csv", few)
    before = fingerprint(into / "cdm")
    with pytest.raises(Conflict, match=r"would take \d+ of \d+ persons away") as refused:
        refresh("synthea", part, into, given=base.athena)
    assert refused.value.code == "omop.smaller" and fingerprint(into / "cdm") == before
    refresh("synthea", part, into, given=base.athena, smaller=True)
    whole = convert("synthea", part, tmp_path / "whole", given=base.athena)
    assert_same(into, whole)
    (part / "patients.csv").unlink()
    with pytest.raises(Invalid, match="no table of persons"):
        refresh("synthea", part, into, given=base.athena, smaller=True)
    assert_same(into, whole)


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def test_a_conversion_by_another_key_is_not_refreshed(base, tmp_path):
    shutil.copytree(base.into, tmp_path / "into")
    with pytest.raises(Conflict, match="another key"):
        refresh("synthea", base.folder, tmp_path / "into", given=base.athena, secret=b"another")
    with pytest.raises(Conflict, match="no conversion stands here"):
        refresh("synthea", base.folder, tmp_path / "nothing", given=base.athena)
