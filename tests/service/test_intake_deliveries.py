"""A delivery from its files to its receipt or its refusal, in a real object store. EMC-07, HD-13."""

import dataclasses
import gzip

import msgspec
import pytest

from nexus.kernel.clock import DAY
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.objects.model import Versioning
from nexus.warehouse.intake import store as rows
from nexus.warehouse.intake.agreement import Acceptance, Agreement, Column, Table
from nexus.warehouse.intake.model import DeliveryState
from nexus.warehouse.intake.report import Fault
from nexus.warehouse.intake.requests import (
    ChangeAgreement,
    EndProvider,
    JudgeDelivery,
    ListDeliveries,
    ListProviders,
    NamedDelivery,
    NamedProvider,
    RegisterProvider,
    SubmitDelivery,
)
from simulators.extracts import AGREED, around, hospital, manifest_of, many, rows_as_csv

WHY = "the site telephoned on Monday"
GOOD = {"stays.csv": (rows_as_csv(*many(40)), 40)}


def other(count):
    return {"stays.csv": (rows_as_csv(*many(count)), count)}


@pytest.fixture
async def chu(tmp_path):
    made = await hospital(tmp_path)
    yield made
    made.store.close()


async def submit(chu, key="1/manifest.json"):
    return await chu.service.submit(chu.store.op, SubmitDelivery(provider="chu-ehr", manifest=key))


async def shown(chu, number=1):
    return await chu.service.delivery(chu.store.op, NamedDelivery(provider="chu-ehr", number=number))


async def delivered(chu, files=None, number=1, prefix="1/", **said):
    """Hand in and check; the delivery as it is then."""
    key = await chu.deliver(files or GOOD, number, prefix, **said)
    await submit(chu, key)
    await chu.examining.run()
    return await shown(chu, number)


def faults(view):
    return [(problem.fault, problem.file, problem.line, problem.column) for problem in view.report.problems]


async def test_a_delivery_as_agreed_is_accepted_whole_and_names_the_versions_of_its_files(chu):
    view = await delivered(chu)
    assert (view.state, view.rows, view.refused_for) == (DeliveryState.ACCEPTED, 40, 0)
    (file,) = view.files
    content = await chu.store.get(chu.bucket, file.key, version_id=file.version)
    assert content == GOOD["stays.csv"][0]
    last = [entry for entry in chu.store.entries if entry.action.startswith("intake.delivery.")][-2]
    assert last.action == "intake.delivery.accept"
    assert last.details["delivery"] == view.id and len(last.details["digest"]) == 64


async def test_what_is_delivered_later_under_the_same_name_changes_nothing_of_what_was_accepted(chu):
    view = await delivered(chu)
    await chu.store.put(chu.bucket, "1/stays.csv", b"something else")
    (file,) = view.files
    assert await chu.store.get(chu.bucket, file.key, version_id=file.version) == GOOD["stays.csv"][0]


async def test_a_clear_identifier_refuses_the_whole_with_file_line_column_and_kind_and_never_the_value(chu):
    rows_ = [*many(7), {"note": "rappeler Mme ZZYZX au 06 12 34 56 78"}, *many(3)]
    view = await delivered(chu, {"stays-1.csv": GOOD["stays.csv"], "stays-2.csv": (rows_as_csv(*rows_), 11)})
    assert view.state is DeliveryState.REFUSED
    assert faults(view) == [(Fault.CLEAR_IDENTIFIER, "stays-2.csv", 9, "note")] * 2
    assert {finding.kind.value for finding in view.report.findings} == {"phone", "name"}
    assert view.files == ()
    said = msgspec.json.encode(view).decode() + str(chu.store.entries)
    assert "ZZYZX" not in said and "34 56" not in said


async def test_a_refused_delivery_is_handed_in_again_under_its_number(chu):
    bad = {"stays.csv": (rows_as_csv({"note": "ecrire a x@y.fr"}), 1)}
    assert (await delivered(chu, bad)).state is DeliveryState.REFUSED
    view = await delivered(chu)
    assert (view.state, view.attempt) == (DeliveryState.ACCEPTED, 2)
    listed = await chu.service.deliveries(chu.store.op, ListDeliveries(provider="chu-ehr"))
    assert [(each.number, each.attempt, each.state.value) for each in listed.deliveries] == [
        (1, 2, "accepted"),
        (1, 1, "refused"),
    ]


