"""Deliveries of changes alone: applied to the delivery before, they give what a conversion of the whole that results gives."""

import gzip
import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings

from nexus.kernel.errors import Conflict, Invalid
from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.omop.fingerprint import fingerprint
from nexus.warehouse.omop.layout import Layout
from simulators.chains import ROOTS, STEPS, increment, read, removals, united, write
from simulators.conversions import Converted, convert, refresh

SOURCES = {"hospital-1": "synthea", "snds": "snds"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A hospital and the claims base, twice: what comes later as changes, and as a whole."""
    at = tmp_path_factory.mktemp("made")
    for name, whole in (("changes", False), ("whole", True)):
        generate(Asked(people=60, hospitals=1, seed=3, years=2, late=0.3, bad_rows=0, whole=whole), at / name)
    for name, source in SOURCES.items():
        convert(source, at / "changes" / name / "delivery-1", at / name)
    return at


def onto(made: Path, at: Path, name: str) -> Path:
    shutil.copytree(made / name, at / "into")
    return at / "into"


def quarantined(into: Path) -> list[tuple]:
    asked = "SELECT target, reason, person, count(*) FROM quarantine GROUP BY ALL ORDER BY ALL"
    return Converted(into, None).ask(asked)


@pytest.mark.parametrize("name", SOURCES)
def test_changes_give_what_the_whole_second_delivery_gives(made, tmp_path, name):
    """As the generator writes both; applied a second time, changes change nothing, and say that what they remove is not there."""
    into, changes = onto(made, tmp_path, name), made / "changes" / name / "delivery-2"
    told, applied = refresh(SOURCES[name], changes, into, changes=True)
    assert not told.everything and told.changed and applied.gone and applied.removed and not applied.unknown
    whole = convert(SOURCES[name], made / "whole" / name / "delivery-2", tmp_path / "whole")
    assert fingerprint(into / "cdm") == fingerprint(whole.layout.cdm)
    assert quarantined(into) == quarantined(whole.into)
    told, again = refresh(SOURCES[name], changes, into, changes=True)
    assert (told.added, told.changed, told.removed) == (0, 0, 0)
    assert (again.removed, again.unknown) == (0, applied.removed)
    assert fingerprint(into / "cdm") == fingerprint(whole.layout.cdm)
    assert len([path for path in Layout(into).accumulated.iterdir() if path.is_dir()]) == 1


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_changes_one_after_the_other_give_what_the_whole_that_results_gives(made, tmp_path_factory, steps):
    at = tmp_path_factory.mktemp("changes")
    into, tables = onto(made, at, "hospital-1"), read(made / "changes" / "hospital-1" / "delivery-1")
    for number, numbers in enumerate(steps):
        changes, removed = increment(tables, numbers)
        if not changes and not removed:
            continue
        folder = write(at / f"changes-{number}", changes)
        removals(folder, removed)
        there = {(name, row["Id"]) for name in ROOTS for row in tables[name]}
        _, applied = refresh("synthea", folder, into, changes=True)
        assert applied.unknown == len(set(removed) - there) and applied.removed == len(set(removed) & there)
        assert applied.told == sum(map(len, changes.values()))
        tables = united(tables, changes, removed)
    whole = convert("synthea", write(at / "whole-in", tables), at / "whole")
    assert fingerprint(into / "cdm") == fingerprint(whole.layout.cdm)
    assert quarantined(into) == quarantined(whole.into)


def test_changes_without_what_they_follow_are_refused(made, tmp_path):
    changes = made / "changes" / "hospital-1" / "delivery-2"
    with pytest.raises(Conflict, match="no conversion stands here") as refused:
        refresh("synthea", changes, tmp_path / "nothing", changes=True)
    assert refused.value.code == "omop.no-base"
    base = shutil.copytree(made / "changes" / "hospital-1" / "delivery-1", tmp_path / "base")
    convert("synthea", base, tmp_path / "into")
    before = fingerprint(tmp_path / "into" / "cdm")
    with (base / "conditions.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(Conflict) as refused:
        refresh("synthea", changes, tmp_path / "into", changes=True)
    assert refused.value.code == "omop.base-gone"
    shutil.rmtree(base)
    with pytest.raises(Conflict) as refused:
        refresh("synthea", changes, tmp_path / "into", changes=True)
    assert refused.value.code == "omop.base-gone" and fingerprint(tmp_path / "into" / "cdm") == before


def test_changes_that_nobody_declared_are_never_taken_for_a_whole_delivery(made, tmp_path):
    into = onto(made, tmp_path, "hospital-1")
    with pytest.raises(Invalid) as refused:
        refresh("synthea", made / "changes" / "hospital-1" / "delivery-2", into)
    assert refused.value.code == "omop.changes"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("TABLE,KEY\nencounters\n", "omop.removed"),
        ("WHAT,KEY\nencounters,1\n", "omop.removed"),
        ("TABLE,KEY\nconditions,1\n", "omop.removed"),
        ("TABLE,KEY\nnothing,1\n", "omop.removed"),
        ("TABLE,KEY\nencounters,{told}\n", "omop.changes-twice"),
    ],
    ids=["one field", "other columns", "a table without keys", "no table", "told and removed"],
)
def test_what_cannot_be_removed_is_refused_with_its_line(made, tmp_path, written, code):
    into = onto(made, tmp_path, "hospital-1")
    changes = shutil.copytree(made / "changes" / "hospital-1" / "delivery-2", tmp_path / "changes")
    told = read(changes)["encounters"][0]["Id"]
    (changes / "removed.csv").write_text(written.format(told=told))
    with pytest.raises(Invalid) as refused:
        refresh("synthea", changes, into, changes=True)
    assert refused.value.code == code


def test_a_file_of_which_rows_are_not_lines_is_cut_nowhere(made, tmp_path):
    """Packed files are cut as others are."""
    base = shutil.copytree(made / "changes" / "hospital-1" / "delivery-1", tmp_path / "base")
    packed = base / "conditions.csv.gz"
    packed.write_bytes(gzip.compress((base / "conditions.csv").read_bytes()))
    (base / "conditions.csv").unlink()
    convert("synthea", base, tmp_path / "into")
    changes = made / "changes" / "hospital-1" / "delivery-2"
    refresh("synthea", changes, tmp_path / "into", changes=True)
    whole = convert("synthea", made / "whole" / "hospital-1" / "delivery-2", tmp_path / "whole")
    assert fingerprint(tmp_path / "into" / "cdm") == fingerprint(whole.layout.cdm)

    tables = read(base)
    tables["encounters"][0]["CODE"] = "1\n2"
    convert("synthea", write(tmp_path / "broken", tables), tmp_path / "other")
    with pytest.raises(Invalid) as refused:
        refresh("synthea", changes, tmp_path / "other", changes=True)
    assert refused.value.code == "omop.changes-lines"


def test_parquet_is_cut_by_its_rows(made, tmp_path):
    base, changes = tmp_path / "base", tmp_path / "changes"
    for into, folder in ((base, "delivery-1"), (changes, "delivery-2")):
        into.mkdir()
        for path in (made / "changes" / "hospital-1" / folder).glob("*.csv"):
            if path.stem == "removed":
                shutil.copy(path, into)
                continue
            duckdb.sql(
                f"COPY (FROM read_csv('{path}', all_varchar = true, header = true)) TO '{into / path.stem}.parquet'"
            )
    convert("synthea", base, tmp_path / "into")
    refresh("synthea", changes, tmp_path / "into", changes=True)
    whole = convert("synthea", made / "whole" / "hospital-1" / "delivery-2", tmp_path / "whole")
    assert fingerprint(tmp_path / "into" / "cdm") == fingerprint(whole.layout.cdm)


class _PulledError(Exception):
    """The plug was."""


@pytest.mark.parametrize("step", ["compare conditions", "merge", "move cdm in", "moved"])
def test_changes_that_come_after_interrupted_ones_follow_them_or_what_stands(made, tmp_path, step):
    """Whichever stands when it goes on: what was merged is, what was not is not. Neither is half of it, and nothing is lost."""

    def pull(name: str, done: int, total: int) -> None:
        if name == step:
            raise _PulledError

    into, first = onto(made, tmp_path, "hospital-1"), made / "changes" / "hospital-1" / "delivery-2"
    with pytest.raises(_PulledError):
        refresh("synthea", first, into, changes=True, progress=pull)
    merged = step.startswith("move")
    if not merged:
        told, _ = refresh("synthea", first, into, changes=True)
        assert told.changed
    whole = read(made / "whole" / "hospital-1" / "delivery-2")
    gone = whole["encounters"][0]["Id"]
    second = tmp_path / "second"
    second.mkdir()
    (second / "removed.csv").write_text(f"TABLE,KEY\nencounters,{gone}\n")
    told, applied = refresh("synthea", second, into, changes=True)
    assert (applied.removed, told.changed) == (1, 1)
    after = convert("synthea", write(tmp_path / "after", united(whole, {}, [("encounters", gone)])), tmp_path / "whole")
    assert fingerprint(into / "cdm") == fingerprint(after.layout.cdm)
