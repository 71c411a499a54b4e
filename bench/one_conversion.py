"""One conversion in a process of its own, so that what it uses can be told: `one_conversion.py duckdb|spark|copy <delivery> <into>`.

`copy` is the limit: DuckDB reads the same CSV, every column text, and writes it as Parquet, with nothing in between.
"""

import sys
from datetime import date
from pathlib import Path

import duckdb

from nexus.kernel.secret import Secret
from nexus.warehouse.omop.converting import Converter, Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.registry import source_named
from nexus.warehouse.omop.spark_engine import SparkEngine, session
from nexus.warehouse.omop.vocabulary import Given

MEMORY, THREADS = "4GB", 2
SECRET = Secret(b"a key of benches")
DRUGS = "IR_PHA_R.csv"


def convert(engine: str, folder: Path, into: Path) -> None:
    """The claims base of the generator, with its list of drugs, into a CDM."""
    layout = Layout(into)
    layout.work.mkdir(parents=True)
    spark = session(MEMORY, THREADS, layout.work) if engine == "spark" else None
    local = DuckdbEngine(layout.work, SECRET, memory="1GB" if spark else MEMORY, threads=THREADS)
    settings = Settings(as_of=date(2026, 1, 1), given=Given(lists={"cip": folder / DRUGS}))
    maps = SparkEngine(spark, SECRET) if spark else local
    Converter(source_named("snds"), layout, settings, engine=maps, local=local).run(folder)
    local.close()
    if spark:
        spark.stop()  # so that its processes end before they are counted for the last time


def copy(folder: Path, into: Path) -> None:
    into.mkdir(parents=True)
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY}) as engine:
        engine.execute("SET preserve_insertion_order = false")
        for path in sorted(folder.glob("*.csv")):
            read = f"read_csv('{path}', all_varchar = true, header = true)"
            engine.execute(
                f"COPY (FROM {read}) TO '{into / path.stem}.parquet' (COMPRESSION zstd, COMPRESSION_LEVEL 1)"
            )


if __name__ == "__main__":
    what, delivered, made = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if what == "copy":
        copy(delivered, made)
    else:
        convert(what, delivered, made)