async def test_delivering_the_same_again_changes_nothing(chu):
    first = await delivered(chu)
    again = await submit(chu)
    assert (again.id, again.state) == (first.id, DeliveryState.ACCEPTED)
    await chu.deliver(GOOD)  # the same bytes, as new versions
    await chu.examining.notice()
    assert not await chu.examining.notice(), "a repetition is noticed once"
    assert (await submit(chu)).id == first.id


async def test_another_delivery_under_a_number_that_is_taken_conflicts(chu):
    await delivered(chu)
    with pytest.raises(Conflict) as refused:
        await delivered(chu, other(41))
    assert refused.value.code == "intake.number-taken"
    await chu.examining.run()
    assert [each[0] for each in faults(await shown(chu, 0))] == [Fault.DUPLICATE], "also where nobody submits it"
    assert not await chu.examining.notice()


async def test_the_same_files_under_another_number_and_a_number_out_of_turn_are_refused(chu):
    await delivered(chu, other(12), number=5)
    for files, number in ((other(12), 6), (other(13), 4)):
        view = await delivered(chu, files, number, f"{number}/")
        assert [problem.fault for problem in view.report.problems] == [Fault.DUPLICATE]


# The manifest


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"schema_version": "2025.9"}, Fault.SCHEMA_VERSION),
        ({"period_until": "2026-09-01"}, Fault.STALE),
        ({"period_until": "2027-06-01"}, Fault.PERIOD),
        ({"period_from": "2026-12-01"}, Fault.PERIOD),
        ({"provider": "chu-other"}, Fault.MANIFEST),
    ],
)
async def test_a_manifest_that_contradicts_the_agreement_or_the_calendar_is_refused(chu, said, expected):
    view = await delivered(chu, **said)
    assert faults(view) == [(expected, "manifest.json", 0, "")]


async def test_files_and_manifest_name_each_other(chu):
    await chu.store.put(chu.bucket, "1/names.csv", b"a;b\n")
    assert [each[0] for each in faults(await delivered(chu))] == [Fault.FILE_UNKNOWN]
    key = "2/manifest.json"
    await chu.store.put(chu.bucket, key, manifest_of(GOOD, 2))
    await submit(chu, key)
    await chu.examining.run()
    assert faults(await shown(chu, 2)) == [(Fault.FILE_MISSING, "stays.csv", 0, "")]


async def test_a_table_that_no_file_holds_is_missing_and_one_that_was_not_agreed_unknown(chu):
    view = await delivered(chu, {"acts.csv": (b"a\n", 0)})
    assert sorted(each[0] for each in faults(view)) == [Fault.TABLE_MISSING, Fault.TABLE_UNKNOWN]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"format": "nexus.delivery/1"}', b'{"format": "other/1"}'],
)
async def test_a_manifest_that_cannot_be_read_is_told_at_once_and_becomes_a_refused_delivery_where_nobody_asks(
    chu, content
):
    await chu.store.put(chu.bucket, "1/manifest.json", content)
    with pytest.raises(Invalid):
        await submit(chu)
    assert await chu.examining.notice()
    view = await shown(chu, 0)
    assert (view.state, faults(view)) == (DeliveryState.REFUSED, [(Fault.MANIFEST, "manifest.json", 0, "")])
    assert not await chu.examining.notice(), "it is noticed once"


async def test_a_manifest_names_no_file_elsewhere(chu):
    for name in ("../2/stays.csv", "a/b.csv", "", "manifest.json"):
        content = manifest_of({name: (b"x", 0)}).replace(b'"table": ""', b'"table": "stays"')
        await chu.store.put(chu.bucket, "1/manifest.json", content)
        await submit(chu)
        await chu.examining.run()
        assert Fault.MANIFEST in [each[0] for each in faults(await shown(chu))]


async def test_a_delivery_that_nobody_submits_is_noticed_by_its_manifest(chu):
    await chu.deliver(GOOD, 3, "autumn/")
    assert await chu.examining.run()
    assert (await shown(chu, 3)).state is DeliveryState.ACCEPTED
    assert not await chu.examining.run()


async def test_files_without_a_manifest_are_no_delivery_yet(chu):
    await chu.store.put(chu.bucket, "1/stays.csv", GOOD["stays.csv"][0])
    assert not await chu.examining.run()
    with pytest.raises(NotFound):
        await submit(chu)


