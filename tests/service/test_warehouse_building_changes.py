"""Deliveries of changes alone, built: the warehouse is what a build of the whole delivery that results makes. EMC-06, EMC-07."""

import csv
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from nexus.kernel.errors import Conflict
from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.omop.fingerprint import fingerprint
from simulators.chains import STEPS, increment, read, removals, united, write
from simulators.deliveries import extract, rows
from simulators.warehouse_site import Site, require_none_of

PROVIDERS = ("hospital-1", "snds")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A hospital and the claims base, twice: what comes later as changes, and as a whole."""
    at = tmp_path_factory.mktemp("made")
    for name, whole in (("changes", False), ("whole", True)):
        generate(Asked(people=60, hospitals=1, seed=3, years=2, late=0.3, bad_rows=0, whole=whole), at / name)
        for path in (at / name).rglob("*.csv"):
            path.rename(path.with_name(path.name.lower()))
    return at


def first(made: Path, name: str) -> Path:
    return made / "changes" / name / "delivery-1"


def quarantined(site: Site) -> list[tuple]:
    if not any(site.layout.quarantine.rglob("records/**/*.parquet")):
        return []
    found = f"read_parquet('{site.layout.quarantine}/records/**/*.parquet', union_by_name = true)"
    return site.ask(f"SELECT target, reason, person, count(*) FROM {found} GROUP BY ALL ORDER BY ALL")


def build(site: Site) -> tuple[str, int]:
    """How it began, and the most rows that rewritten files had while it went on."""
    most = 0

    def look(step: str, done: int, total: int) -> None:
        nonlocal most
        written = (path for path in site.layout.into.glob("deliveries/**/*.parquet") if ".new" not in str(path))
        most = max(most, sum(pq.read_metadata(path).num_rows for path in written))

    return site.build(progress=look).began, most


def require_same(site: Site, whole: Site) -> None:
    assert fingerprint(site.layout.cdm) == fingerprint(whole.layout.cdm)
    assert quarantined(site) == quarantined(whole)


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory) -> Site:
    """Of the whole second deliveries."""
    folders = {name: made / "whole" / name / "delivery-2" for name in PROVIDERS}
    site = Site(tmp_path_factory.mktemp("whole"), [extract(name, folder) for name, folder in folders.items()])
    _, site.most = build(site)
    return site


def chains(made: Path):
    return [extract(name, first(made, name), 1, made / "changes" / name / "delivery-2") for name in PROVIDERS]


def test_changes_refresh_what_stands_to_what_the_whole_second_delivery_gives(made, whole, tmp_path):
    site = Site(tmp_path, [extract(name, first(made, name)) for name in PROVIDERS])
    site.build()
    assert fingerprint(site.layout.cdm) != fingerprint(whole.layout.cdm)
    site.extracts = chains(made)
    built = site.build()
    assert built.began == "refresh"
    require_same(site, whole)
    assert site.build().began == "nothing"
    for each, name in zip(built.deliveries, PROVIDERS, strict=True):
        asked = rows(made / "changes" / name / "delivery-2" / "removed.csv")
        assert (each.number, each.chain) == (2, (1, 2))
        assert each.changes.gone and (each.changes.removed, each.changes.unknown) == (len(asked), 0)


def test_a_chain_that_is_built_from_nothing_gives_the_same_and_writes_each_row_once(made, whole, tmp_path):
    """What lies on the disk while it is made has the rows of the whole delivery, and none for each link."""
    site = Site(tmp_path, chains(made))
    assert build(site) == ("new", whole.most)
    require_same(site, whole)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_chain_gives_what_the_whole_that_results_gives(made, tmp_path_factory, steps):
    """Additions, corrections, removals, rows told again: at once from nothing, and one after the other as refreshes."""
    at, links = tmp_path_factory.mktemp("chains"), list[Path]()
    tables = read(first(made, "hospital-1"))
    stepwise = Site(at / "stepwise", [extract("hospital-1", first(made, "hospital-1"))])
    stepwise.build()
    for number, numbers in enumerate(steps):
        changes, removed = increment(tables, numbers)
        if not changes and not removed:
            continue
        links.append(write(at / f"changes-{number}", changes))
        removals(links[-1], removed)
        tables = united(tables, changes, removed)
        stepwise.extracts = [extract("hospital-1", first(made, "hospital-1"), 1, *links)]
        stepwise.build()
    alone = Site(at / "alone", [extract("hospital-1", write(at / "whole", tables))])
    alone.build()
    require_same(stepwise, alone)
    at_once = Site(at / "at-once", stepwise.extracts)
    at_once.build()
    require_same(at_once, alone)


def test_a_record_and_a_rejected_row_say_the_delivery_the_file_and_the_line_that_they_came_from(made, tmp_path):
    """Also a row of the first delivery that lies behind one which is gone."""
    base = read(first(made, "hospital-1"))
    gone, kept = base["encounters"][2]["Id"], base["encounters"][7]
    new = {**kept, "Id": "new-1"}
    stranger = {**kept, "Id": "new-2", "PATIENT": "nobody"}
    folder = write(tmp_path / "changes", {"encounters": [new, stranger]})
    removals(folder, [("encounters", gone)])
    site = Site(tmp_path / "cdm", [extract("hospital-1", first(made, "hospital-1"), 12, folder)])
    site.build()
    files = dict(site.ask(f"SELECT file, name FROM '{site.layout.files}'"))
    found = site.ask(
        f"SELECT p.file, p.line FROM read_parquet('{site.layout.provenance}/visit_occurrence/**/*.parquet') p"
    )
    places = Counter((files[file], line) for file, line in found)
    assert max(places.values()) == 1
    of_base = sorted(line for name, line in places if "/delivery-" not in name)
    assert of_base == [line for line in range(1, len(base["encounters"]) + 1) if line != 3]
    assert [(name, line) for name, line in places if "/delivery-" in name] == [
        ("hospital-1/delivery-000013/0001/encounters.parquet", 1)
    ]
    left = f"read_parquet('{site.layout.quarantine}/records/**/*.parquet', union_by_name = true)"
    rejected = site.ask(f"SELECT file, line, reason FROM {left} WHERE target = 'visit_occurrence'")
    assert [(files[file], line, reason) for file, line, reason in rejected] == [
        ("hospital-1/delivery-000013/0001/encounters.parquet", 2, "unknown-person")
    ]


def test_who_is_removed_or_objects_is_in_no_table_whichever_delivery_told_of_her(made, tmp_path):
    base = read(first(made, "hospital-1"))
    visits = Counter(row["PATIENT"] for row in base["encounters"])
    (objects, _), (leaves, _), *_ = visits.most_common(3)
    again = [row for row in base["patients"] if row["Id"] == objects]
    folder = write(tmp_path / "changes", {"patients": again})
    removals(folder, [("patients", leaves), ("patients", "never-there")])
    site = Site(tmp_path / "cdm", [extract("hospital-1", first(made, "hospital-1"))])
    site.patients.known = {("hospital-1", objects): "sub_1"}
    site.patients.refuses = {"sub_1"}
    site.build()
    names = {one: site.pseudonym("hospital-1", one) for one in (objects, leaves)}
    told = dict(site.ask("SELECT person_source_value, 1 FROM person"))
    assert names[objects] not in told and names[leaves] in told
    site.extracts = [extract("hospital-1", first(made, "hospital-1"), 1, folder)]
    built = site.build()
    told = dict(site.ask("SELECT person_source_value, 1 FROM person"))
    assert not told.keys() & set(names.values()) and built.excluded == 1
    assert (built.deliveries[0].changes.removed, built.deliveries[0].changes.unknown) == (1, 1)


def test_no_key_of_a_removal_and_no_identifier_is_on_the_disk_while_a_chain_is_built(made, tmp_path):
    secret = {row["KEY"] for row in rows(made / "changes" / "hospital-1" / "delivery-2" / "removed.csv")}
    secret |= {row[name] for row in rows(first(made, "hospital-1") / "patients.csv") for name in ("Id", "SSN", "LAST")}
    seen: set[str] = set()

    def look(step: str, done: int, total: int) -> None:
        if step not in seen:
            seen.add(step)
            if len(seen) % 8 == 0 or step.startswith("convert"):
                require_none_of(secret - {""}, tmp_path)

    Site(tmp_path / "cdm", chains(made)[:1]).build(progress=look)
    require_none_of(secret - {""}, tmp_path)
    assert len(secret) > 20 and len(seen) > 20


def test_a_chain_that_is_killed_at_any_step_goes_on_to_the_same_and_counts_the_same(made, tmp_path):
    steps: list[str] = []
    reference = Site(tmp_path / "reference", chains(made)[:1])
    wanted = reference.build(progress=lambda step, done, total: steps.append(step))
    marks = [at for at, step in enumerate(steps) if at == 0 or steps[at - 1] != step or step.startswith("read hosp")]
    for at in marks[1 :: max(1, len(marks) // 4)]:
        broken = Site(tmp_path / f"killed-{at}", reference.extracts)
        broken.killed(at)
        assert broken.build().deliveries == wanted.deliveries, steps[at]
        assert fingerprint(broken.layout.cdm) == fingerprint(reference.layout.cdm), steps[at]


def test_removals_of_a_delivery_that_follows_none_are_refused(made, tmp_path):
    folder = write(tmp_path / "changes", read(first(made, "hospital-1")))
    removals(folder, [("encounters", "1")])
    with pytest.raises(Conflict, match="delivered what changed") as refused:
        Site(tmp_path / "cdm", [extract("hospital-1", folder)]).build()
    assert refused.value.code == "building.changes"


def test_fields_with_line_breaks_are_cut_by_row(made, tmp_path):
    """A chain is cut as rows are read, not as lines of files: what a refresh of files refuses, a build takes."""
    tables = read(first(made, "hospital-1"))
    for row in tables["encounters"]:
        row["REASONDESCRIPTION"] = "two\nlines"
    base = write(tmp_path / "base", tables)
    folder = write(tmp_path / "changes", {"encounters": [{**tables["encounters"][1], "CODE": "185347001"}]})
    removals(folder, [("encounters", tables["encounters"][0]["Id"])])
    site = Site(tmp_path / "chain", [extract("hospital-1", base, 1, folder)])
    site.build()
    removed = [("encounters", tables["encounters"][0]["Id"])]
    result = united(tables, {"encounters": [{**tables["encounters"][1], "CODE": "185347001"}]}, removed)
    alone = Site(tmp_path / "alone", [extract("hospital-1", write(tmp_path / "whole", result))])
    alone.build()
    require_same(site, alone)
    assert list(csv.reader((base / "encounters.csv").open()))[1][-1] == "two\nlines"
