"""Matching: a hundred thousand cases with three controls each among five million people, beside a bare scan of the same files.

.venv/bin/python bench/cohort.py [--rounds N] [--json]
"""

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb
from harness import Figure, figure, main

from nexus.warehouse.cohorts import findings, pools, selecting
from nexus.warehouse.cohorts.definition import read
from nexus.warehouse.quality.cdm import open_cdm

PEOPLE, CASES = 5_000_000, 100_000
DEFINITION = b"""
version = 1
name = "bench"
title = "Bench"
[index]
event = { kind = "condition", concepts = [1] }
[controls]
ratio = 3
seed = 1
exact = ["sex", "site"]
age_years = 2
follow_up_days = 180
"""


def measure(rounds: int) -> Iterable[Figure]:
    asked = read(DEFINITION)
    assert asked.controls is not None
    with tempfile.TemporaryDirectory() as place:
        folder = _made(Path(place))
        scanned, took, alone, cpu, pairs = [], [], [], [], 0
        for _ in range(rounds):
            start = time.perf_counter()
            for table in ("person", "observation_period", "condition_occurrence"):
                duckdb.sql(f"SELECT {_sums(folder, table)} FROM '{folder}/{table}.parquet'").fetchall()
            scanned.append(time.perf_counter() - start)
            with open_cdm(folder) as cdm:
                start, used = time.perf_counter(), time.process_time()
                selecting.prepare(cdm)
                selecting.select(cdm, asked, asked.index, pools.CASES)
                cases = pools.cases(cdm)
                _, pool = pools.pool(cdm, asked, asked.controls)
                begun = time.perf_counter()
                pairs = len(findings.draw(cases, pool, asked.controls).case)
                took.append(time.perf_counter() - start)
                alone.append(time.perf_counter() - begun)
                cpu.append(time.process_time() - used)
    note = f"{len(cases):,} cases, {pairs:,} controls of {len(pool):,}; reading every column: {sorted(scanned)[rounds // 2]:.2f} s"
    yield figure(
        "cohort and 1:3 matching, files to pairs", took, "s", target="100 k cases in 5 M people: 5 s", note=note
    )
    yield figure("of that, matching alone", alone, "s")
    yield figure("processor time of the whole", cpu, "CPU-s", note="what it costs where others use the machine too")


def _sums(folder: Path, table: str) -> str:
    columns = duckdb.sql(f"DESCRIBE SELECT * FROM '{folder}/{table}.parquet'").fetchall()
    return ", ".join(f'count("{column[0]}"), max("{column[0]}")' for column in columns)


def _made(folder: Path) -> Path:
    """People of all ages, two sexes, twenty sites; each observed for some years; cases spread among them."""
    chance = "hash({n} + range) % {of}"
    tables = {
        "person": f"range AS person_id, CASE WHEN {chance.format(n=1, of=2)} = 0 THEN 8507 ELSE 8532 END AS gender_concept_id,"
        f" 1930 + {chance.format(n=2, of=90)} AS year_of_birth, 1 + {chance.format(n=3, of=12)} AS month_of_birth,"
        f" 1 + {chance.format(n=4, of=28)} AS day_of_birth, {chance.format(n=5, of=20)} AS care_site_id",
        "observation_period": f"range AS person_id, DATE '2014-01-01' + CAST({chance.format(n=6, of=700)} AS INTEGER)"
        f" AS observation_period_start_date, DATE '2021-01-01' + CAST({chance.format(n=7, of=1400)} AS INTEGER)"
        " AS observation_period_end_date",
    }
    for name, columns in tables.items():
        duckdb.sql(f"COPY (SELECT {columns} FROM range({PEOPLE})) TO '{folder}/{name}.parquet'")
    duckdb.sql(
        f"COPY (SELECT range * {PEOPLE // CASES} AS person_id, 1 AS condition_concept_id,"
        f" DATE '2016-01-01' + CAST(hash(range) % 1800 AS INTEGER) AS condition_start_date FROM range({CASES}))"
        f" TO '{folder}/condition_occurrence.parquet'"
    )
    return folder


if __name__ == "__main__":
    main(measure)