async def test_a_transfer_that_stopped_is_refused_and_its_repetition_accepted(chu):
    content, count = GOOD["stays.csv"]
    packed = gzip.compress(content)
    await chu.store.put(chu.bucket, "1/stays.csv.gz", packed[:-30])
    await chu.store.put(chu.bucket, "1/manifest.json", manifest_of({"stays.csv.gz": (packed, count)}))
    await submit(chu)
    await chu.examining.run()
    assert [each[0] for each in faults(await shown(chu))][:2] == [Fault.CHECKSUM, Fault.TRUNCATED]
    await chu.store.put(chu.bucket, "1/stays.csv.gz", packed)
    assert (await submit(chu)).state is DeliveryState.WAITING
    await chu.examining.run()
    assert (await shown(chu)).state is DeliveryState.ACCEPTED


async def test_a_few_unusable_rows_are_counted_and_many_refuse_the_delivery(chu):
    few = (rows_as_csv(*many(19), {"entree": "hier"}), 20)
    view = await delivered(chu, {"stays.csv": few})
    assert (view.state, view.report.flags[0].count, view.report.files[0].unusable) == (DeliveryState.ACCEPTED, 1, 1)
    lot = (rows_as_csv(*many(9), *many(2, entree="hier")), 11)
    view = await delivered(chu, {"stays.csv": lot}, 2, "2/")
    assert faults(view) == [(Fault.UNUSABLE_ROWS, "stays.csv", 0, "")]


# Who has the last word


async def test_a_steward_has_the_last_word_where_that_was_agreed(tmp_path):
    chu = await hospital(tmp_path, msgspec.structs.replace(AGREED, acceptance=Acceptance.BY_STEWARD))
    view = await delivered(chu)
    assert (view.state, view.files) == (DeliveryState.CHECKED, ())
    judged = JudgeDelivery(provider="chu-ehr", number=1, reason=WHY)
    accepted = await chu.service.accept(chu.store.op, judged)
    assert (accepted.state, accepted.decided_by, len(accepted.files)) == (
        DeliveryState.ACCEPTED,
        chu.store.op.actor.id,
        1,
    )
    for again in (chu.service.accept, chu.service.refuse):
        with pytest.raises(Conflict):
            await again(chu.store.op, judged)
    chu.store.close()


async def test_nobody_accepts_what_was_not_checked_and_a_steward_refuses_it_at_once(chu):
    await submit(chu, await chu.deliver(GOOD))
    judged = JudgeDelivery(provider="chu-ehr", number=1, reason=WHY)
    with pytest.raises(Conflict):
        await chu.service.accept(chu.store.op, judged)
    assert (await chu.service.refuse(chu.store.op, judged)).state is DeliveryState.REFUSED
    assert not await chu.examining.run()


async def test_an_agreement_that_changes_during_a_check_makes_it_void(chu):
    await submit(chu, await chu.deliver(GOOD))
    with chu.store.database.read() as tx:
        waiting = rows.next_waiting(tx, "")
    stricter = msgspec.structs.replace(AGREED, schema_version="2027.1")
    await chu.service.agree(chu.store.op, ChangeAgreement(provider="chu-ehr", agreement=stricter))
    await chu.examining.examine(*waiting)
    assert (await shown(chu)).state is DeliveryState.WAITING
    await chu.examining.run()
    assert [each[0] for each in faults(await shown(chu))] == [Fault.SCHEMA_VERSION]


async def test_an_interrupted_check_goes_on_with_the_next_file(chu):
    files = {f"stays-{at}.csv": (rows_as_csv(*many(10 + at)), 10 + at) for at in range(3)}
    await submit(chu, await chu.deliver(files))

    class StoppedError(Exception):
        pass

    seen = []

    def stop_at_the_second(count):
        seen.append(count)
        if len(seen) == 2:
            raise StoppedError

    chu.examining._progress = stop_at_the_second
    with pytest.raises(StoppedError):
        await chu.examining.run()
    assert (await shown(chu)).state is DeliveryState.WAITING
    later = around(chu.store)
    later.examining._progress = seen.append
    before = len(seen)
    await later.examining.run()
    assert (await shown(chu)).state is DeliveryState.ACCEPTED
    assert len(seen) - before == 2, "the first file was not read again"


# Providers


