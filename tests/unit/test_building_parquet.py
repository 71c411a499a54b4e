"""What a build reads of accepted Parquet files, another process has read: a file that ends it, or fills its memory, stops no build. EMC-07."""

import datetime
import hashlib
import io

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nexus.kernel.errors import Damaged
from nexus.warehouse.building import reading
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.intake.agreement import FileKind
from nexus.warehouse.intake.manifest import FileSaid
from nexus.warehouse.intake.parquet_child import BATCH_BYTES
from simulators.encrypted_parquet import encrypted
from simulators.extracts import STAYS

PARQUET = msgspec.structs.replace(STAYS, kind=FileKind.PARQUET)
DAY, MOMENT = datetime.date(1961, 4, 30), datetime.datetime(2026, 10, 4, 11, 30)


def table(rows=3, **other):
    columns = {"ipp": ["80012345"] * rows, "nom": [" LEGALL "] * rows, "prenom": [""] * rows, "ne_le": [DAY] * rows}
    columns |= {"entree": [DAY] * rows, "sortie": [MOMENT] * rows, "diagnostic": ["I21.0"] * rows}
    columns |= {"poids": [71.5] * rows, "dossier": [20261001] * rows, "note": ["rien"] * rows} | other
    return pa.table(columns)


def written(rows):
    out = io.BytesIO()
    pq.write_table(rows, out)
    return out.getvalue()


class Stored:
    """The port `building.ports.Contents`, of one file."""

    def __init__(self, content):
        self.content = content

    def anywhere(self, extract, file):
        return io.BytesIO(self.content)


def read(content, *wanted):
    said = FileSaid(
        name="stays.parquet", table="stays", rows=3, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    file = File(1, said, "stays.parquet", "v1", PARQUET, ())
    extract = Extract("chu", "lille", "chu-in", 1, "c", DAY, None, (file,))
    return reading.batches(Stored(content), extract, file, wanted)


def test_the_columns_that_are_wanted_come_as_text_and_no_other():
    (batch,) = read(
        written(table().select(table().column_names[::-1])), "nom", "sortie", "prenom", "poids", "there is none"
    )
    assert (
        batch.to_pylist()
        == [{"nom": "LEGALL", "poids": "71.5", "prenom": None, "sortie": "2026-10-04T11:30:00.000000"}] * 3
    )


@pytest.mark.parametrize("plain_footer", [True, False])
def test_a_file_that_makes_arrow_end_its_process_ends_no_build(plain_footer):
    """Were it read here, this test would end with its process: whoever wrote into the store behind intake had that power."""
    with pytest.raises(Damaged, match="not what was accepted"):
        list(read(encrypted(table(), "note", plain_footer=plain_footer), "note"))


def test_a_small_file_that_says_much_fills_no_memory():
    """A text of 4,000 characters, written once, in each of 70,000 rows: 280 MB, of which a build holds what intake would hold."""
    rows = 70_000
    word = "rien a signaler " * 250
    note = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [word])
    content = written(table(rows, note=note))
    assert len(content) < 1_000_000
    batches = read(content, "note")
    assert next(batches).nbytes <= BATCH_BYTES
    batches.close()
