"""A permit that names a cohort: its release holds cases and their controls and nobody else, and whoever withdraws leaves it."""

import hashlib
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nexus.kernel.errors import Invalid
from nexus.warehouse.cohorts import definition, findings
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.releases.model import ReleaseState
from nexus.warehouse.releases.requests import ListReleases, NamedRelease, RequestRelease
from simulators.operations import operation
from simulators.release_work import Bench, people_in
from simulators.releases import TABLES

STROKE = 372924
CASES = f"""
version = 1
name = "stroke"
title = "A first stroke while observed"
[index]
event = {{ kind = "condition", concepts = [{STROKE}] }}
"""
MATCHED = f"{CASES}\n[controls]\nratio = 1\nseed = 7\nexact = ['sex']\n"


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    made.study.cohort = "stroke"
    yield made
    made.store.close()


def cases(bench: Bench) -> set[str]:
    """By the warehouse's pseudonym: whose first stroke lies in a period of observation. Found without the program."""
    tables = {
        name: pq.read_table(bench.layout.cdm / f"{name}.parquet").to_pylist()
        for name in ("person", "condition_occurrence", "observation_period")
    }
    first: dict[int, date] = {}
    for row in tables["condition_occurrence"]:
        if row["condition_concept_id"] == STROKE:
            who, day = row["person_id"], row["condition_start_date"]
            first[who] = min(day, first.get(who, day))
    observed = {
        row["person_id"]
        for row in tables["observation_period"]
        if row["person_id"] in first
        and row["observation_period_start_date"] <= first[row["person_id"]] <= row["observation_period_end_date"]
    }
    return {row["person_source_value"] for row in tables["person"] if row["person_id"] in observed}


async def built(bench: Bench, criteria: str = CASES):
    asked = await bench.service.request(operation("per_a"), RequestRelease(project="stroke", criteria=criteria))
    await bench.working().run()
    record = bench.record(asked.id)
    assert record.state is ReleaseState.BUILT, record
    await bench.open(record)
    return record


def theirs(bench: Bench, people) -> set[str]:
    return {bench.persons.theirs(one) for one in people}


async def test_a_release_holds_the_persons_of_the_cohort_and_nobody_else(bench, tmp_path):
    expected = cases(bench)
    assert 5 < len(expected) < len(bench.hub) - 5
    record = await built(bench)
    files = await bench.served(record)
    assert people_in(files, tmp_path) == theirs(bench, expected)
    assert bench.said(record).cohort == hashlib.sha256(CASES.encode()).hexdigest()
    persons, others = set(), {}
    for key, content in files.items():
        rows = pq.read_table(pa.BufferReader(content)) if key.endswith(".parquet") else None
        if rows is not None and "person_id" in rows.column_names:
            found = set(rows["person_id"].to_pylist())
            (persons.update if "person_source_value" in rows.column_names else others.setdefault(key, found).update)(
                found
            )
    assert len(persons) == len(expected)
    assert others and all(found <= persons for found in others.values()), "no row is about anybody else"


async def test_the_last_step_of_the_attrition_is_who_is_released_and_who_refused(bench, tmp_path):
    expected = sorted(cases(bench))
    bench.withdraw(bench.hub.index(expected[0]))
    files = await bench.served(await built(bench))
    with open_cdm(bench.layout.cdm, threads=1) as cdm:
        steps = findings.find(cdm, definition.read(CASES.encode()), CASES.encode()).steps
    assert [step.name for step in steps] == ["index event", "observed at the index date"]
    assert steps[0].persons >= steps[-1].persons == len(people_in(files, tmp_path)) + 1
    assert people_in(files, tmp_path) == theirs(bench, expected[1:])


async def test_controls_that_the_definition_draws_are_in_it_too(bench, tmp_path):
    with open_cdm(bench.layout.cdm, threads=1) as cdm:
        found = findings.find(cdm, definition.read(MATCHED.encode()), MATCHED.encode())
    drawn = set(found.pool.rows(found.matched.control)["person"].tolist())
    hub = {
        row["person_id"]: row["person_source_value"]
        for row in pq.read_table(bench.layout.cdm / "person.parquet").to_pylist()
    }
    controls = {hub[person] for person in drawn}
    assert len(controls) > 3 and not controls & cases(bench)
    files = await bench.served(await built(bench, MATCHED))
    assert people_in(files, tmp_path) == theirs(bench, cases(bench) | controls)


