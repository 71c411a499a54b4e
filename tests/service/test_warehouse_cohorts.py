"""Cohorts over a CDM: who enters is who enters when one asks person by person; what is told hides small counts."""

import json
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from nexus.app.commands.cohort import cohort_command
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Invalid
from nexus.warehouse.cohorts import definition, findings, report, writing
from nexus.warehouse.quality.cdm import open_cdm
from simulators import study
from simulators.study import FEMALE, Person

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "gibleed-omop53"
HEAD = 'version = 1\nname = "stroke"\ntitle = "First stroke"\n'
INDEX = '[index]\nevent = { kind = "condition", concepts = [372924] }\n'
INCLUDE = """
[[include]]
name = "adults"
age = { min = 18, max = 80 }
[[include]]
name = "twice the drug in the year before"
event = { kind = "drug", codes = ["N02A*"] }
window = { from = -365, to = -1 }
at_least = 2
[[exclude]]
name = "high glucose"
event = { kind = "measurement", concepts = [3004501], value = { min = 150 }, units = [8840] }
window = { to = 0 }
"""
CONTROLS = '[controls]\nratio = 3\nseed = 11\nexact = ["sex", "site"]\nage_years = 12\n'
BALANCE = '[[balance]]\nname = "glucose before"\nevent = { kind = "measurement", concepts = [3004501] }\nwindow = { to = -1 }\n'


@pytest.fixture(scope="module")
def everybody() -> list[Person]:
    return study.people(900, seed=5)


@pytest.fixture(scope="module")
def folder(everybody, tmp_path_factory) -> Path:
    return study.write(everybody, tmp_path_factory.mktemp("cdm"))


def find(folder: Path, text: str) -> findings.Found:
    with open_cdm(folder, threads=1) as cdm:
        return findings.find(cdm, definition.read(text.encode()), text.encode())


def entered(found: findings.Found) -> dict[int, date]:
    first = date(1970, 1, 1)
    rows = zip(found.cases["person"].tolist(), found.cases["day"].tolist(), strict=True)
    return {person: first + timedelta(days=day) for person, day in rows}


def strokes(person: Person) -> list[date]:
    return sorted({day for day, _ in person.strokes})


def observed(person: Person, day: date) -> tuple[date, date] | None:
    return next((period for period in person.periods if period[0] <= day <= period[1]), None)


def age(person: Person, day: date) -> int:
    return day.year - person.birth.year - ((day.month, day.day) < (person.birth.month, person.birth.day))


def meets(person: Person, day: date) -> bool:
    drugs = {when for when, code in person.drugs if code.startswith("N02A") and 1 <= (day - when).days <= 365}
    high = any(value >= 150 and when <= day for when, value in person.glucose)
    return 18 <= age(person, day) <= 80 and len(drugs) >= 2 and not high


def test_who_enters_is_who_meets_every_criterion_at_the_first_event(folder, everybody):
    expected = {
        one.id: days[0]
        for one in everybody
        if (days := strokes(one)) and observed(one, days[0]) and meets(one, days[0])
    }
    assert expected and entered(find(folder, HEAD + INDEX + INCLUDE)) == expected


def test_with_any_event_a_person_enters_at_the_earliest_that_meets_every_criterion(folder, everybody):
    expected = {
        one.id: days[0]
        for one in everybody
        if (days := [day for day in strokes(one) if observed(one, day) and meets(one, day)])
    }
    found = entered(find(folder, HEAD + INDEX + 'occurrence = "any"\n' + INCLUDE))
    assert found == expected
    assert len(found) > len(entered(find(folder, HEAD + INDEX + INCLUDE)))


def test_a_washout_asks_for_days_observed_and_without_the_event(folder, everybody):
    def fits(one: Person, day: date) -> bool:
        period = observed(one, day)
        before = [other for other in strokes(one) if 1 <= (day - other).days <= 200]
        return period is not None and (day - period[0]).days >= 200 and not before

    expected = {one.id: good[0] for one in everybody if (good := [day for day in strokes(one) if fits(one, day)])}
    assert entered(find(folder, HEAD + INDEX + 'occurrence = "any"\nwashout_days = 200')) == expected


