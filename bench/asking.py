"""What asking consent costs a read: GET of 4 KiB, the smallest and worst case, beside a bucket that names nobody.

    .venv/bin/python bench/asking.py [--rounds N] [--json]

The two kinds of read alternate in short slices within one process (A B B A), so that whatever else the machine does falls on both.
Processor time is that of the whole process, all threads. The loss is the median over the pairs of slices; beside it stands the
interval that holds the true median with 95 %, by the ranks of a binomial distribution, which assumes nothing about the noise.
Two slices of the same kind beside each other tell what the noise alone would report.
"""

import asyncio
import math
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import uvloop
from harness import Figure, main, percentile
from patients import Ward, furnish, reopened

from nexus.objects.model import Bucket

GETS = 192
"""Reads in one slice."""
AT_ONCE = 64
PAIRS = 60
"""Pairs of slices in a round."""
WARMING = 4
"""Pairs that come before the first that counts: keys are opened, caches fill."""
REGULARS = 256
"""Patients who are read again and again."""
NEWCOMERS = 1_536
"""Patients who are read for the first time by a process."""
CONFIDENT = 1.96
"""Standard deviations to either side that hold 95 %."""

Slice = Callable[[], Awaitable[float]]
"""Reads, and returns the seconds of processor time that each took."""


def lost(without: Sequence[float], having: Sequence[float]) -> list[float]:
    """Per cent of the throughput that is lost, pair by pair."""
    return [(1 - bare / asked) * 100 for bare, asked in zip(without, having, strict=True)]


def interval(samples: Sequence[float]) -> tuple[float, float]:
    """Where the true median lies, with 95 % confidence."""
    ordered, many = sorted(samples), len(samples)
    outside = max(0, math.floor((many - CONFIDENT * math.sqrt(many)) / 2))
    return ordered[outside], ordered[many - 1 - outside]


async def in_turns(first: Slice, second: Slice, pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of processor time for each read of either kind, in pairs: A B, B A, A B, …"""
    ones, others = [], []
    for turn in range(WARMING + pairs):
        if turn % 2:
            other, one = await second(), await first()
        else:
            one, other = await first(), await second()
        if turn >= WARMING:
            ones.append(one)
            others.append(other)
    return ones, others


def slices_of(ward: Ward, bucket: Bucket, keys: Sequence[str]) -> Slice:
    """Slices of reads that go through these keys again and again."""
    at = 0

    async def run() -> float:
        nonlocal at
        chosen = [keys[(at + n) % len(keys)] for n in range(GETS)]
        at += GETS
        return await cost_of_each(ward, bucket, chosen)

    return run


async def cost_of_each(ward: Ward, bucket: Bucket, keys: Sequence[str]) -> float:
    """Read these, `AT_ONCE` at a time; seconds of processor time for each."""
    waiting = iter(keys)

    async def reader() -> None:
        for key in waiting:
            await ward.read(bucket, key)

    busy = time.process_time()
    await asyncio.gather(*(reader() for _ in range(AT_ONCE)))
    return (time.process_time() - busy) / len(keys)


async def compare(rounds: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        ward = await furnish(Path(folder), patients=NEWCOMERS)
        keys = [patient.key for patient in ward.patients[:REGULARS]]
        plain, named = slices_of(ward, ward.plain, keys), slices_of(ward, ward.named, keys)
        without, having = await in_turns(plain, named, PAIRS * rounds)
        alike, too = await in_turns(plain, plain, PAIRS * rounds // 4)
        ward.close()
        ward = reopened(Path(folder), ward.patients)
        every = [patient.key for patient in ward.patients]
        fresh = [await cost_of_each(ward, ward.named, every[at : at + GETS]) for at in range(0, NEWCOMERS, GETS)]
        ward.close()
    return [
        rate("GET 4 KiB that names nobody, one core", without),
        rate("GET 4 KiB of a patient, one core", having),
        rate("GET 4 KiB of a patient whom the process has not read before, one core", fresh),
        share("throughput lost to asking, by processor", lost(without, having), target="at most 10"),
        share("the same between two reads that name nobody: the noise", lost(alike, too)),
    ]


def rate(what: str, each: Sequence[float]) -> Figure:
    """Reads in a second of processor time: the median, and from the tenth to the ninetieth of a hundred slices."""
    rates = [1 / seconds for seconds in each]
    return Figure(what, statistics.median(rates), "/CPU-s", percentile(rates, 10), percentile(rates, 90))


def share(what: str, losses: Sequence[float], *, target: str = "") -> Figure:
    """The median, with its confidence interval instead of the spread of the pairs, which stands in the note."""
    low, high = interval(losses)
    note = f"95 % interval; {len(losses)} pairs, from {percentile(losses, 10):.0f} to {percentile(losses, 90):.0f}"
    return Figure(what, statistics.median(losses), "%", low, high, target=target, note=note)


def measure(rounds: int) -> Iterable[Figure]:
    yield from uvloop.run(compare(rounds))


if __name__ == "__main__":
    main(measure)