async def test_members_learn_who_is_case_and_who_control_where_the_permit_says_so(bench, monkeypatch):
    monkeypatch.setitem(TABLES, "cohort_member", ("person_id", "cohort_role", "matched_set", "index_date"))
    with open_cdm(bench.layout.cdm, threads=1) as cdm:
        found = findings.find(cdm, definition.read(MATCHED.encode()), MATCHED.encode())
    files = await bench.served(await built(bench, MATCHED))
    rows, persons = [], {}
    for key, content in files.items():
        table = pq.read_table(pa.BufferReader(content)) if key.endswith(".parquet") else pa.table({})
        if "cohort_role" in table.column_names:
            rows += table.to_pylist()
        elif "person_source_value" in table.column_names:
            persons |= {row["person_id"]: row["person_source_value"] for row in table.to_pylist()}
    told = {persons[row["person_id"]] for row in rows if row["cohort_role"] == "case"}
    assert told <= theirs(bench, cases(bench)) and len(told) > 3
    pairs = len(found.matched.control)
    drawn = [row for row in rows if row["cohort_role"] == "control"]
    day = {row["matched_set"]: row["index_date"] for row in rows if row["cohort_role"] == "case"}
    assert 3 < len(drawn) <= pairs and len(told) + len(drawn) == len(rows)
    assert all(day[row["matched_set"]] == row["index_date"] for row in drawn), "controls have the day of their case"


async def test_a_steward_sees_whom_each_criterion_left_and_how_alike_both_sides_are(bench):
    named = NamedRelease(project="stroke", release=(await built(bench, MATCHED)).id)
    seen = await bench.service.read(operation("per_a"), named)
    with open_cdm(bench.layout.cdm, threads=1) as cdm:
        found = findings.find(cdm, definition.read(MATCHED.encode()), MATCHED.encode())
    assert seen.cohort is not None and seen.cohort == findings.told(found, "stroke", seen.cohort.at)
    assert [step.name for step in seen.cohort.steps] == ["index event", "observed at the index date"]
    assert seen.cohort.definition_sha256 == bench.said(bench.record(seen.id)).cohort
    (listed,) = (await bench.service.list(operation("per_a"), ListReleases(project="stroke"))).releases
    assert listed.cohort is None, "as its tables, it is shown of one release alone"


async def test_whoever_withdraws_leaves_and_nobody_comes_in_her_place(bench, tmp_path):
    expected = sorted(cases(bench))
    record = await built(bench)
    gone = bench.hub.index(expected[2])
    bench.withdraw(gone)
    assert not bench.holds(await bench.served(record), tmp_path, gone), "before the worker heard of it"
    assert await bench.following().follow(bench.names[gone]) == 1
    record = bench.record(record.id)
    assert people_in(await bench.served(record), tmp_path) == theirs(bench, set(expected) - {expected[2]})
    outside = bench.hub.index(sorted(set(bench.hub) - set(expected))[0])
    bench.withdraw(outside)
    assert await bench.following().follow(bench.names[outside]) == 0, "who is in no release leaves none"


async def test_a_cohort_of_nobody_is_a_release_of_nobody(bench, tmp_path):
    record = await built(bench, CASES.replace(str(STROKE), "4329847"))
    assert people_in(await bench.served(record), tmp_path) == set()


@pytest.mark.parametrize(
    ("named", "criteria", "code", "said"),
    [
        ("stroke", "", "release.cohort", "the permit names the cohort stroke"),
        ("", CASES, "release.cohort", "the permit names none"),
        ("diabetes", CASES, "release.cohort", "it names diabetes"),
        ("stroke", CASES.replace("kind", "sort"), "warehouse.cohort-definition", "every part"),
        ("stroke", "not toml", "warehouse.cohort-definition", "every part"),
    ],
)
async def test_what_is_not_the_cohort_of_the_permit_is_refused_when_it_is_asked_for(bench, named, criteria, code, said):
    bench.study.cohort = named
    with pytest.raises(Invalid) as refused:
        await bench.service.request(operation("per_a"), RequestRelease(project="stroke", criteria=criteria))
    assert refused.value.code == code and said in refused.value.hint
    assert not [
        entry
        for entry in bench.store.entries
        if entry.action == "releases.release.request" and entry.outcome == "allowed"
    ]


async def test_a_permit_that_names_another_cohort_since_is_refused_when_it_is_built(bench):
    asked = await bench.service.request(operation("per_a"), RequestRelease(project="stroke", criteria=CASES))
    bench.study.cohort = "diabetes"
    await bench.working().run()
    record = bench.record(asked.id)
    assert record.state is not ReleaseState.BUILT and record.code == "release.cohort"
