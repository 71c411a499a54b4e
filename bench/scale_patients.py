"""What a conversion costs from 1,000 patients to a million: five years of claims of each, on DuckDB and on Spark of this machine.

    .venv/bin/python bench/scale_patients.py [--rounds N] [--json]

`NEXUS_BENCH_PATIENTS` says how many (`1000,10000` if it does not), `NEXUS_BENCH_SPARK` how many at most for Spark (10,000). Each
conversion is a process of its own; what it and its children use is summed ten times a second. Once for each size: CPU seconds
differ little from round to round, and a million patients are 160 million rows. Each figure is told as soon as it is there.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from harness import GIB, Figure, main

from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked

SIZES = tuple(int(size) for size in os.environ.get("NEXUS_BENCH_PATIENTS", "1000,10000").split(","))
SPARK_MOST = int(os.environ.get("NEXUS_BENCH_SPARK", "10000"))
PLOT = ("Conversion to OMOP, two cores", "patients, with five years of claims", "CPU seconds")
TIMEOUT_S = 24 * 3600
EVERY_S = 0.1
ENGINES = {"copy": "bare copy to Parquet", "duckdb": "DuckDB", "spark": "Spark, local"}


@dataclass(frozen=True)
class Used:
    """What one process and its children used."""

    cpu_s: float
    wall_s: float
    peak_gib: float


def measure(rounds: int) -> Iterator[Figure]:
    del rounds
    for patients in SIZES:
        with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".bench-") as temporary:
            yield from _of(patients, Path(temporary))


def _of(patients: int, folder: Path) -> Iterator[Figure]:
    made = generate(Asked(people=patients, hospitals=1, seed=1), folder / "made", workers=2)
    claims = {name: file for name, file in made.files.items() if name.startswith("snds/delivery-1/")}
    rows, size = sum(file.rows for file in claims.values()), sum(file.bytes for file in claims.values())
    for engine, line in ENGINES.items():
        if engine == "spark" and patients > SPARK_MOST:
            continue
        into = folder / engine
        used = run([sys.executable, str(Path(__file__).with_name("one_conversion.py")), engine,
                    str(folder / "made" / "snds" / "delivery-1"), str(into)])  # fmt: skip
        written = sum(path.stat().st_size for path in into.rglob("*.parquet"))
        note = (
            f"{rows:,} rows, {size / 1e6:,.0f} MB in, {written / 1e6:,.0f} MB out; {1e6 * used.cpu_s / rows:.3g} us of CPU a row;"
            f" {used.wall_s:,.0f} s; peak {used.peak_gib:.2f} GiB"
        )
        print(f"{line}, {patients:,} patients: {used.cpu_s:,.0f} CPU-s; {note}", file=sys.stderr, flush=True)
        yield Figure(f"{line}, {patients:,} patients", used.cpu_s, "CPU-s", note=note, line=line, at=patients)


def run(command: list[str]) -> Used:
    """Run a program to its end. Raises CalledProcessError if it fails."""
    begun, peak, cpu = time.perf_counter(), 0, dict[int, float]()
    started = subprocess.Popen(command)
    process = psutil.Process(started.pid)
    while started.poll() is None:
        peak = max(peak, sum(_seen(process, cpu)))
        time.sleep(EVERY_S)
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, command)
    return Used(sum(cpu.values()), time.perf_counter() - begun, peak / GIB)


def _seen(process: psutil.Process, cpu: dict[int, float]) -> Iterable[int]:
    """Bytes in memory of a process and of its children; notes their CPU seconds so far."""
    try:
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            cpu[each.pid] = times.user + times.system
            yield each.memory_info().rss
    except psutil.NoSuchProcess:
        return


if __name__ == "__main__":
    main(measure)
