"""Releases: how long one takes to build and to verify, and what a withdrawal writes again, beside the whole.

.venv/bin/python bench/release.py [--rounds N] [--json]
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from harness import Figure, figure, main

from nexus.pseudonyms.notation import Domain, Writing, read
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.releases.comparing import compare
from nexus.warehouse.releases.making import Ports, leave_out, make
from nexus.warehouse.releases.parts import Parts
from nexus.warehouse.releases.verifying import verify

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators import releases as made
from simulators.file_signer import LocalFileSigner
from simulators.operations import operation
from simulators.releases import Decisions

PEOPLE = 50_000


class Written:
    """Pseudonyms without their services: what is measured is the release."""

    def __init__(self) -> None:
        self._writing = Writing(Domain("PRJA", 1))

    async def to_domain(self, op, pseudonyms, domain):
        return [self._writing.write(read(one)[1]) for one in pseudonyms]


def measure(rounds: int) -> Iterable[Figure]:
    hub = Writing(Domain("EMC2", 1))
    key, pseudonyms = LocalFileSigner(), tuple(hub.write(number.to_bytes(20)) for number in range(PEOPLE))
    built, again, verified, rows, whole, written = [], [], [], 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        folder = made.write(Path(place) / "cdm", pseudonyms)
        for number in range(rounds):
            parts = Parts(Path(place) / str(number))
            start = time.perf_counter()
            with open_cdm(folder) as cdm:
                first = asyncio.run(make(operation(), made.asked(), cdm, parts, Ports(Written(), Decisions(), key)))
            built.append(time.perf_counter() - start)
            start = time.perf_counter()
            gone = {Writing(Domain("PRJA", 1)).write(number.to_bytes(20))}
            left = asyncio.run(leave_out(operation(), first.release, gone, parts, signer=key, made="", consent="1"))
            again.append(time.perf_counter() - start)
            start = time.perf_counter()
            verify(parts.manifest(first.release.digest()).read_bytes(), parts, key.public)
            verified.append(time.perf_counter() - start)
            rows = sum(table.rows for table in first.release.tables)
            whole = sum(part.bytes for table in first.release.tables for part in table.parts)
            written = compare(first.release, left.release).bytes_new
    yield figure(
        "release, built", built, "s", note=f"{rows:,} rows of {PEOPLE:,} people, {first.release.buckets} buckets"
    )
    yield figure(
        "one withdrawal, written again", again, "s", note=f"{written:,} of {whole:,} B: {100 * written / whole:.2f} %"
    )
    yield figure("release, verified", verified, "s")


if __name__ == "__main__":
    main(measure)
