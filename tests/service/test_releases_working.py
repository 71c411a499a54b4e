"""The worker builds releases and carries withdrawals to them: the same as `making` gives, whatever stops in between, whoever withdraws when."""

import asyncio
import shutil

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Conflict, NotFound
from nexus.objects.model import Metadata
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.releases import making, manifest, people, withdrawing
from nexus.warehouse.releases.making import Ports
from nexus.warehouse.releases.model import ReleaseState
from nexus.warehouse.releases.parts import Parts
from nexus.warehouse.releases.people import bucket_of
from nexus.warehouse.releases.verifying import verify
from simulators import releases as made
from simulators.operations import operation
from simulators.release_work import Bench, Killed, files_named, people_in

BUILDING = (*range(8), 14, 25, 36, 37, 38, 39, 40, 41)
"""Steps of a build that others take part in: what is asked and signed, some of many writes, the end; behind the last it is not stopped."""


@pytest.fixture
def bench(tmp_path):
    made_bench = Bench(tmp_path)
    yield made_bench
    made_bench.store.close()


async def by_making(bench: Bench, folder, parent=None):
    """The release that `making` gives of the same warehouse, under the same decisions."""
    ports = Ports(bench.persons, bench.decisions, bench.key)
    with open_cdm(bench.layout.cdm, threads=1) as cdm:
        found = await making.make(operation(), made.asked(), cdm, Parts(folder), ports, parent=parent)
    return found.release


async def test_a_release_through_the_doors_is_the_one_that_making_gives(bench, tmp_path):
    bench.withdraw(5)
    record = await bench.build()
    assert record.state is ReleaseState.BUILT, record
    assert bench.said(record).tables == (await by_making(bench, tmp_path / "made")).tables
    await bench.open(record)
    files = await bench.served(record)
    for key, content in files.items():
        (tmp_path / "got" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "got" / key).write_bytes(content)
    kept = files[f"manifests/{record.digest}.json"]
    assert verify(kept, Parts(tmp_path / "got"), bench.key.public).release == record.digest
    assert not list(bench.layout.releasing.iterdir()), "nothing is left in clear beside the bucket"


async def test_each_build_has_its_entry_with_the_digest_of_its_manifest(bench):
    record = await bench.build()
    (entry,) = [each for each in bench.store.entries if each.action == "releases.release.built"]
    assert (entry.details["manifest"], entry.resource.id) == (record.digest, "stroke")


@pytest.mark.parametrize("at", BUILDING)
async def test_a_worker_that_is_killed_at_any_step_leaves_a_release_that_is_built_again(bench, tmp_path, at):
    asked = bench.ask()
    bench.steps.at, bench.steps.then = at, killed
    try:
        await bench.working().run()
    except Killed:
        assert bench.record(asked.id).state is ReleaseState.REQUESTED
        bench.steps.at = None
        await bench.working().run()
    record = bench.record(asked.id)
    assert record.state is ReleaseState.BUILT
    assert bench.said(record).tables == (await by_making(bench, tmp_path / "made")).tables
    await bench.open(record)
    assert set(files_named(bench.said(record))) < (await bench.served(record)).keys()


def killed() -> None:
    raise Killed


@pytest.mark.parametrize("at", BUILDING)
async def test_whoever_withdraws_at_any_step_of_a_build_is_in_no_release_that_is_open(bench, tmp_path, at):
    asked = bench.ask()
    bench.steps.at, bench.steps.then = at, lambda: bench.withdraw(7)
    await bench.working().run()
    assert bench.steps.passed.count("allowed") == 1, "one withdrawal does not make everybody be asked again"
    record = bench.record(asked.id)
    assert record.state is ReleaseState.BUILT and len(bench.steps.passed) > at
    # The worker heard of it while there was nothing to leave him out of: what was built is without him all the same.
    assert bench.said(record).tables == (await by_making(bench, tmp_path / "made")).tables
    await bench.open(record)
    assert not bench.holds(await bench.served(record), tmp_path, 7), "before the worker heard of it"
    await bench.following().follow(bench.names[7])
    record = bench.record(asked.id)
    files = await bench.served(record)
    assert set(files_named(bench.said(record))) < files.keys(), "all of it is served again"
    assert len(people_in(files, tmp_path)) == len(bench.hub) - 1 and not bench.holds(files, tmp_path, 7)


async def opened(bench: Bench):
    record = await bench.build()
    await bench.open(record)
    return record


async def test_a_withdrawal_is_the_release_that_would_be_built_without_him(bench, tmp_path):
    before = await opened(bench)
    first = bench.said(before)
    bench.withdraw(11)
    assert await bench.following().follow(bench.names[11]) == 1
    record = bench.record(before.id)
    now = bench.said(record)
    assert (now.parent, record.state) == (first.digest(), ReleaseState.OPEN)
    assert now.tables == (await by_making(bench, tmp_path / "made", parent=first)).tables
    files = await bench.served(record)
    gone = set(files_named(first)) - set(files_named(now))
    assert gone and not gone & files.keys()
    with pytest.raises(NotFound):
        await bench.keeping.fetch(
            operation(),
            bench.store.objects.buckets.find(record.bucket),
            [part for table in first.tables for part in table.parts if f"objects/{part.sha256}.parquet" in gone],
            Parts(tmp_path / "old"),
        )


