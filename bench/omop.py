"""Conversion to OMOP end to end, with keys and provenance: source rows a second, beside a bare copy of the same files.

.venv/bin/python bench/omop.py [--rounds N] [--json]

The sample of the tests (or Synthea's 109 patients, where the shared data are) is repeated for other patients until there
are a few million rows. `NEXUS_BENCH_ROWS` says how many.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb
from harness import Figure, figure, main

from nexus.kernel.secret import Secret
from nexus.warehouse.omop.converting import Converter, Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.registry import source_named
from nexus.warehouse.omop.statements import statements
from nexus.warehouse.omop.vocabulary import Given

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators.synthea_extract import write_athena, write_extract

ROWS = int(os.environ.get("NEXUS_BENCH_ROWS", "3000000"))
PAIRED = Path(__file__).resolve().parents[2] / "shared" / "data" / "synthea109-paired"
PERSONAL = {"patients": ("Id",), "encounters": ("Id", "PATIENT")}
"""Columns that tell copies of a patient apart; of other tables, PATIENT and ENCOUNTER."""
WHOLE = {"organizations", "providers", "payers"}
MEMORY = "4GB"


def measure(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given = _sample(folder)
        rows, size = _grown(folder / "sample", folder / "grown")
        rates, costs, copies = [], [], []
        for number in range(rounds):
            start, used = time.perf_counter(), processor()
            _convert(folder / "grown", folder / f"into-{number}", given)
            rates.append(rows / (time.perf_counter() - start) / 1e6)
            costs.append(1e6 * (processor() - used) / rows)
            used = processor()
            _copy(folder / "grown", folder / "copy.parquet")
            copies.append(1e6 * (processor() - used) / rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    copy = sorted(copies)[len(copies) // 2]
    note = f"{rows:,} rows, {size / 1e6:,.0f} MB; peak {peak:.1f} GiB"
    yield figure("OMOP conversion, keys and provenance included", rates, "M rows/s", target="0.6 M rows/s", note=note)
    beside = f"a bare copy of the same CSV to Parquet: {copy:.2f} us; {copy / sorted(costs)[len(costs) // 2]:.2f} of the limit"
    yield figure("the same, processor time a source row", costs, "us", target="3.3 us on 2 cores", note=beside)


def processor() -> float:
    """Seconds that all threads of this process have used."""
    used = os.times()
    return used.user + used.system


def _copy(folder: Path, into: Path) -> None:
    """The limit: every column of the same files from CSV to Parquet, with nothing in between."""
    with duckdb.connect(config={"memory_limit": MEMORY}) as engine:
        engine.execute("SET preserve_insertion_order = false")
        for path in sorted(folder.glob("*.csv")):
            read = f"read_csv('{path}', all_varchar = true, header = true)"
            engine.execute(f"COPY (FROM {read}) TO '{into}' (COMPRESSION zstd, COMPRESSION_LEVEL 1)")


def _convert(folder: Path, into: Path, given: Given, source: str = "synthea") -> None:
    statements.cache_clear()  # as a process of its own would begin
    layout = Layout(into)
    layout.work.mkdir(parents=True)
    engine = DuckdbEngine(layout.work, Secret(b"a key of benches"), memory=MEMORY, threads=os.cpu_count())
    settings = Settings(as_of=date(2026, 11, 1), given=given)
    Converter(source_named(source), layout, settings, engine=engine, local=engine).run(folder)
    engine.close()


def _sample(folder: Path) -> Given:
    """The rows to repeat, as plain CSV."""
    if not PAIRED.is_dir():
        write_extract(folder / "sample", faults=False)
        return Given(write_athena(folder / "athena"))
    (folder / "sample").mkdir()
    for path in (PAIRED / "raw").glob("*.csv*"):
        name = path.name.removesuffix(".gz")
        duckdb.sql(f"COPY (FROM read_csv('{path}', all_varchar = true)) TO '{folder}/sample/{name}' (HEADER)")
    return Given(PAIRED / "vocabulary")


def _grown(sample: Path, grown: Path, wanted: int = ROWS) -> tuple[int, int]:
    """The sample for so many patients that there are `wanted` rows; how many rows there are, and bytes."""
    grown.mkdir()
    rows = sum(_count(path) for path in sample.glob("*.csv"))
    copies = max(1, wanted // rows)
    for path in sample.glob("*.csv"):
        source = f"read_csv('{path}', all_varchar = true, header = true)"
        columns = [row[0] for row in duckdb.sql(f"DESCRIBE FROM {source}").fetchall()]
        own = PERSONAL.get(path.stem, ("Id", "PATIENT", "ENCOUNTER"))
        changed = ", ".join(f'"{c}" || \'-\' || n AS "{c}"' for c in columns if c in own)
        replaced = f"* REPLACE ({changed})" if changed else "*"
        times = 1 if path.stem in WHOLE else copies
        inner = f"SELECT {replaced} FROM (SELECT s.*, n FROM range({times}) r(n), {source} s)"
        duckdb.sql(f"COPY (SELECT * EXCLUDE (n) FROM ({inner})) TO '{grown}/{path.name}' (HEADER)")
    total = sum(_count(path) for path in grown.glob("*.csv"))
    return total, sum(path.stat().st_size for path in grown.glob("*.csv"))


def _count(path: Path) -> int:
    (count,) = duckdb.sql(f"SELECT count(*) FROM read_csv('{path}', all_varchar = true, header = true)").fetchone()
    return count


if __name__ == "__main__":
    main(measure)
