"""Releases at the doors: who may ask and who may open, what may follow what, and what a project that is not ready gets: nothing."""

import json

import pytest

from nexus.kernel.database import Recorded
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.warehouse.releases import store as rows
from nexus.warehouse.releases.model import FOLLOWS, ReleaseState, bucket_name, require_follows
from nexus.warehouse.releases.requests import (
    CompareReleases,
    ListReleases,
    NamedRelease,
    RequestRelease,
    RetireRelease,
)
from simulators.operations import operation
from simulators.release_work import Bench

ASKING, OPENING = operation("per_a"), operation("per_b")


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path, people=12)
    yield made
    made.store.close()


async def asked(bench: Bench):
    return await bench.service.request(ASKING, RequestRelease(project="stroke"))


def named(release) -> NamedRelease:
    return NamedRelease(project="stroke", release=release.id)


def retiring(release) -> RetireRelease:
    return RetireRelease(project="stroke", release=release.id, reason="the study is over")


async def test_whoever_asked_does_not_open_and_another_one_does(bench):
    release = await asked(bench)
    await bench.working().run()
    with pytest.raises(Denied) as refused:
        await bench.service.open(ASKING, named(release))
    assert refused.value.code == "releases.own"
    opened = await bench.service.open(OPENING, named(release))
    assert (opened.state, opened.changed_by) == (ReleaseState.OPEN, "per_b")
    assert bench.store.entries[-1].details["manifest"] == opened.release_digest


async def test_a_project_is_asked_at_each_step_whether_it_is_ready(bench):
    bench.study.lacking = "permit-ended"
    with pytest.raises(Conflict):
        await asked(bench)
    bench.study.lacking = ""
    release = await asked(bench)
    bench.study.lacking = "not-open"
    await bench.working().run()
    assert (await bench.service.read(ASKING, named(release))).code == "projects.not-ready"
    bench.study.lacking = ""
    other = await asked(bench)
    await bench.working().run()
    bench.study.lacking = "homologation-ended"
    with pytest.raises(Conflict) as refused:
        await bench.service.open(OPENING, named(other))
    assert refused.value.code == "projects.not-ready"


async def test_what_was_built_under_another_permit_is_not_opened(bench):
    release = await asked(bench)
    await bench.working().run()
    bench.study.permit = "pdc_2"
    with pytest.raises(Conflict) as refused:
        await bench.service.open(OPENING, named(release))
    assert refused.value.code == "releases.permit"


async def test_without_pseudonyms_it_says_which_setting(bench):
    bench.service._pseudonyms = False
    with pytest.raises(Conflict, match="pseudonyms") as refused:
        await asked(bench)
    assert "`pseudonyms`" in refused.value.hint


async def test_a_cohort_that_the_permit_does_not_name_is_refused(bench):
    with pytest.raises(Invalid):
        await bench.service.request(ASKING, RequestRelease(project="stroke", criteria="version = 1"))


async def test_a_release_of_another_project_is_none(bench):
    release = await asked(bench)
    bench.study.known.add("other")
    for run, request in (
        (bench.service.read, NamedRelease),
        (bench.service.open, NamedRelease),
        (bench.service.manifest, NamedRelease),
    ):
        with pytest.raises(NotFound):
            await run(OPENING, request(project="other", release=release.id))
    with pytest.raises(NotFound):
        await bench.service.retire(
            OPENING, RetireRelease(project="other", release=release.id, reason="the study is over")
        )
    assert (await bench.service.list(ASKING, ListReleases(project="other"))).releases == ()


async def test_the_list_is_in_pages_the_newest_first(bench):
    made = [(await asked(bench)).id for _ in range(3)]
    first = await bench.service.list(ASKING, ListReleases(project="stroke", limit=2))
    assert [each.id for each in first.releases] == made[:0:-1] and first.next == made[1]
    rest = await bench.service.list(ASKING, ListReleases(project="stroke", before=first.next))
    assert [each.id for each in rest.releases] == [made[0]] and rest.next is None


async def test_two_releases_are_compared_by_their_manifests(bench):
    first = await asked(bench)
    await bench.working().run()
    bench.withdraw(3)
    second = await asked(bench)
    await bench.working().run()
    found = await bench.service.compare(ASKING, CompareReleases(project="stroke", release=second.id, since=first.id))
    assert found.follows and found.files_new and found.files_kept
    assert "consent" in found.said


@pytest.mark.parametrize("was", list(ReleaseState))
async def test_only_what_may_follow_follows(bench, was):
    for then in ReleaseState:
        if then in FOLLOWS[was]:
            require_follows(was, then)
        else:
            with pytest.raises(Conflict):
                require_follows(was, then)


@pytest.mark.parametrize("state", [each for each in ReleaseState if each is not ReleaseState.BUILT])
async def test_only_what_is_built_is_opened_and_nothing_is_retired_twice(bench, state):
    release = await asked(bench)
    await force(bench, release.id, state)
    with pytest.raises(Conflict):
        await bench.service.open(OPENING, named(release))
    if ReleaseState.RETIRED not in FOLLOWS[state]:
        with pytest.raises(Conflict):
            await bench.service.retire(OPENING, retiring(release))


async def force(bench: Bench, release: str, state: ReleaseState) -> None:
    from dataclasses import replace

    def work(tx):
        found = rows.by_id(tx, release)
        rows.update(tx, replace(found, state=state))
        return Recorded(None, ASKING.allowed("releases.release.request", bench.service.__class__ and _where()))

    await bench.store.database.write(work)


def _where():
    from nexus.kernel.operation import Resource

    return Resource("Project", "stroke", {"project": "stroke"})


async def test_retiring_destroys_the_key_at_once_and_keeps_the_manifest(bench):
    release = await asked(bench)
    await bench.working().run()
    await bench.service.open(OPENING, named(release))
    retired = await bench.service.retire(ASKING, retiring(release))
    certificate = json.loads(retired.certificate)
    assert (certificate["keys"], certificate["manifest"]) == (1, retired.release_digest)
    bucket = bench.store.objects.buckets.find(retired.bucket)
    assert bucket.wrapped_key == b""
    assert (await bench.service.manifest(ASKING, named(release))).release_digest == retired.release_digest
    await bench.working().run()
    with pytest.raises(NotFound):
        bench.store.objects.buckets.find(retired.bucket)


def test_a_bucket_has_a_name_that_every_project_may_have():
    from nexus.objects.rules import check_bucket_name

    for project in ("ab", "a" * 41, "stroke-", "9-9"):
        check_bucket_name(bucket_name(project, "rel_01jd3v8f2x7q9k4m6n0p5r1s2t"))