@pytest.mark.parametrize("at", range(12))
async def test_a_worker_that_is_killed_while_it_leaves_somebody_out_goes_on(bench, tmp_path, at):
    before = await opened(bench)
    bench.withdraw(11)
    bench.steps.passed.clear()
    bench.steps.at, bench.steps.then = at, killed
    try:
        await bench.following().follow(bench.names[11])
    except Killed:
        assert not bench.holds(await bench.served(before), tmp_path, 11)
        bench.steps.at = None
        await bench.following().follow(bench.names[11])
    record = bench.record(before.id)
    files = await bench.served(record)
    expected = {*files_named(bench.said(record)), f"manifests/{record.digest}.json", "views.sql"}
    assert files.keys() == expected
    assert len(people_in(files, tmp_path)) == len(bench.hub) - 1
    bench.steps.at = None
    assert await bench.following().follow(bench.names[11]) == 0, "told again, it is no news"


@settings(max_examples=6, deadline=None, derandomize=True)
@given(before=st.sets(st.integers(0, 39), max_size=4), after=st.lists(st.integers(0, 39), max_size=4, unique=True))
def test_whoever_withdraws_before_and_after_it_is_the_release_of_those_who_are_left(tmp_path_factory, before, after):
    async def run() -> None:
        folder = tmp_path_factory.mktemp("any")
        bench = Bench(folder)
        for number in before:
            bench.withdraw(number)
        record = await opened(bench)
        first = bench.said(record)
        for number in after:
            bench.withdraw(number)
            assert not bench.holds(await bench.served(record), folder, number)
            await bench.following().follow(bench.names[number])
        record = bench.record(record.id)
        expected = await by_making(bench, folder / "made", parent=first)
        assert bench.said(record).tables == expected.tables
        assert len(people_in(await bench.served(record), folder)) == len(bench.hub) - len({*before, *after})
        bench.store.close()

    asyncio.run(run())


async def test_a_permission_that_ends_without_a_message_is_found_by_looking_through(bench, tmp_path):
    record = await opened(bench)
    gone = (4, 9, 31)
    for number in gone:
        bench.withdraw(number)
    assert await bench.following().mend() == len(gone)
    record = bench.record(record.id)
    files = await bench.served(record)
    assert set(files_named(bench.said(record))) < files.keys()
    assert len(people_in(files, tmp_path)) == len(bench.hub) - len(gone)
    assert await bench.following().mend() == 0


async def test_whoever_was_erased_is_left_out_too(bench, tmp_path):
    record = await opened(bench)
    await bench.store.objects.erasing.erase(operation(), bench.names[6], "she asked for it")
    assert not bench.holds(await bench.served(record), tmp_path, 6)
    assert await bench.following().mend() == 1
    record = bench.record(record.id)
    files = await bench.served(record)
    assert set(files_named(bench.said(record))) < files.keys() and not bench.holds(files, tmp_path, 6)


async def test_several_withdraw_one_after_the_other_down_to_a_single_person(tmp_path):
    bench = Bench(tmp_path, people=3)
    before = await opened(bench)
    for number in (0, 1):
        bench.withdraw(number)
        await bench.following().follow(bench.names[number])
        record = bench.record(before.id)
        assert set(files_named(bench.said(record))) <= (await bench.served(record)).keys()
    assert people_in(await bench.served(record), tmp_path) == {bench.persons.theirs(bench.hub[2])}
    bench.withdraw(2)
    await bench.following().follow(bench.names[2])
    assert people_in(await bench.served(record), tmp_path) == set()
    bench.store.close()


async def test_somebody_without_a_row_hides_nothing_once_the_worker_has_heard_of_it(bench, tmp_path):
    """He is on the list of his share, and no file says anything of him."""
    scope = made.scope(tables={name: columns for name, columns in made.TABLES.items() if name != "person"})
    bench.study.ready = lambda tx, project, at: replace_scope(bench, scope)
    record = await opened(bench)
    with open_cdm(bench.layout.cdm, threads=1) as cdm:
        seen = {who for (who,) in cdm.rows(_WITH_ROWS)}
    without = next(number for number, hub in enumerate(bench.hub) if hub not in seen)
    bench.withdraw(without)
    assert len(await bench.served(record)) < len(files_named(bench.said(record)))
    await bench.following().follow(bench.names[without])
    assert bench.record(record.id).digest == record.digest, "nothing was written anew"
    assert set(files_named(bench.said(record))) < (await bench.served(record)).keys()


_WITH_ROWS = (
    "SELECT person_source_value FROM person p WHERE EXISTS (SELECT 1 FROM observation_period o WHERE o.person_id = p.person_id"
    " AND observation_period_start_date <= DATE '2020-12-31' AND observation_period_end_date >= DATE '2018-01-01')"
    " OR EXISTS (SELECT 1 FROM visit_occurrence v WHERE v.person_id = p.person_id"
    " AND visit_start_date BETWEEN DATE '2018-01-01' AND DATE '2020-12-31')"
)