def test_who_enters_by_the_second_event_enters_on_its_day(folder, everybody):
    expected = {one.id: days[1] for one in everybody if len(days := strokes(one)) > 1 and observed(one, days[1])}
    assert entered(find(folder, HEAD + INDEX + "at_least = 2")) == expected


def test_a_period_bounds_index_dates_and_descendants_can_be_left_out(folder, everybody):
    def only(one: Person) -> list[date]:
        return sorted({day for day, concept in one.strokes if concept == study.STROKE})

    text = HEAD + INDEX.replace("]", "], descendants = false", 2).replace("[index], descendants = false", "[index]")
    found = find(folder, text + "from = 2016-01-01\nuntil = 2016-12-31")
    expected = {
        one.id: days[0] for one in everybody if (days := only(one)) and days[0].year == 2016 and observed(one, days[0])
    }
    assert entered(found) == expected


def test_each_step_leaves_no_more_than_the_one_before_and_the_last_leaves_the_cohort(folder):
    found = find(folder, HEAD + INDEX + INCLUDE)
    counts = [step.persons for step in found.steps]
    assert all(before >= after for before, after in pairwise(counts))
    assert counts[-1] == len(found.cases) and len(counts) == 2 + 3


def test_controls_never_had_the_event_are_observed_on_the_day_and_resemble_their_case(folder, everybody):
    found = find(folder, HEAD + INDEX + CONTROLS)
    assert found.matched is not None and found.pool is not None
    known = {one.id: one for one in everybody}
    cases, controls = found.cases.rows(found.matched.case), found.pool.rows(found.matched.control)
    drawn = controls["person"].tolist()
    assert drawn and len(set(drawn)) == len(drawn)
    for case, control, day in zip(cases["person"], drawn, cases["day"], strict=True):
        one, other, on = known[int(case)], known[control], date(1970, 1, 1) + timedelta(days=int(day))
        assert not other.strokes and observed(other, on) and (one.sex, one.site) == (other.sex, other.site)
        assert abs((one.birth - other.birth).days) <= 12 * 365.25


def test_controls_with_an_index_event_of_their_own_keep_its_date_and_the_criteria(folder, everybody):
    own = '[controls.index]\nevent = { kind = "drug", codes = ["N02B*"] }\n'
    adults = '[[include]]\nname = "adults"\nage = { min = 18 }\n'
    found = find(folder, HEAD + INDEX + adults + CONTROLS + "index_days = 60\n" + own)
    assert found.matched is not None and found.pool is not None
    controls, cases = found.pool.rows(found.matched.control), found.cases.rows(found.matched.case)
    assert len(controls) and all(abs(controls["day"] - cases["day"]) <= 60)
    first = {one.id: min(days) for one in everybody if (days := [day for day, code in one.drugs if code == "N02B7"])}
    known = {one.id: one for one in everybody}
    for person, day in zip(controls["person"].tolist(), controls["day"].tolist(), strict=True):
        assert first[person] == date(1970, 1, 1) + timedelta(days=day)
        assert age(known[person], first[person]) >= 18
    assert not set(controls["person"].tolist()) & set(found.cases["person"].tolist())


def test_whoever_had_what_no_control_may_have_is_no_control(folder, everybody):
    never = '[[controls.exclude]]\nname = "the drug"\nevent = { kind = "drug", codes = ["N02A1"] }\n'
    found = find(folder, HEAD + INDEX + CONTROLS + never)
    assert found.pool is not None and len(found.pool)
    taken = {one.id for one in everybody if any(code == "N02A1" for _, code in one.drugs)}
    assert not taken & set(found.pool["person"].tolist())


def test_files_are_the_same_bytes_whatever_the_order_of_rows(folder, everybody, tmp_path):
    other = study.write(everybody, tmp_path / "other", seed=99)
    text = HEAD + INDEX + INCLUDE + CONTROLS
    for name, where in (("one", folder), ("two", other)):
        writing.write(find(where, text), tmp_path / name)
    for file in (writing.COHORT, writing.MATCHES):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert pq.read_table(tmp_path / "one" / writing.COHORT).num_rows > 0