async def test_a_provider_has_a_bucket_of_its_own_for_deliveries_with_versions(chu):
    store = chu.store
    request = {"title": "Another", "agreement": AGREED}
    await store.bucket("plain")
    unversioned = await store.bucket("chu-two", kind="ingress")
    for bucket in ("plain", "chu-two"):
        with pytest.raises(Invalid) as refused:
            await chu.service.register(store.op, RegisterProvider(name="two", bucket=bucket, **request))
        assert refused.value.code == "intake.bucket"
    await store.objects.buckets.set_versioning(store.op, unversioned, Versioning.ENABLED)
    for name, bucket, code in (("two", "chu-in", "intake.bucket-taken"), ("chu-ehr", "chu-two", "intake.name-taken")):
        with pytest.raises(Conflict) as taken:
            await chu.service.register(store.op, RegisterProvider(name=name, bucket=bucket, **request))
        assert taken.value.code == code
    with pytest.raises(NotFound):
        await chu.service.register(store.op, RegisterProvider(name="two", bucket="nowhere", **request))
    await chu.service.register(store.op, RegisterProvider(name="two", bucket="chu-two", **request))
    listed = await chu.service.list(store.op, ListProviders(limit=1))
    assert ([each.name for each in listed.providers], listed.next) == (["chu-ehr"], "chu-ehr")


async def test_a_provider_that_was_ended_delivers_no_more_and_frees_its_bucket(chu):
    await delivered(chu)
    await chu.service.end(chu.store.op, EndProvider(provider="chu-ehr", reason=WHY))
    with pytest.raises(Conflict):
        await chu.service.end(chu.store.op, EndProvider(provider="chu-ehr", reason=WHY))
    key = await chu.deliver(other(3), 2, "2/")
    with pytest.raises(Conflict):
        await submit(chu, key)
    assert not await chu.examining.run()
    assert (await shown(chu)).state is DeliveryState.ACCEPTED
    request = RegisterProvider(name="chu-new", title="Anew", bucket="chu-in", agreement=AGREED)
    assert (await chu.service.register(chu.store.op, request)).bucket == "chu-in"


@pytest.mark.parametrize(
    "tables",
    [
        (Table(name="Stays", columns=(Column(name="a"),)),),
        (Table(name="stays", columns=(Column(name="a"), Column(name="a"))),),
        (Table(name="stays", columns=(Column(name="a"),)), Table(name="stays", columns=(Column(name="b"),))),
        (Table(name="stays"),),
        (Table(name="stays", columns=(Column(name="a"),), separator='"'),),
        (Table(name="stays", columns=(Column(name="a"),), date_format="%H"),),
    ],
)
async def test_what_cannot_be_agreed_is_refused(chu, tables):
    with pytest.raises(Invalid) as refused:
        agreement = Agreement(schema_version="1", tables=tables)
        await chu.service.agree(chu.store.op, ChangeAgreement(provider="chu-ehr", agreement=agreement))
    assert refused.value.code == "intake.agreement"


async def test_every_story_leaves_its_entry_and_unknown_providers_are_not_found(chu):
    before = len(chu.store.entries)
    await chu.service.read(chu.store.op, NamedProvider(provider="chu-ehr"))
    assert [entry.action for entry in chu.store.entries[before:]] == ["intake.provider.read"]
    for call, request in (
        (chu.service.read, NamedProvider(provider="nobody")),
        (chu.service.delivery, NamedDelivery(provider="chu-ehr", number=99)),
        (chu.service.submit, SubmitDelivery(provider="nobody", manifest="manifest.json")),
    ):
        with pytest.raises(NotFound):
            await call(chu.store.op, request)


async def test_an_old_extract_is_stale_once_its_days_are_over(chu):
    chu.store.clock.advance(20 * DAY)
    assert [each[0] for each in faults(await delivered(chu))] == [Fault.STALE]


def test_no_field_of_a_report_holds_text_of_the_data():
    """By its types: files, columns, kinds, counts, lines, and hints that are written here."""
    from nexus.warehouse.intake.report import FileReport, Finding, Flag, Problem

    texts = {
        (kind.__name__, name)
        for kind in (FileReport, Finding, Flag, Problem)
        for name, type_ in kind.__annotations__.items()
        if type_ is str
    }
    assert texts == {
        *{("FileReport", each) for each in ("name", "table", "sha256")},
        *{(kind, each) for kind in ("Finding", "Flag", "Problem") for each in ("file", "column")},
        ("Problem", "hint"),
    }
    assert dataclasses.is_dataclass(DeliveryState) is False
