"""Parquet files that providers deliver are read apart: whatever ends that process is a fault of the file. EMC-07."""

import datetime
import io
import struct
import subprocess
import sys

import msgspec
import psutil
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.apart import LENGTH_BYTES
from nexus.warehouse.intake import parquet_apart, parquet_child, parquet_rows
from nexus.warehouse.intake.agreement import FileKind
from nexus.warehouse.intake.report import Fault
from simulators.encrypted_parquet import encrypted
from simulators.extracts import ROW, STAYS, checked

PARQUET = msgspec.structs.replace(STAYS, kind=FileKind.PARQUET)


def as_parquet(**other):
    day = {"ne_le": pyarrow.date32(), "entree": pyarrow.date32()}
    rows = {name: [value] * 3 for name, value in ROW.items()}
    rows |= {"ne_le": [datetime.date(1961, 4, 30)] * 3, "entree": [datetime.date(2026, 10, 1)] * 3}
    rows |= {
        "sortie": [datetime.datetime(2026, 10, 4, 11, 30)] * 3,
        "poids": [71.5] * 3,
        "dossier": [20261001] * 3,
    } | other
    fields = {name: pyarrow.array(values, day.get(name)) for name, values in rows.items()}
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(fields), out)
    return out.getvalue()


def in_parquet(content, rows=3):
    return checked(content, rows, PARQUET, name="stays.parquet")


def of(content):
    return [problem.fault for problem in in_parquet(content).problems]


def test_parquet_is_checked_like_the_rest():
    assert in_parquet(as_parquet()).problems == ()
    found = in_parquet(as_parquet(note=["rien", "tel 06 12 34 56 78", None]))
    assert [(each.kind.value, each.lines) for each in found.findings] == [("phone", (2,))]
    (wrong,) = in_parquet(as_parquet(poids=["71.5"] * 3)).problems
    assert (wrong.fault, wrong.line, wrong.column) == (Fault.COLUMN_TYPE, 0, "poids")
    assert of(as_parquet(extra=[1, 2, 3])) == [Fault.COLUMN_UNKNOWN]
    assert [problem.fault for problem in in_parquet(as_parquet(), rows=4).problems] == [Fault.ROW_COUNT]


@pytest.mark.parametrize("cut", [0, 3, 100, 1_000, -1, -20])
def test_a_broken_parquet_file_is_unreadable_and_nothing_worse(cut):
    assert of(as_parquet()[:cut]) == [Fault.UNREADABLE]


def test_a_value_that_would_fill_the_memory_is_refused():
    assert of(as_parquet(note=["a", "b" * (parquet_rows.MAX_VALUE_BYTES + 1), "c"])) == [Fault.TOO_LARGE]


def table_of(content):
    return pyarrow.parquet.read_table(io.BytesIO(content))


def rewritten(table):
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return out.getvalue()


def test_columns_may_come_in_any_order_and_stay_themselves():
    table = table_of(as_parquet(note=["rien", "tel 06 12 34 56 78", None]))
    found = in_parquet(rewritten(table.select(table.column_names[::-1])))
    assert [(each.kind.value, each.column, each.lines) for each in found.findings] == [("phone", "note", (2,))]


@pytest.mark.parametrize("plain_footer", [True, False])
def test_a_file_that_makes_arrow_end_its_process_is_refused(plain_footer):
    """Read here, it would end the whole worker; and again, once the worker is back."""
    content = encrypted(table_of(as_parquet()), "note", plain_footer=plain_footer)
    assert of(content) == [Fault.UNREADABLE]


@settings(max_examples=10, deadline=None)
@given(at=st.integers(4, 3_000), mask=st.integers(1, 255))
def test_a_damaged_byte_is_refused_or_read_never_a_crash(at, mask):
    damaged = bytearray(as_parquet())
    damaged[at % len(damaged)] ^= mask
    assert "Ysaline" not in str(in_parquet(bytes(damaged)).problems)


def test_rows_are_told_in_pieces_that_have_a_bound(monkeypatch):
    monkeypatch.setattr(parquet_child, "BATCH_BYTES", 1_000)
    batch = pyarrow.RecordBatch.from_pydict({"a": ["x" * 90] * 100, "b": [str(n) for n in range(100)]})
    told = list(parquet_child.pieces(batch))
    assert len(told) > 8 and max(each.nbytes for each in told) <= 1_000
    assert pyarrow.Table.from_batches(told).equals(pyarrow.Table.from_batches([batch]))


def message(kind, body=b""):
    return kind + len(body).to_bytes(LENGTH_BYTES, "big") + body


NAMES = [column.name for column in PARQUET.columns]
ROWS = pyarrow.RecordBatch.from_pydict({name: ["x"] for name in NAMES})
TOLD = ROWS.serialize().to_pybytes()
AT = TOLD.rindex(struct.pack("<ii", 0, 1))
POINTING = TOLD[:AT] + struct.pack("<ii", 0, 1 << 30) + TOLD[AT + 8 :]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        pytest.param(b"", Fault.UNREADABLE, id="nothing"),
        pytest.param(message(b"R", b"no batch"), Fault.UNREADABLE, id="rows that are none"),
        pytest.param(message(b"R", TOLD[:-40]), Fault.UNREADABLE, id="half of a row"),
        pytest.param(message(b"R", POINTING), Fault.UNREADABLE, id="text from elsewhere in memory"),
        pytest.param(message(b"B", (1 << 40).to_bytes(8, "big")), Fault.UNREADABLE, id="a block behind the end"),
        pytest.param(message(b"E", b"{}"), Fault.UNREADABLE, id="a problem that is none"),
        pytest.param(message(b"H", b"[]"), Fault.UNREADABLE, id="no problem"),
        pytest.param(message(b"?"), Fault.UNREADABLE, id="another letter"),
        pytest.param(b"R" + (1 << 62).to_bytes(8, "big"), Fault.TOO_LARGE, id="more than memory holds"),
    ],
)
def test_whatever_a_process_says_that_a_file_took_over_is_looked_at(said, fault, monkeypatch):
    def started(size):
        program = f"import os; os.write(1, {said!r}); os.read(0, 1 << 20)"
        return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(parquet_apart, "_started", started)
    assert of(as_parquet()) == [fault]


def test_its_process_ends_with_the_check():
    for content in (as_parquet(), as_parquet()[:-20]):
        in_parquet(content)
        assert not [each for each in psutil.Process().children() if "parquet_child" in " ".join(each.cmdline())]
