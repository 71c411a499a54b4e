"""What deliveries of changes hold: as was agreed, of a source that has keys, and removals by keys. EMC-07."""

import msgspec
import pytest

from nexus.kernel.errors import Invalid
from nexus.warehouse.intake.agreement import Agreement, Column, FileKind, Table
from nexus.warehouse.intake.model import DeliveryState
from nexus.warehouse.intake.report import Fault
from nexus.warehouse.intake.requests import ChangeAgreement, SubmitDelivery
from simulators.extracts import around, hospital
from simulators.hospital_changes import (
    CHANGES,
    WHOLE,
    about,
    agreed_upon,
    changed,
    delivered,
    encounters,
    faults,
    files,
    follow,
    removed,
    shown,
)


@pytest.fixture(scope="module")
def agreement(tmp_path_factory) -> Agreement:
    return agreed_upon(tmp_path_factory.mktemp("agreed"))


@pytest.fixture
async def chu(tmp_path, agreement):
    made = await hospital(tmp_path, agreement)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kind": "changes"}, Fault.MANIFEST),
        ({"follows": {"number": 1, "manifest_sha256": "0" * 64}}, Fault.MANIFEST),
        ({"kind": "changes", "follows": {"number": 2, "manifest_sha256": "0" * 64}}, Fault.MANIFEST),
        ({}, Fault.CHANGES),
    ],
)
async def test_a_manifest_says_what_it_holds_without_contradiction(chu, said, expected):
    await delivered(chu, WHOLE, 1)
    view = await delivered(chu, WHOLE | CHANGES, 2, **said)
    assert {each for each, _, _, _ in faults(view)} == {expected} | (
        {Fault.CHANGES} if said.get("kind") is None else set()
    )


@pytest.mark.parametrize(
    "said", [{"kind": "delta"}, {"kind": "changes", "follows": {"number": 1, "manifest_sha256": "x"}}]
)
async def test_a_kind_or_a_checksum_that_is_none_is_no_manifest(chu, said):
    with pytest.raises(Invalid):
        await delivered(chu, CHANGES, 2, **said)


async def test_changes_that_were_not_agreed_are_refused(tmp_path, agreement):
    tables = tuple(each for each in agreement.tables if each.name != "removed")
    chu = await hospital(tmp_path, msgspec.structs.replace(agreement, tables=tables))
    await delivered(chu, WHOLE, 1)
    view = await changed(chu, files(encounters=encounters("e4")), 2, 1)
    assert about(view)[0] is Fault.CHANGES and view.report.files == ()
    chu.store.close()


@pytest.mark.parametrize(
    "table",
    [
        Table(name="removed", columns=(Column(name="TABLE"), Column(name="KEY"))),
        Table(name="removed", columns=(Column(name="TABLE"),), optional=True),
        Table(name="removed", kind=FileKind.FHIR_NDJSON, resources=("Patient",), optional=True),
    ],
)
async def test_a_table_of_removals_is_agreed_in_its_one_form(chu, agreement, table):
    changed_ = msgspec.structs.replace(agreement, tables=(*agreement.tables[:-1], table))
    with pytest.raises(Invalid, match="what is removed"):
        await chu.service.agree(chu.store.op, ChangeAgreement(provider="chu-ehr", agreement=changed_))


REMOVED = Table(name="removed", columns=(Column(name="TABLE"), Column(name="KEY")), optional=True)
SUBJECTS = ("row_id", "subject_id", "gender", "dob", "dod")


@pytest.mark.parametrize(
    ("tables", "why"),
    [
        ((Table(name="stays", columns=(Column(name="ipp"),)),), "in no form that a warehouse is built from"),
        ((Table(name="patients", columns=tuple(Column(name=name) for name in SUBJECTS)),), "no table of MIMIC"),
        ((Table(name="patient", kind=FileKind.FHIR_NDJSON, resources=("Patient",)),), "resources of FHIR"),
    ],
)
async def test_sources_of_which_no_changes_can_be_told_are_refused_before_a_file_is_read(tmp_path, tables, why):
    agreement = Agreement(schema_version="2026.1", tables=(*tables, REMOVED))
    chu = await hospital(tmp_path, agreement)
    (table,) = tables
    if table.kind is FileKind.CSV:
        names = ",".join(column.name for column in table.columns)
        first = {f"{table.name}.csv": (f"{names}\n".encode(), 0)}
    else:
        first = {f"{table.name}.ndjson": (b'{"resourceType": "Patient", "id": "1"}\n', 1)}
    assert (await delivered(chu, first, 1)).state is DeliveryState.ACCEPTED
    view = await changed(chu, files(removed=removed(("patients", "1"))), 2, 1)
    assert about(view)[0] is Fault.CHANGES and why in about(view)[1] and view.report.files == ()
    chu.store.close()


