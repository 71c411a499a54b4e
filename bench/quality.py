"""The quality gate: every check over a CDM of ten million rows, beside a bare scan of the same files.

.venv/bin/python bench/quality.py [--rounds N] [--json]
"""

import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb
from harness import Figure, figure, main

from nexus.kernel.clock import Instant
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.quality.gate import run

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators.omop import SmallCdm

PERSONS = 200_000
EACH = {"visit_occurrence": 5, "condition_occurrence": 10, "drug_exposure": 10, "measurement": 24}
"""Records of each person: with persons and periods, ten million rows."""


def measure(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        rows = _grown(Path(folder))
        took, scanned = [], []
        for _ in range(rounds):
            start = time.perf_counter()
            with open_cdm(Path(folder)) as cdm:
                run(cdm, "bench", Instant(0))
            took.append(time.perf_counter() - start)
            start = time.perf_counter()
            for table in EACH:
                duckdb.sql(f"SELECT {_sums(folder, table)} FROM '{folder}/{table}.parquet'").fetchall()
            scanned.append(time.perf_counter() - start)
    note = f"{rows:,} rows; reading every column once: {sorted(scanned)[rounds // 2]:.2f} s"
    yield figure("2,539 data-quality checks", took, "s", target="60 s on 10 M rows", note=note)


def _sums(folder: str, table: str) -> str:
    columns = duckdb.sql(f"DESCRIBE SELECT * FROM '{folder}/{table}.parquet'").fetchall()
    return ", ".join(f'count("{column[0]}"), max("{column[0]}")' for column in columns)


def _grown(folder: Path) -> int:
    """The small CDM, its records repeated for many persons."""
    cdm, total = SmallCdm(), 0
    cdm.spoil(f"CREATE TABLE numbers AS SELECT range AS n FROM range({PERSONS})")
    for table, key in (("person", "person_id"), ("observation_period", "observation_period_id")):
        others = f"REPLACE (n AS {key})" if key == "person_id" else f"REPLACE (n AS {key}, n AS person_id)"
        cdm.spoil(f"CREATE TABLE x AS SELECT t.* {others} FROM {table} t, numbers WHERE t.{key} = 1 + n % 3")
        cdm.spoil(f"DROP TABLE {table}; ALTER TABLE x RENAME TO {table}")
        total += PERSONS
    for table, count in EACH.items():
        visit = ", n AS visit_occurrence_id" if table != "visit_occurrence" else ""
        replaced = f"REPLACE (n * {count} + k AS {table}_id, n AS person_id{visit})"
        cdm.spoil(
            f"CREATE TABLE x AS SELECT t.* {replaced} FROM {table} t, numbers, range({count}) r(k)"
            f" WHERE t.{table}_id = 1 + n % 3"
        )
        cdm.spoil(f"DROP TABLE {table}; ALTER TABLE x RENAME TO {table}")
        total += PERSONS * count
    cdm.spoil("DROP TABLE numbers")
    cdm.write(folder)
    return total


if __name__ == "__main__":
    main(measure)
