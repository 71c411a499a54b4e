"""Records of patients in hospitals that the generator makes, without all that happens to them: what linkage reads."""

import csv
from pathlib import Path

import numpy
import pyarrow
import pyarrow.csv

from nexus.warehouse.generator import hospital_tables, records, register, truth
from nexus.warehouse.generator.lives import Encounters
from nexus.warehouse.generator.model import Asked, draws
from nexus.warehouse.generator.people import people

HOSPITALS = 3


def deliver(into: Path, asked: Asked) -> dict[tuple[str, str], dict[str, str]]:
    """Everybody goes to three hospitals, which deliver their records. Returns the truth: by source and local number."""
    living = [people(asked, block) for block in range(asked.blocks)]
    births = [register.births(one) for one in living]
    own = register.orders(numpy.concatenate([pair[0] for pair in births]))
    waiting = register.orders(numpy.concatenate([pair[1] for pair in births]))
    known = {}
    for hospital in range(1, HOSPITALS + 1):
        folder = into / f"hospital-{hospital}" / "delivery-1"
        folder.mkdir(parents=True)
        tables, first, second = [], 0, 0
        for one in living:
            some = int(one.provisional.sum())
            numbers = register.numbers(one, own[first : first + len(one)], waiting[second : second + some])
            first, second = first + len(one), second + some
            random = draws(asked, one.block, f"records{hospital}")
            everybody = numpy.arange(len(one))
            zero = 0 * everybody
            visits = Encounters(everybody, zero + asked.end - 1, zero, zero, zero, zero)
            held = records.records(records.Desk(random, asked, hospital, one, numbers), visits)
            rows = numpy.arange(len(held))
            tables.append(hospital_tables.patients(one, held, rows).table)
            for row in truth.records(f"hospital-{hospital}", one, held, rows).to_pylist():
                known[row["SOURCE"], row["LOCAL"]] = row
        pyarrow.csv.write_csv(pyarrow.concat_tables(tables), folder / "patients.csv")
    return known


def shuffled(folder: Path, into: Path, seed: int) -> None:
    """The same deliveries, their rows in another order."""
    random = numpy.random.default_rng(seed)
    for path in sorted(folder.glob("*/*/patients.csv")):
        target = into / path.relative_to(folder)
        target.parent.mkdir(parents=True)
        with path.open(encoding="utf-8", newline="") as source, target.open("w", encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(source))
            order = random.permutation(len(rows))
            csv.writer(file).writerows([header, *(rows[at] for at in order)])
