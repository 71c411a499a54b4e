"""The generator: rows a second that are written, by one worker and by two, beside hashing the same bytes.

.venv/bin/python bench/generator.py [--rounds N] [--json]
"""

import hashlib
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from harness import Figure, figure, main

from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked

ASKED = Asked(people=20_000, seed=1)


def measure(rounds: int) -> Iterable[Figure]:
    for workers in (1, 2):
        rates, note = [], ""
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as place:
                begun = time.perf_counter()
                made = generate(ASKED, Path(place) / "made", workers=workers)
                took = time.perf_counter() - begun
            rates.append(made.rows / took)
            size = sum(file.bytes for file in made.files.values())
            begun = time.perf_counter()
            hashlib.sha256(bytes(size)).digest()
            hashed = time.perf_counter() - begun
            note = f"{made.rows:,} rows, {size / 1e6:,.0f} MB of CSV, four hospitals and claims; SHA-256 alone {hashed:.1f} s of {took:.1f}"
        yield figure(f"generated rows, {workers} worker{'s' * (workers > 1)}", rates, "/s", note=note)


if __name__ == "__main__":
    main(measure)
