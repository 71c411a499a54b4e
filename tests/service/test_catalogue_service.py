"""The catalogue at the doors: described by one, published by another, whole or not at all, gone with its release.

EMC-56: a dataset without metadata is not shown, and the list names every open release that has none.
"""

import pytest

from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.warehouse.catalogue import store, turtle
from nexus.warehouse.catalogue.model import DatasetState, Holder
from nexus.warehouse.catalogue.public import REMEMBERED, PublicCatalogue
from nexus.warehouse.catalogue.requests import ListDatasets, NamedDataset, PublishDataset, WithdrawDataset
from nexus.warehouse.quality.checks import Category, Kind, Severity
from nexus.warehouse.quality.results import Result, State
from nexus.warehouse.releases.requests import NamedRelease, RequestRelease, RetireRelease
from simulators.catalogue import HOLDER, SECOND, STEWARD, Catalogue, example, opened, publish, warehouse_run
from simulators.operations import operation
from simulators.release_work import Bench

WHY = "the study has ended early"
NOBODY = Holder(name="", contact="", access_body="", access_body_contact="", country="FRA", address="https://a.example")


@pytest.fixture
def catalogue(tmp_path):
    made = Catalogue(tmp_path)
    yield made
    made.close()


def public(catalogue: Catalogue, require=lambda: None) -> PublicCatalogue:
    return PublicCatalogue(catalogue.database, catalogue.clock, HOLDER, require)


async def test_one_describes_another_publishes_and_everybody_sees_it(catalogue):
    described = await catalogue.described()
    assert (described.state, described.lacking) == (DatasetState.DESCRIBED, ())
    assert "healthdcatap:hdab" in described.record and public(catalogue).records() == {}
    with pytest.raises(Denied) as refused:
        await catalogue.service.publish(STEWARD, PublishDataset(dataset="diabetes", version=1))
    assert refused.value.code == "catalogue.own"
    shown = await catalogue.service.publish(SECOND, PublishDataset(dataset="diabetes", version=1))
    assert shown.state is DatasetState.PUBLISHED and shown.address.endswith("/catalogue/diabetes")
    assert list(public(catalogue).records()) == ["diabetes"]
    assert [entry.action for entry in catalogue.recorder.entries] == [
        "catalogue.dataset.describe",
        "catalogue.dataset.publish",
    ]


async def test_what_lacks_something_is_refused_by_name_and_not_shown(tmp_path):
    lean = Catalogue(
        tmp_path, Holder(**{name: getattr(HOLDER, name) for name in HOLDER.__slots__} | {"access_body": ""})
    )
    described = await lean.described()
    assert described.lacking == ("dcat:Dataset healthdcatap:hdab",)
    with pytest.raises(Conflict, match="healthdcatap:hdab") as refused:
        await lean.service.publish(SECOND, PublishDataset(dataset="diabetes", version=1))
    assert refused.value.code == "catalogue.lacking" and public(lean).records() == {}
    lean.close()


async def test_only_the_description_that_was_looked_at_is_published(catalogue):
    await catalogue.described()
    await catalogue.described(title_en="Somebody's name")
    with pytest.raises(Conflict) as refused:
        await catalogue.service.publish(SECOND, PublishDataset(dataset="diabetes", version=1))
    assert refused.value.code == "catalogue.version"


async def test_a_new_description_changes_nothing_that_is_public_until_it_is_published(catalogue):
    await catalogue.published()
    described = await catalogue.described(title_en="Another title")
    assert described.state is DatasetState.PUBLISHED
    assert public(catalogue).records()["diabetes"].title.en == "Who gets diabetes, and when"
    await catalogue.service.publish(SECOND, PublishDataset(dataset="diabetes", version=2))
    assert public(catalogue).records()["diabetes"].title.en == "Another title"


async def test_what_is_public_does_not_follow_the_release_when_a_patient_leaves_it(catalogue):
    """No number moves on the day on which one person withdraws."""
    await catalogue.published()
    before = public(catalogue).records()["diabetes"]
    catalogue.known.releases["diabetes", "rel_1"] = opened({"person": 1_229, "condition_occurrence": 5_600})
    assert public(catalogue).records()["diabetes"] == before


async def test_a_release_that_is_not_open_is_not_described(catalogue):
    for named in ({"release": "rel_2"}, {"project": "stroke"}):
        with pytest.raises(Conflict) as refused:
            await catalogue.described(**named)
        assert refused.value.code == "catalogue.not-open"
    with pytest.raises(Invalid):
        await catalogue.described(release="")


async def test_a_release_is_one_dataset_and_a_public_dataset_stays_the_release_that_it_is(catalogue):
    await catalogue.published()
    catalogue.known.releases["diabetes", "rel_2"] = opened()
    with pytest.raises(Conflict) as refused:
        await catalogue.described("other")
    assert refused.value.code == "catalogue.described"
    with pytest.raises(Conflict) as refused:
        await catalogue.described(release="rel_2")
    assert refused.value.code == "catalogue.published"
    await catalogue.service.withdraw(SECOND, WithdrawDataset(dataset="diabetes", reason=WHY))
    assert (await catalogue.described(release="rel_2")).version == 2


