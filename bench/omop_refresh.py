"""Refresh of a CDM by a whole delivery in which one person of a hundred has changed, beside the full conversion of that delivery:
once in one file of it, once in each; and of the claims base, where details name a claim's line and the line names its person.

.venv/bin/python bench/omop_refresh.py [--rounds N] [--json]

`NEXUS_BENCH_ROWS` says how many source rows there are, `NEXUS_BENCH_PATIENTS` how many persons the claims base has (`10000,30000`; none
if it is empty). Processor time is compared: what else the machine does changes that little.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb
from harness import Figure, figure, main
from omop import MEMORY, ROWS, _convert, _grown, _sample, processor

from nexus.kernel.secret import Secret
from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.omop.converting import Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.fingerprint import whole
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.refreshing import Refresher
from nexus.warehouse.omop.registry import source_named
from nexus.warehouse.omop.statements import statements
from nexus.warehouse.omop.vocabulary import Given

ONE_IN = 100
SIZES = tuple(int(size) for size in os.environ.get("NEXUS_BENCH_PATIENTS", "10000").split(",") if size)
_CLAIM = ("DCT_ORD_NUM", "FLX_EMT_NUM", "FLX_EMT_ORD", "PRS_ORD_NUM")


def measure(rounds: int) -> Iterable[Figure]:
    if ROWS:
        yield from _of_a_hospital(rounds)
    for patients in SIZES:
        yield _of_claims(patients, rounds)


def _of_a_hospital(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given = _sample(folder)
        rows, _ = _grown(folder / "sample", folder / "grown")
        _changed(folder / "grown", folder / "one file")
        _changed_everywhere(folder / "grown", folder / "every file")
        for where in ("one file", "every file"):
            name = f"OMOP refresh, 1 % of persons changed, in {where}"
            before = folder / "grown"
            yield _refreshed(
                "synthea", before, folder / where, folder, given=given, rounds=rounds, name=name, rows=rows
            )


def _of_claims(patients: int, rounds: int) -> Figure:
    """Of one insured of a hundred, claims have other days, and a tenth of the boxes are taken back."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".bench-") as temporary:
        folder = Path(temporary)
        made = generate(Asked(people=patients, hospitals=1, seed=1), folder / "made", workers=2)
        rows = sum(file.rows for name, file in made.files.items() if name.startswith("snds/delivery-1/"))
        before = folder / "made" / "snds" / "delivery-1"
        _claims_changed(before, folder / "after")
        given = Given(lists={"cip": before / "IR_PHA_R.csv"})
        name = f"OMOP refresh of the claims of {patients:,}, 1 % of persons changed"
        return _refreshed("snds", before, folder / "after", folder, given=given, rounds=rounds, name=name, rows=rows)


def _refreshed(
    source: str, before: Path, after: Path, folder: Path, *, given: Given, rounds: int, name: str, rows: int
) -> Figure:
    """The share of a full conversion, processor time by processor time; hashes are compared in the first round."""
    shares, took, full, same = [], 0.0, 0.0, True
    for number in range(rounds):
        _convert(before, folder / "into", given, source)
        full = _timed(lambda: _convert(after, folder / "whole", given, source))
        took = _timed(lambda: _refresh(after, folder / "into", given, source))
        shares.append(100 * took / full)
        if number == 0:
            same = whole(folder / "into" / "cdm") == whole(folder / "whole" / "cdm")
        for made in ("into", "whole"):
            shutil.rmtree(folder / made)
    note = f"{rows:,} rows; {took:.1f} of {full:.1f} CPU-s; the same hash as the full conversion: {'yes' if same else 'NO'}"
    return figure(name, shares, "% of a full run", target="5 % or less", note=note)


def _timed(work) -> float:
    start = processor()
    work()
    return processor() - start


def _refresh(folder: Path, onto: Path, given: Given, source: str) -> None:
    statements.cache_clear()  # as a process of its own would begin
    engine = DuckdbEngine(onto / "work", Secret(b"a key of benches"), memory=MEMORY, threads=os.cpu_count())
    settings = Settings(as_of=date(2026, 11, 1), given=given)
    Refresher(source_named(source), Layout(onto), settings, local=engine).run(folder)
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


def _claims_changed(before: Path, after: Path) -> None:
    shutil.copytree(before, after)
    lines = f"read_csv('{before}/ER_PRS_F.csv', all_varchar = true, header = true)"
    moved = f'CASE WHEN hash("BEN_NIR_PSA") % {ONE_IN} = 0 THEN "PRE_PRE_DTD" ELSE "EXE_SOI_DTD" END AS "EXE_SOI_DTD"'
    duckdb.sql(f"COPY (SELECT * REPLACE ({moved}) FROM {lines}) TO '{after}/ER_PRS_F.csv' (HEADER)")
    boxes = f"read_csv('{before}/ER_PHA_F.csv', all_varchar = true, header = true)"
    theirs = f'SELECT * FROM {lines} WHERE hash("BEN_NIR_PSA") % {ONE_IN} = 0 AND hash("DCT_ORD_NUM") % 10 = 0'
    kept = f"SELECT * FROM {boxes} ANTI JOIN ({theirs}) USING ({', '.join(_CLAIM)})"
    duckdb.sql(f"COPY ({kept}) TO '{after}/ER_PHA_F.csv' (HEADER)")


if __name__ == "__main__":
    main(measure)
