"""How the store behaves as a bucket grows, from a thousand objects to a million: the store alone, without HTTP.

Objects are seeded past the stories, as rows of one transaction after the other (each with a body of its own), because putting a
million over HTTP would take an hour and show nothing more. What is measured then goes through the stories, audit entry and
commit included.
"""

import os
import tempfile
import time
from collections.abc import Awaitable, Iterable
from functools import partial
from pathlib import Path

import uvloop
from harness import Figure, main, percentile
from storage import SMALL, Bench, body, read

from nexus.kernel.clock import Instant
from nexus.kernel.database import Bookkeeping, Transaction
from nexus.kernel.ids import new_id
from nexus.objects.model import Bucket
from nexus.objects.store import versions
from nexus.objects.store.versions import VersionRow

STEPS = (1_000, 10_000, 100_000, 1_000_000)
MOST = int(os.environ.get("NEXUS_BENCH_OBJECTS", STEPS[-1]))
"""A smaller one for a machine that is in a hurry."""
TIMEOUT_S = 2 * 3600
BATCH = 100_000
"""In the order of their keys, so that a page of the index is written once for each batch and not once for each row."""
SAMPLES = 100
PAGES = 20
SEALED = bytes(400)
"""As much as the sealed facts and the key of a small object take."""
PLOT = ("Growth of a bucket", "objects in the bucket", "ms, median")


def key_of(number: int) -> str:
    """Spread over the index, as names of studies are."""
    return f"{number * 7_919 % 1_000:03}/{number:07}.dcm"


def seed(tx: Transaction, bucket: Bucket, first: int, last: int) -> None:
    """Rows of objects that were never sealed: counted and listed, not read."""
    for number in sorted(range(first, last), key=key_of):
        id_ = new_id("ver")
        fields = (key_of(number), number + 1, id_, 1, 0, 1, SMALL, "0" * 32, Instant(number + 1), None, None, None)
        versions.insert_version(tx, bucket, VersionRow(*fields, SEALED[:105], SEALED[105:]), None)


async def everything(rounds: int) -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".bench-") as folder:
        bench = Bench(Path(folder))
        try:
            bucket, there = await bench.bucket("growing"), 0
            for step in (each for each in STEPS if each <= MOST):
                began, seeded = time.perf_counter(), step - there
                while there < step:
                    last = min(step, there + BATCH)
                    await bench.database.bookkeep(
                        Bookkeeping.MIGRATION, partial(seed, bucket=bucket, first=there, last=last)
                    )
                    there = last
                rate = seeded / (time.perf_counter() - began)
                figures += await _measured(bench, bucket, step)
                figures.append(Figure(f"seeding, up to {step:,}", rate, "/s", note="rows; no story, no seal"))
        finally:
            bench.close()
    return figures


async def _measured(bench: Bench, bucket: Bucket, step: int) -> list[Figure]:
    stories = bench.objects
    took: dict[str, list[float]] = {}

    async def timed(what: str, call: Awaitable[object]) -> None:
        began = time.perf_counter()
        await call
        took.setdefault(what, []).append((time.perf_counter() - began) * 1e3)

    for number in range(SAMPLES):
        key = f"{number * 9:03}/new-{step}-{number}"
        await timed("PUT 4 KiB", stories.writing.put(bench.op, bucket, key, body(SMALL), length=SMALL))
        await timed("GET 4 KiB", read(bench, bucket, key))
    for number in range(PAGES):
        await timed("page of 1,000", stories.listing.objects(bench.op, bucket, prefix=f"{number * 37 % 1_000:03}/"))
        await timed("page of prefixes", stories.listing.objects(bench.op, bucket, delimiter="/", limit=100))
    for number in range(SAMPLES):
        await timed("DELETE", stories.deleting.delete(bench.op, bucket, f"{number * 9:03}/new-{step}-{number}"))
    await timed("usage, counted", stories.buckets.usage(bench.op, bucket))
    return [
        Figure(
            f"{what}, {step:,} objects",
            percentile(samples, 50),
            "ms",
            min(samples),
            max(samples),
            note=f"p50 / p90 / p99: {' / '.join(f'{percentile(samples, p):.3g}' for p in (50, 90, 99))}",
            line=what,
            at=step,
        )
        for what, samples in took.items()
    ]


def measure(rounds: int) -> Iterable[Figure]:
    return uvloop.run(everything(rounds))


if __name__ == "__main__":
    main(measure)
