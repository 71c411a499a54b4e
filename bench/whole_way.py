"""Five years of claims on one machine: converted to OMOP, checked, released to a project. What each stage costs, beside a bare copy.

    .venv/bin/python bench/whole_way.py [--rounds N] [--json]

`NEXUS_BENCH_PATIENTS` says how many patients (10,000 if it does not; the target is 500,000, which takes 40 GB of disk). Each stage is a
process of its own, the command that operators give where there is one; what it and its children use is summed ten times a second. The
extract is made before anything is measured. One round: half a million patients are 76 million rows.

Between the conversion and the check, persons get pseudonyms, as a build gives them before it converts (`bench/pseudonyms.py` measures that).
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
from harness import Figure, main
from scale_patients import run

from nexus.app.demo import vocabulary
from nexus.pseudonyms.notation import Domain, Writing
from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.omop.kept import QUALITY

PATIENTS = int(os.environ.get("NEXUS_BENCH_PATIENTS", "10000"))
MEMORY = "4GB"
HERE = Path(__file__).parent
NEXUS = (sys.executable, "-m", "nexus")


def measure(rounds: int) -> Iterator[Figure]:
    del rounds
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".bench-") as temporary:
        yield from _whole_way(Path(temporary))


def _whole_way(folder: Path) -> Iterator[Figure]:
    made = generate(Asked(people=PATIENTS, hospitals=1, seed=1), folder / "made", workers=2)
    rows = sum(file.rows for name, file in made.files.items() if name.startswith("snds/delivery-1/"))
    delivery, cdm, program = folder / "made" / "snds" / "delivery-1", folder / "cdm", str(HERE / "one_conversion.py")
    words = (
        ("--vocabulary", str(vocabulary.archive(folder / "vocabulary"))),
        ("--mappings", str(vocabulary.mappings(folder / "mappings.csv"))),
        ("--local", f"cip={delivery / 'IR_PHA_R.csv'}"),
    )
    into = ("--into", str(cdm), "--key", str(folder / "key"), "--as-of", "2026-01-01", "--memory", MEMORY)
    stages = {
        "bare copy of the extract to Parquet": [sys.executable, program, "copy", str(delivery), str(folder / "copy")],
        "converted to OMOP": [*NEXUS, "warehouse", "convert", "snds", str(delivery), *into, *(part for pair in words for part in pair)],
        "checked": [*NEXUS, "warehouse", "check", str(cdm / "cdm"), "--memory", MEMORY, "--result", str(cdm / QUALITY)],
        "released": [sys.executable, str(HERE / "one_release.py"), str(cdm), str(folder / "released")],
    }  # fmt: skip
    for stage, command in stages.items():
        if stage == "checked":
            _with_pseudonyms(cdm)
        used = run(command)
        note = f"{rows:,} rows of {PATIENTS:,} patients; {used.cpu_s:,.0f} CPU-s; peak {used.peak_gib:.2f} GiB"
        print(f"{stage}: {used.wall_s:,.0f} s; {note}", file=sys.stderr, flush=True)
        yield Figure(f"{stage}, {PATIENTS:,} patients", used.wall_s, "s", note=note)


def _with_pseudonyms(cdm: Path) -> None:
    """Persons under pseudonyms of the warehouse, in the place of the numbers that the claims base gave them."""
    writing = Writing(Domain("EMC2", 1))
    person, other = cdm / "cdm" / "person", cdm / "person.parquet"
    with duckdb.connect() as engine:
        engine.create_function("pseudonym", lambda key: writing.write(key.to_bytes(20)), ["BIGINT"], "VARCHAR")
        engine.execute(
            f"COPY (SELECT * REPLACE (pseudonym(person_id) AS person_source_value) FROM '{person}/**/*.parquet')"
            f" TO '{other}' (FORMAT parquet)"
        )
    for path in sorted(person.rglob("*.parquet")):
        path.unlink()
    other.rename(person / "part-0.parquet")


if __name__ == "__main__":
    main(measure)