def test_matching_makes_groups_more_alike_and_the_drawing_shows_it(tmp_path):
    """Cases are women of one site more often than the pool is: made so."""
    everybody = study.people(2_500, seed=8)
    for one in everybody:
        if one.strokes and one.id % 10:
            one.sex, one.site = FEMALE, 1
        if one.strokes and one.id % 3:
            one.strokes = []
    found = find(study.write(everybody, tmp_path), HEAD + INDEX + CONTROLS.replace("3\n", "1\n", 1) + BALANCE)
    answer = findings.told(found, "made", Instant(0))
    assert answer.matching is not None
    rows = {row.name: row for row in answer.matching.balance}
    women = rows[f"sex {FEMALE}"]
    assert women.before is not None and women.before > 0.3
    assert women.after == 0.0
    assert rows["glucose before"].after is not None
    drawing = ET.fromstring(report.plot(answer))
    shown = [row for row in answer.matching.balance if row.after is not None]
    assert len(drawing.findall(".//{*}circle")) >= 2 * len(shown)


def test_no_small_count_is_told(folder):
    """Nine people are left at the end, and three of them go at the last step."""
    text = HEAD + INDEX + INCLUDE + '[[include]]\nname = "old"\nage = { min = 79 }\n' + CONTROLS
    found = find(folder, text)
    assert 0 < found.steps[-1].persons < 11
    answer = findings.told(found, "made", Instant(0))
    assert answer.steps[-1].persons is None
    assert answer.matching is not None and answer.matching.controls is None
    assert {row.cases for row in answer.matching.served} == {None}
    assert all(row.after is None for row in answer.matching.balance)
    for french in (False, True):
        page = report.render(answer, french=french)
        assert ("masqué" if french else "hidden") in page


def test_a_table_that_is_not_there_is_named(tmp_path, everybody):
    folder = study.write(everybody[:5], tmp_path)
    (folder / "measurement.parquet").unlink()
    with pytest.raises(Invalid, match="no measurement"):
        find(folder, HEAD + INDEX + INCLUDE)


def test_the_command_writes_persons_report_and_drawing_and_tells_only_what_may_be_told(folder, tmp_path):
    file = tmp_path / "stroke.toml"
    file.write_text(HEAD + INDEX + CONTROLS)
    places = {name: tmp_path / f"out.{name}" for name in ("html", "json", "svg")}
    more = ["--report", places["html"], "--result", places["json"], "--plot", places["svg"], "--into", tmp_path / "who"]
    done = CliRunner().invoke(
        cohort_command,
        [str(file), str(folder), "--json", *map(str, more)],
        standalone_mode=False,
        catch_exceptions=False,
    )
    assert done.return_value == 0
    said = json.loads(done.stdout)
    assert said["steps"] == json.loads(places["json"].read_text())["steps"]
    assert "<script" not in places["html"].read_text() and "default-src 'none'" in places["html"].read_text()
    assert ET.fromstring(places["svg"].read_text()).tag.endswith("svg")
    assert {path.name for path in (tmp_path / "who").iterdir()} == {writing.COHORT, writing.MATCHES}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [*places.values(), *(tmp_path / "who").iterdir()])


@pytest.mark.skipif(not PUBLIC.exists(), reason="the public GiBleed data are not beside the repository")
def test_the_public_data_give_the_numbers_that_a_plain_query_gives(tmp_path):
    text = HEAD + '[index]\nevent = { kind = "condition", concepts = [192671] }\n'
    found = find(PUBLIC, text)
    plain = pq.read_table(PUBLIC / "condition_occurrence.parquet").to_pandas()
    columns = {column.lower(): column for column in plain.columns}
    bleeds = plain[plain[columns["condition_concept_id"]] == 192671]
    assert found.steps[0].persons == bleeds[columns["person_id"]].nunique() == 479
