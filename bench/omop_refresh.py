"""Refresh of a CDM by a whole delivery in which one person of a hundred has changed, beside the full conversion of that delivery:
once in one file of it, once in each.

.venv/bin/python bench/omop_refresh.py [--rounds N] [--json]

`NEXUS_BENCH_ROWS` says how many source rows there are. Processor time is compared: what else the machine does changes that little.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb
from harness import Figure, figure, main
from omop import MEMORY, _convert, _grown, _sample, processor

from nexus.kernel.secret import Secret
from nexus.warehouse.omop.converting import Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.fingerprint import whole
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.refreshing import Refresher
from nexus.warehouse.omop.registry import source_named
from nexus.warehouse.omop.vocabulary import Given

ONE_IN = 100


def measure(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given = _sample(folder)
        rows, _ = _grown(folder / "sample", folder / "grown")
        _changed(folder / "grown", folder / "one file")
        _changed_everywhere(folder / "grown", folder / "every file")
        for where in ("one file", "every file"):
            yield _refreshed(folder, folder / where, given, rounds, where=where, rows=rows)


def _refreshed(folder: Path, after: Path, given: Given, rounds: int, *, where: str, rows: int) -> Figure:
    """The share of a full conversion, processor time by processor time; hashes are compared in the first round."""
    shares, took, same = [], 0.0, True
    for number in range(rounds):
        _convert(folder / "grown", folder / "into", given)
        full = _timed(lambda: _convert(after, folder / "whole", given))
        took = _timed(lambda: _refresh(after, folder / "into", given))
        shares.append(100 * took / full)
        if number == 0:
            same = whole(folder / "into" / "cdm") == whole(folder / "whole" / "cdm")
        for made in ("into", "whole"):
            shutil.rmtree(folder / made)
    note = f"{rows:,} rows; {took:.1f} CPU-s; the same hash as the full conversion: {'yes' if same else 'NO'}"
    name = f"OMOP refresh, 1 % of persons changed, in {where}"
    return figure(name, shares, "% of a full run", target="5 % or less", note=note)


def _timed(work) -> float:
    start = processor()
    work()
    return processor() - start


def _refresh(folder: Path, onto: Path, given: Given) -> None:
    engine = DuckdbEngine(onto / "work", Secret(b"a key of benches"), memory=MEMORY, threads=os.cpu_count())
    settings = Settings(as_of=date(2026, 11, 1), given=given)
    Refresher(source_named("synthea"), Layout(onto), settings, local=engine).run(folder)
    engine.close()


def _changed(grown: Path, after: Path) -> None:
    """Every hundredth person has another code in each condition."""
    shutil.copytree(grown, after)
    source = f"read_csv('{grown}/conditions.csv', all_varchar = true, header = true)"
    changed = f'* REPLACE (CASE WHEN hash("PATIENT") % {ONE_IN} = 0 THEN \'44054006\' ELSE "CODE" END AS "CODE")'
    duckdb.sql(f"COPY (SELECT {changed} FROM {source}) TO '{after}/conditions.csv' (HEADER)")


def _changed_everywhere(grown: Path, after: Path) -> None:
    """Every hundredth person has a tenth of the rows less in each file, and lives in another town."""
    shutil.copytree(grown, after)
    theirs = f'hash("PATIENT") % {ONE_IN} = 0'
    for path in sorted(grown.glob("*.csv")):
        source = f"read_csv('{path}', all_varchar = true, header = true)"
        columns = {row[0] for row in duckdb.sql(f"DESCRIBE FROM {source}").fetchall()}
        if path.stem == "patients":
            moved = f'* REPLACE (CASE WHEN hash("Id") % {ONE_IN} = 0 THEN \'Elsewhere\' ELSE "CITY" END AS "CITY")'
            select = f"SELECT {moved} FROM {source}"
        elif "PATIENT" in columns:
            row = f"SELECT *, row_number() OVER () AS n FROM {source}"
            select = f"SELECT * EXCLUDE (n) FROM ({row}) WHERE NOT ({theirs} AND n % 10 = 0)"
        else:
            continue
        duckdb.sql(f"COPY ({select}) TO '{after}/{path.name}' (HEADER)")


if __name__ == "__main__":
    main(measure)
