"""Linkage: how many records a second, how many pairs are right and how many are found, on records whose truth is known.

.venv/bin/python bench/linkage.py [--rounds N] [--json]
"""

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

from harness import Figure, main

from nexus.warehouse.generator.model import Asked
from nexus.warehouse.linkage import probabilistic, records
from nexus.warehouse.linkage.linking import link
from nexus.warehouse.linkage.measuring import measure

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators import hospital_records

ASKED = Asked(people=20_000, seed=77)
THRESHOLDS = (0.5, 0.6, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999)


def measure_all(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "made"
        known = {local: row["PERSON"] for local, row in hospital_records.deliver(folder, ASKED).items()}
        begun = time.perf_counter()
        linked = link(folder)
        took = time.perf_counter() - begun
        measured = measure(linked.persons, known)
        counts = f"{len(known):,} records; by number, traits, probability: {linked.report.by_rule}"
        yield Figure("linkage, records", len(known) / took, "/s", note=counts)
        yield Figure(
            "linkage, precision", 100 * measured.precision, "%", note=f"of {measured.linked_pairs:,} linked pairs"
        )
        yield Figure("linkage, recall", 100 * measured.recall, "%", note=f"of {measured.true_pairs:,} true pairs")
        yield from _thresholds(folder, Path(place), known)


def _thresholds(folder: Path, scratch: Path, known: dict[tuple[str, str], str]) -> Iterable[Figure]:
    """What each threshold would give where probability alone decides: pairs of which one has no number to go by."""
    with records.opened(folder, scratch=scratch) as engine:
        judged = probabilistic.predict(engine, min(THRESHOLDS))
        rows = engine.execute("SELECT unique_id, source, local, number FROM records").fetchall()
    whose = {row[0]: known[row[1], row[2]] for row in rows}
    number = {row[0]: row[3] for row in rows}
    together = defaultdict(list)
    for record, person in sorted(whose.items()):
        together[person].append(record)
    true = {
        pair
        for group in together.values()
        for pair in combinations(group, 2)
        if number[pair[0]] is None or number[pair[1]] is None
    }
    for threshold in THRESHOLDS:
        found = {(one.left, one.right) for one in judged if one.probability >= threshold and not one.perhaps_twins}
        wrong = sum(whose[left] != whose[right] for left, right in found)
        note = f"{wrong} wrong of {len(found):,}; finds {100 * len(found & true) / len(true):.2f} % of {len(true):,}"
        yield Figure(
            f"pairs by probability, from {threshold}", 100 * (1 - wrong / max(1, len(found))), "% right", note=note
        )


if __name__ == "__main__":
    main(measure_all)
