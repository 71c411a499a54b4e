"""The table that says who is in a cohort as what: sets of a case and its controls, under keys of the project."""

from datetime import date

import pyarrow as pa
import pytest

from nexus.warehouse.releases.making import leave_out
from nexus.warehouse.releases.verifying import verify
from simulators import releases as made
from simulators.file_signer import LocalFileSigner
from simulators.operations import operation
from simulators.release_bench import Bench, Warehouse, prepared
from simulators.releases import members


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Warehouse:
    return prepared(tmp_path_factory.mktemp("cdm"), 80)


@pytest.fixture
def bench(warehouse, tmp_path) -> Bench:
    return Bench(warehouse, tmp_path / "releases")


async def test_a_case_and_its_controls_have_one_set_that_no_other_project_has(bench, warehouse):
    pairs = pa.concat_tables([members(range(1, 31)), members(range(31, 61), role="control")])
    sets = pairs["matched_set"].to_pylist()[:30] * 2
    pairs = pairs.set_column(2, "matched_set", pa.array(sets, pa.int64()))
    tables = {
        "person": ("person_id", "person_source_value"),
        "cohort_member": ("person_id", "cohort_role", "matched_set", "index_date"),
    }
    found = {}
    for domain in warehouse.project:
        scope = made.scope(domain, tables=tables, cohort="strokes")
        release = await bench.release(made.asked(domain, scope=scope, cohort=pairs, cohort_sha256="a" * 64))
        verify(bench.parts.manifest(release.digest()).read_bytes(), bench.parts)
        rows = bench.query(
            release,
            "SELECT matched_set, list(cohort_role ORDER BY cohort_role), list(person_source_value ORDER BY cohort_role)"
            " FROM cohort_member JOIN person USING (person_id) GROUP BY matched_set",
        )
        assert len(rows) == 30 and all(roles == ["case", "control"] for _, roles, _ in rows)
        hub = {theirs: mine for mine, theirs in warehouse.project[domain].items()}
        together = {tuple(warehouse.hub.index(hub[one]) for one in people) for _, _, people in rows}
        assert together == {(number, number + 30) for number in range(30)}
        found[domain] = {number for number, _, _ in rows}
    first, second = found.values()
    assert not first & second and not (first | second) & set(sets)


async def test_a_set_stays_what_it_is_where_its_case_refuses(bench, warehouse):
    """Or whoever compared two releases would learn whose case had refused; and a release written anew would be another one."""
    pairs = members([1, 2], role="control").set_column(2, "matched_set", pa.array([1_000_003 * 9] * 2, pa.int64()))
    pairs = pa.concat_tables([pairs, members([9])])
    tables = {"cohort_member": ("person_id", "cohort_role", "matched_set")}
    scope = made.scope(tables=tables, cohort="strokes")
    asked = made.asked(scope=scope, cohort=pairs, cohort_sha256="a" * 64)
    whole = await bench.release(asked)
    ((number,),) = bench.query(whole, "SELECT DISTINCT matched_set FROM cohort_member")
    bench.decisions.withdrawn.add(warehouse.hub[8])
    left = await bench.release(asked)
    assert bench.query(left, "SELECT cohort_role, matched_set FROM cohort_member") == [("control", number)] * 2
    gone = warehouse.project["PRJA"][warehouse.hub[8]]
    anew = await leave_out(
        operation("per_a"), whole, [gone], bench.parts, signer=LocalFileSigner(), made=left.made, consent=left.consent
    )
    assert anew.release.tables == left.tables


async def test_who_enters_outside_the_period_of_the_permit_is_in_it_without_a_row_that_says_when(bench):
    pairs = pa.concat_tables([members([1]), members([2], day=date(2017, 12, 31)), members([3], day=date(2021, 1, 1))])
    tables = {"person": ("person_id",), "cohort_member": ("person_id", "index_date")}
    scope = made.scope(tables=tables, cohort="strokes")
    release = await bench.release(made.asked(scope=scope, cohort=pairs, cohort_sha256="a" * 64))
    assert bench.query(release, "SELECT count(*) FROM person") == [(3,)]
    assert bench.query(release, "SELECT index_date FROM cohort_member") == [(date(2019, 5, 1),)]
