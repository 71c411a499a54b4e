"""Consent in the data path: 100,000 reads and withdrawals interleaved over several processes, and what asking costs a read.

The first part lets two readers, an S3 door and two patients who keep changing their minds live over one data directory; all of
them are killed and born again, and disks refuse. It counts reads that were served though they must not be, by the log and
by the clock, beside the same with readers that believe for 50 ms what they heard (they must be found out). The second reads small
objects from a bucket that names nobody and from one that names patients, in turns, in the same process.

NEXUS_WITHDRAWAL_READS changes the number of reads.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import uvloop
from harness import Figure, figure, main, percentile

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from storage import Measured

from nexus.consent.rules import CONSENT_ONLY
from nexus.kernel.clock import SystemClock
from simulators.consents import Clinic, permit
from simulators.wards import IMAGING, of
from simulators.withdrawals import House, Judgement, judge
from simulators.withdrawing import open_store, prepare, research

READS = int(os.environ.get("NEXUS_WITHDRAWAL_READS", "100000"))
CONTROL = 2_000
MOST_S = 1_800.0
SMALL, OBJECTS, GETS = 4_096, 200, 1_000
TURNS = 8
"""Turns of each bucket in a round: what else the machine does falls on both alike."""
PATIENTS = 50


def interleaved(reads: int, roles: tuple[str, ...]) -> Judgement:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        root = Path(folder)
        asyncio.run(prepare(root))
        house = House(root, seed=reads)
        try:
            house.live(roles, reads, most_s=MOST_S)
        finally:
            house.close()
        return judge(root, house.kills)


def proof() -> Iterable[Figure]:
    found = interleaved(READS, ("reader", "reader", "door", "patients"))
    control = interleaved(CONTROL, ("forgetful", "forgetful", "patients"))
    yield Figure("reads and withdrawals, interleaved", found.reads + found.withdrawals, "", target="100,000")
    yield Figure("of them withdrawals", found.withdrawals, "")
    yield Figure("processes killed meanwhile", found.kills, "")
    yield Figure("reads served", found.served, "")
    yield Figure("served after the withdrawal, by the log", found.after_withdrawal_in_the_log, "", target="0")
    yield Figure("served after its acknowledgement, by the clock", found.after_the_acknowledgement, "", target="0")
    yield Figure("served without an entry", found.unrecorded, "", target="0")
    yield Figure("refused though nothing refused it", found.refused_for_nothing, "", target="0")
    yield Figure("negative control: served after the withdrawal", control.violations, "", target="more than 0")
    for what, samples in (
        ("from a withdrawal until every worker sees it", found.withdrawing),
        ("from a withdrawal to the last read still served", found.still_served),
        ("a bare commit beside it", found.committing),
    ):
        for percent in (50, 99):
            target = "100" if samples is found.withdrawing and percent == 99 else ""
            yield Figure(f"{what}, p{percent}", percentile(samples, percent) * 1e3, "ms", target=target)


async def cost(rounds: int) -> list[Figure]:
    """GET of 4 KiB, with and without subjects, in turns."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        store = open_store(Path(folder))
        clinic = Clinic(store.database, store.recorder, CONSENT_ONLY, clock=SystemClock())
        plain, named = await store.bucket("plain"), await store.bucket("named")
        await store.objects.buckets.declare_subjects(store.op, named, IMAGING)
        named = store.objects.buckets.find("named")
        subjects = []
        for _ in range(PATIENTS):
            subject, account = await clinic.patient()
            await clinic.decide(account, subject, permit("research"))
            subjects.append(subject)
        for n in range(OBJECTS):
            await store.put(plain, f"{n}", os.urandom(SMALL))
            await store.put(named, f"{n}", os.urandom(SMALL), metadata=of(subjects[n % PATIENTS]))
        measured = {bucket.name: Measured() for bucket in (plain, named)}

        async def read(bucket, n: int) -> None:
            opened = await store.objects.reading.get(research(), bucket, f"{n % OBJECTS}")
            async for _ in opened.body:
                pass

        for _ in range(rounds * TURNS):
            for bucket in (plain, named):
                calls = [lambda n=n, bucket=bucket: read(bucket, n) for n in range(GETS)]
                await measured[bucket.name].run(calls, GETS)
        store.close()
    without, having = measured["plain"], measured["named"]
    lost = [(1 - b / a) * 100 for a, b in zip(without.by_cpu, having.by_cpu, strict=True)]
    waited = [(1 - b / a) * 100 for a, b in zip(without.by_clock, having.by_clock, strict=True)]
    return [
        figure("GET 4 KiB that names nobody, one core", without.by_cpu, "/CPU-s"),
        figure("GET 4 KiB of a patient, one core", having.by_cpu, "/CPU-s"),
        figure("GET 4 KiB that names nobody, 64 at once", without.by_clock, "/s", limit="fdatasync"),
        figure("GET 4 KiB of a patient, 64 at once", having.by_clock, "/s", limit="fdatasync"),
        figure("throughput lost to asking, by processor", lost, "%", target="at most 10"),
        figure("throughput lost to asking, by clock", waited, "%", target="at most 10"),
    ]


def measure(rounds: int) -> Iterable[Figure]:
    yield from uvloop.run(cost(rounds))
    yield from proof()


if __name__ == "__main__":
    main(measure)