async def test_the_warehouse_itself_is_a_dataset_once_the_gate_has_let_it_through(catalogue):
    base = {"project": "", "release": "", "purposes": ("research",), "legal_basis": "public-interest"}
    assert (await catalogue.described("all", **base)).lacking == ("a warehouse that the quality gate has looked at",)
    catalogue.known.run = warehouse_run()
    shown = await catalogue.published("all", **base)
    assert shown.state is DatasetState.PUBLISHED and public(catalogue).records()["all"].individuals == 1_000
    fatal = Result(
        id="c", kind=Kind.TABLE, table="person", field="", severity=Severity.FATAL, category=next(iter(Category)),
        state=State.FAILED, threshold=0.0,
    )  # fmt: skip
    run = warehouse_run()
    catalogue.known.run = type(run)(cdm=run.cdm, at=run.at, results=(fatal,), tables=run.tables)
    assert (await catalogue.service.read(STEWARD, NamedDataset(dataset="all"))).lacking == (
        "the quality gate's consent",
    )


@pytest.mark.parametrize(
    "said",
    [
        {"period_from": "2026-02-30"},
        {"period_from": "2026-02-03", "period_until": "2025-01-01"},
        {"min_age": 50, "max_age": 20},
    ],
)
async def test_what_makes_no_sense_is_refused(catalogue, said):
    with pytest.raises(Invalid):
        await catalogue.described(**said)


async def test_a_withdrawal_takes_it_out_and_is_recorded_with_its_reason(catalogue):
    await catalogue.published()
    gone = await catalogue.service.withdraw(SECOND, WithdrawDataset(dataset="diabetes", reason=WHY))
    assert gone.state is DatasetState.WITHDRAWN and public(catalogue).records() == {}
    assert catalogue.recorder.entries[-1].details["reason"] == WHY
    with pytest.raises(Conflict):
        await catalogue.service.withdraw(SECOND, WithdrawDataset(dataset="diabetes", reason=WHY))
    with pytest.raises(NotFound):
        await catalogue.service.withdraw(SECOND, WithdrawDataset(dataset="other", reason=WHY))


async def test_the_list_is_in_pages_and_names_open_releases_without_metadata(catalogue):
    """EMC-56: datasets without metadata, counted."""
    catalogue.known.releases["diabetes", "rel_2"] = opened()
    await catalogue.published()
    await catalogue.described("other", release="rel_2")
    first = await catalogue.service.list(STEWARD, ListDatasets(limit=1))
    assert [each.dataset for each in first.datasets] == ["diabetes"] and first.next == "diabetes"
    assert first.undescribed == ("rel_2",)
    rest = await catalogue.service.list(STEWARD, ListDatasets(after=first.next))
    assert [each.dataset for each in rest.datasets] == ["other"] and rest.next is None


async def test_without_a_publisher_there_is_no_catalogue(tmp_path):
    off = Catalogue(tmp_path, NOBODY)
    for run, request in (
        (off.service.list, ListDatasets()),
        (off.service.read, NamedDataset(dataset="diabetes")),
        (off.service.publish, PublishDataset(dataset="diabetes", version=1)),
    ):
        with pytest.raises(Conflict) as refused:
            await run(STEWARD, request)
        assert refused.value.code == "catalogue.off"
    with pytest.raises(Conflict):
        await off.described()
    off.close()


async def test_strangers_cost_the_database_nothing_for_a_few_seconds_and_see_nothing_while_it_is_sealed(catalogue):
    sealed = []

    def require() -> None:
        if sealed:
            raise sealed[0]

    seen = public(catalogue, require)
    assert seen.records() == {}
    await catalogue.published()
    assert seen.records() == {}
    catalogue.clock.advance(REMEMBERED)
    assert list(seen.records()) == ["diabetes"]
    sealed.append(Conflict("sealed", code="test.sealed"))
    with pytest.raises(Conflict):
        seen.records()


@pytest.mark.parametrize("name", ["", "diabetes"])
async def test_what_machines_read_is_written_once_for_all_strangers_of_these_seconds(catalogue, name, monkeypatch):
    await catalogue.published()
    seen, written = public(catalogue), []
    monkeypatch.setattr(turtle, "write", lambda nodes, write=turtle.write: written.append(1) or write(nodes))
    first = seen.document("ttl", name)
    assert seen.document("ttl", name) is first and len(written) == 1
    assert b"dcat:Dataset" in first.body and first.body != seen.document("jsonld", name).body
    catalogue.clock.advance(REMEMBERED)
    assert seen.document("ttl", name) == first and len(written) == 2, "with what was read anew"


async def test_a_release_that_is_retired_leaves_the_catalogue_in_the_same_commit(tmp_path):
    bench = Bench(tmp_path, people=12)
    asked = await bench.service.request(STEWARD, RequestRelease(project="stroke"))
    await bench.working().run()
    await bench.service.open(SECOND, NamedRelease(project="stroke", release=asked.id))

    def stored(tx):
        from nexus.kernel.database import Recorded

        publish(tx, example("stroke"))
        tx.execute("UPDATE catalogue_dataset SET release = ?", (asked.id,))
        return Recorded(None, operation().allowed("test.stored", next(iter(bench.store.entries)).resource))

    await bench.store.database.write(stored)
    await bench.service.retire(SECOND, RetireRelease(project="stroke", release=asked.id, reason=WHY))
    with bench.store.database.read() as tx:
        left = store.named(tx, "stroke")
        assert left is not None and left.state is DatasetState.WITHDRAWN and store.published(tx) == []
    assert bench.store.entries[-1].details["catalogue"] == "stroke"
    bench.store.close()
