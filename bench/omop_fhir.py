"""Conversion of FHIR R4 to OMOP end to end: processor time a resource, as lines and as one Bundle, beside a bare copy of the lines.

    .venv/bin/python bench/omop_fhir.py [--rounds N] [--json]

The sample of the tests, repeated for other patients, is written as NDJSON and as a Bundle: about `NEXUS_BENCH_RESOURCES` (200,000).
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import duckdb
from harness import Figure, figure, main
from omop import MEMORY, _convert, _grown, processor

from nexus.warehouse.omop.vocabulary import Given
from simulators.fhir_extract import write_fhir
from simulators.synthea_extract import write_athena, write_extract

RESOURCES = int(os.environ.get("NEXUS_BENCH_RESOURCES", "200000"))


def measure(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given = Given(write_athena(folder / "athena"))
        write_extract(folder / "sample", faults=False)
        _grown(folder / "sample", folder / "tables", RESOURCES)
        write_fhir(folder / "tables", folder / "lines")
        write_fhir(folder / "tables", folder / "bundle", bundle=True)
        resources = sum(_lines(path) for path in (folder / "lines").iterdir())
        kinds: dict[str, Callable[[Path], None]] = {
            "copy": partial(_copy, folder / "lines"),
            "lines": lambda into: _convert(folder / "lines", into, given, "fhir"),
            "bundle": lambda into: _convert(folder / "bundle", into, given, "fhir"),
        }
        costs: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(rounds):
            for kind, work in kinds.items():
                used = processor()
                work(folder / f"{kind}-{number}")
                costs[kind].append(1e6 * (processor() - used) / resources)
        size = sum(path.stat().st_size for path in (folder / "lines").iterdir())
    yield figure(
        "bare copy of the NDJSON to Parquet", costs["copy"], "us", note=f"{resources:,} resources, {size / 1e6:,.0f} MB"
    )
    yield figure("FHIR as NDJSON, processor time a resource", costs["lines"], "us")
    yield figure("FHIR as one Bundle, processor time a resource", costs["bundle"], "us")


def _copy(folder: Path, into: Path) -> None:
    """The limit: every line read as JSON of the columns that it has, and written, with nothing in between."""
    into.mkdir()
    with duckdb.connect(config={"memory_limit": MEMORY}) as engine:
        engine.execute("SET preserve_insertion_order = false")
        for path in sorted(folder.glob("*.ndjson")):
            to = into / f"{path.stem}.parquet"
            engine.execute(f"COPY (FROM read_ndjson_auto('{path}')) TO '{to}' (COMPRESSION zstd, COMPRESSION_LEVEL 1)")


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


if __name__ == "__main__":
    main(measure)