# What they remove


@pytest.mark.parametrize(
    ("rows_", "expected"),
    [
        ([("encounters", "e1"), ("drugs", "zqxj")], (3, "TABLE")),
        ([("conditions", "zqxj")], (2, "TABLE")),
        ([("encounters", "e1"), ("encounters", " ")], (3, "KEY")),
    ],
)
async def test_removals_of_other_tables_and_of_no_key_are_refused_with_their_line(chu, rows_, expected):
    await delivered(chu, WHOLE, 1)
    view = await changed(chu, files(removed=removed(*rows_)), 2, 1)
    assert (Fault.REMOVED, "removed.csv", *expected) in faults(view)
    assert "zqxj" not in msgspec.json.encode(view).decode()


async def test_a_key_that_is_removed_and_told_by_one_delivery_is_refused_with_its_line(chu):
    await delivered(chu, WHOLE, 1)
    both = files(encounters=encounters("e2", "e1"), removed=removed(("ENCOUNTERS", "e1")))
    assert faults(await changed(chu, both, 2, 1)) == [(Fault.REMOVED, "encounters.csv", 3, "Id")]
    assert faults(await changed(chu, dict(reversed(both.items())), 2, 1)) == [
        (Fault.REMOVED, "encounters.csv", 3, "Id")
    ]


async def test_the_scanner_looks_at_removals_too(chu):
    await delivered(chu, WHOLE, 1)
    view = await changed(chu, files(removed=removed(("encounters", "e1"), ("patients", "x@y.fr"))), 2, 1)
    assert faults(view) == [(Fault.CLEAR_IDENTIFIER, "removed.csv", 3, "KEY")]


async def test_a_key_of_several_columns_has_as_many_parts(tmp_path):
    claims = ("BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO", "BEN_NIR_ANO", "BEN_SEX_COD", "BEN_NAI_ANN", "BEN_NAI_MOI")
    claims += ("BEN_DCD_DTE", "BEN_RES_DPT", "BEN_RES_COM", "MAX_TRT_DTD", "BEN_DTE_MAJ")
    table = Table(name="ir_ben_r", columns=tuple(Column(name=name) for name in claims))
    chu = await hospital(tmp_path, Agreement(schema_version="2026.1", tables=(table, REMOVED)))
    await delivered(chu, files(ir_ben_r=",".join(claims) + "\n"), 1)
    view = await changed(chu, files(removed=removed(("IR_BEN_R", "a/1"), ("IR_BEN_R", "a"))), 2, 1)
    assert faults(view) == [(Fault.REMOVED, "removed.csv", 3, "KEY")]
    assert (await changed(chu, files(removed=removed(("IR_BEN_R", "a/1"))), 2, 1)).state is DeliveryState.ACCEPTED
    chu.store.close()


async def test_a_check_that_was_interrupted_still_sees_what_is_removed(chu):
    """Results of files are kept; what is removed is read again, for files that are still to come."""
    await delivered(chu, WHOLE, 1)
    both = files(removed=removed(("encounters", "e1")), encounters=encounters("e1"))
    key = await chu.deliver(both, 2, "2/", **await follow(chu, 1))
    await chu.service.submit(chu.store.op, SubmitDelivery(provider="chu-ehr", manifest=key))
    calls = 0

    def stop(count: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise InterruptedError

    broken = around(chu.store)
    broken.examining._progress = stop
    with pytest.raises(InterruptedError):
        await broken.examining.run()
    await chu.examining.run()
    assert faults(await shown(chu, 2)) == [(Fault.REMOVED, "encounters.csv", 2, "Id")]