def replace_scope(bench: Bench, scope):
    from dataclasses import replace

    return replace(type(bench.study).ready(bench.study, None, "stroke", 0), scope=scope)


async def test_a_withdrawal_after_the_domain_was_renewed_leaves_one_patient_out_of_the_earlier_release(bench, tmp_path):
    """He is found by the pseudonym of the epoch that the release was made under, and nobody else leaves it."""
    before = await opened(bench)
    first = bench.said(before)
    assert first.epoch == 1
    there = people_in(await bench.served(before), tmp_path)
    bench.persons.renew()
    bench.persons.renew()
    bench.withdraw(11)
    assert await bench.following().follow(bench.names[11]) == 1
    record = bench.record(before.id)
    now = bench.said(record)
    assert (now.parent, now.epoch, record.state) == (first.digest(), 1, ReleaseState.OPEN)
    gone = bench.persons.theirs(bench.hub[11], epoch=1)
    assert gone in there
    assert people_in(await bench.served(record), tmp_path) == there - {gone}
    later = await bench.build()
    assert bench.said(later).epoch == 3


@pytest.mark.parametrize("known", [[2], []])
async def test_whom_the_ledger_knows_by_no_pseudonym_of_the_release_is_served_to_nobody(bench, tmp_path, known):
    """A ledger that was restored, say. By his other pseudonym he would be looked for elsewhere, in one share of eight among his own."""
    record = await opened(bench)
    there = people_in(await bench.served(record), tmp_path)
    bench.persons.renew()
    bench.persons.kept = known
    pairs = [[bucket_of(bench.persons.theirs(hub, epoch=epoch), 8) for epoch in (1, 2)] for hub in bench.hub]
    assert any(before == now for before, now in pairs)
    for number in range(len(bench.hub)):
        bench.withdraw(number)
        with pytest.raises(Conflict, match="not found in it"):
            await bench.following().follow(bench.names[number])
        assert not bench.holds(await bench.served(record), tmp_path, number, epoch=1)
    assert there, "there was somebody to be served"
    assert not people_in(await bench.served(record), tmp_path)


async def test_a_release_of_before_that_says_no_epoch_is_followed_while_there_was_only_one(bench, tmp_path):
    record = await opened(bench)
    older = msgspec.structs.replace(bench.said(record), epoch=msgspec.UNSET)
    assert b"epoch" not in manifest.message_of(older), "its digest is what it was"
    mine, next_one = (bench.persons.theirs(bench.hub[3], epoch=epoch) for epoch in (1, 2))
    assert withdrawing.found_by(older, [mine]) == (mine,)
    assert withdrawing.found_by(older, [mine, next_one]) == ()


async def test_a_domain_that_is_renewed_while_a_release_is_prepared_has_it_built_again(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(people, "BATCH", 10)
    given = bench.persons.to_domain

    async def renewed_on_the_way(op, pseudonyms, domain):
        found = await given(op, pseudonyms, domain)
        if bench.persons.epoch == 1:
            bench.persons.renew()
        return found

    bench.persons.to_domain = renewed_on_the_way
    record = await bench.build()
    assert bench.said(record).epoch == 2


async def test_negative_control_a_file_that_names_nobody_is_served_after_the_withdrawal(bench, tmp_path):
    """What keeps a withdrawn patient's rows from being served is the list: without it this very harness finds them."""
    record = await opened(bench)
    files = await bench.served(record)
    bucket = bench.store.objects.buckets.find(record.bucket)
    nobody = await bench.keeping._nobody(operation(), bucket)
    for key, content in files.items():
        if key.endswith(".parquet"):
            await bench.store.objects.deleting.delete(operation(), bucket, key)
            await bench.store.put(bucket, key, content, metadata=Metadata(subject=nobody))
    bench.withdraw(7)
    assert bench.holds(await bench.served(record), tmp_path, 7)


async def test_what_can_never_be_built_fails_with_its_reason_and_leaves_no_bucket(bench):
    shutil.rmtree(bench.layout.cdm)
    asked = bench.ask()
    await bench.working().run()
    await bench.working().run()
    record = bench.record(asked.id)
    assert (record.state, record.code) == (ReleaseState.FAILED, "releases.no-warehouse")
    with pytest.raises(NotFound):
        bench.store.objects.buckets.find(record.bucket)


async def test_a_warehouse_that_changes_while_it_is_read_is_read_again(bench):
    asked = bench.ask()

    def refreshed() -> None:
        made.write(bench.layout.cdm, bench.hub, seed=5)

    bench.steps.at, bench.steps.then = 3, refreshed
    with pytest.raises(Exception) as caught:
        await bench.working().run()
    assert caught.value.code in {"release.source", "warehouse.parquet"}
    await bench.working().run()
    assert bench.record(asked.id).state is ReleaseState.BUILT
