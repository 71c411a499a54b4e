"""How soon every worker sees a withdrawal: under a steady load of reads, without restarts, beside bare commits and bare syncs.

    .venv/bin/python bench/seeing.py [--rounds N] [--json]

Two workers, processes of their own over one data directory, read small objects of patients: first as fast as they can, to learn
what that is, then at half of it. Meanwhile patients withdraw and permit again; beside each withdrawal the same process makes a bare
commit, and a thread a bare sync of 4 KiB on the same disk. A withdrawal counts until it is acknowledged: no read that begins
then is served, which is checked here for every read by the clock (by the log, and among restarts and faults, by withdrawal.py).
"""

import asyncio
import os
import random
import tempfile
import time
from bisect import bisect_right
from collections.abc import Awaitable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

import uvloop
from harness import Figure, main, percentile
from patients import Patient, furnish, reopened

from nexus.consent.rules import CONSENT_ONLY
from nexus.kernel.clock import SystemClock
from nexus.kernel.operation import PLATFORM
from nexus.objects.errors import Hidden
from simulators.consents import Clinic, permit

WORKERS = 2
PATIENTS = 240
DECIDERS = 3
"""Patients who change their minds at once."""
SATURATED_S, SECONDS_A_ROUND = 5.0, 12.0
SHARE = 0.5
"""Of what saturates the workers, their load."""
AT_ONCE = 32
"""Reads under way in a worker that reads as fast as it can."""
MOST_UNDER_WAY = 512
"""Reads under way in a worker whose load is given."""
SYNC_EVERY_S = 0.05
OPENING_S = 1.0
"""Until the workers have opened the store."""
MS = 1e3

Served = tuple[str, int, int]
"""Subject, when the read began and ended: nanoseconds of the machine's monotonic clock."""


@dataclass(frozen=True)
class Load:
    """When a worker reads (seconds of the monotonic clock), and how often (None: as fast as it can)."""

    begins: float
    ends: float
    rate: float | None = None


@dataclass
class Minds:
    """What patients and their neighbours waited for, in seconds."""

    withdrawing: list[float] = field(default_factory=list)
    committing: list[float] = field(default_factory=list)
    syncing: list[float] = field(default_factory=list)
    unwilling: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Subject -> from an acknowledgement until the next permission was asked for (ns)."""


def worker(root: Path, patients: Sequence[Patient], load: Load, seed: int) -> tuple[int, list[Served]]:
    """A process that reads; how many reads, and those that were served."""
    return uvloop.run(_read(root, patients, load, random.Random(seed)))


async def _read(root: Path, patients: Sequence[Patient], load: Load, dice: random.Random) -> tuple[int, list[Served]]:
    ward = reopened(root, patients)
    served: list[Served] = []
    room = asyncio.Semaphore(AT_ONCE if load.rate is None else MOST_UNDER_WAY)

    async def one(patient: Patient) -> None:
        began = time.monotonic_ns()
        try:
            await ward.read(ward.named, patient.key)
            served.append((patient.subject, began, time.monotonic_ns()))
        except Hidden:
            pass
        finally:
            room.release()

    await asyncio.sleep(max(0.0, load.begins - time.monotonic()))
    due, count = load.begins, 0
    async with asyncio.TaskGroup() as tasks:
        while due < load.ends and time.monotonic() < load.ends:
            await room.acquire()
            if load.rate is not None:
                due += dice.expovariate(load.rate)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.create_task(one(dice.choice(patients)))
            count += 1
    ward.close()
    return count, served


class Patients:
    """Patients who change their minds, in a process of their own."""

    def __init__(self, root: Path, patients: Sequence[Patient]) -> None:
        self._root = root
        self._patients = patients
        self._store = reopened(root, patients).store
        self._clinic = Clinic(self._store.database, self._store.recorder, CONSENT_ONLY, clock=SystemClock())
        self.found = Minds()

    async def live(self, until: float) -> None:
        """Until a moment of the monotonic clock."""
        await asyncio.gather(self._sync(until), *(self._change(number, until) for number in range(DECIDERS)))
        self._store.close()

    async def _change(self, number: int, until: float) -> None:
        dice, mine = random.Random(number), list(self._patients[number::DECIDERS])
        while time.monotonic() < until:
            at = dice.randrange(len(mine))
            patient = mine[at]
            refused = await _timed(
                self._clinic.withdraw(patient.account, patient.subject, patient.decision), self.found.withdrawing
            )
            entry = self._clinic.desk.allowed("platform.status", PLATFORM)
            await _timed(self._store.database.record(entry), self.found.committing)
            self.found.unwilling.setdefault(patient.subject, []).append((refused, time.monotonic_ns()))
            made = await self._clinic.decide(patient.account, patient.subject, permit("research"))
            mine[at] = replace(patient, decision=made.id)
            await asyncio.sleep(dice.random() * 0.02)

    async def _sync(self, until: float) -> None:
        with tempfile.TemporaryFile(dir=self._root) as file:
            while time.monotonic() < until:
                await asyncio.sleep(SYNC_EVERY_S)
                self.found.syncing.append(await asyncio.to_thread(_synced, file.fileno()))


def _synced(file: int) -> float:
    os.write(file, bytes(4096))
    began = time.perf_counter()
    os.fdatasync(file)
    return time.perf_counter() - began


async def _timed(act: Awaitable[object], into: list[float]) -> int:
    """When it was acknowledged (ns)."""
    began = time.monotonic_ns()
    await act
    ended = time.monotonic_ns()
    into.append((ended - began) / 1e9)
    return ended


def too_late(served: Iterable[Served], minds: Minds) -> int:
    """Reads that were served though they began after an acknowledgement, and ended before a permission was asked for."""
    late = 0
    for subject, began, ended in served:
        history = minds.unwilling.get(subject, [])
        at = bisect_right(history, (began, 0)) - 1
        late += at >= 0 and history[at][0] < began and ended < history[at][1]
    return late


async def seeing(rounds: int) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder,
        ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool,
    ):
        root, loop = Path(folder), asyncio.get_running_loop()
        ward = await furnish(root, patients=PATIENTS)
        ward.close()

        def work(load: Load) -> list[asyncio.Future[tuple[int, list[Served]]]]:
            return [loop.run_in_executor(pool, worker, root, ward.patients, load, n) for n in range(WORKERS)]

        await asyncio.gather(*work(Load(0, 0)))  # they are born, and have loaded what they need
        begins = time.monotonic() + OPENING_S
        saturated = await asyncio.gather(*work(Load(begins, begins + SATURATED_S)))
        rate = sum(count for count, _ in saturated) / SATURATED_S * SHARE
        begins = time.monotonic() + OPENING_S
        ends = begins + 1 + SECONDS_A_ROUND * rounds
        reading = work(Load(begins, ends, rate / WORKERS))
        patients = Patients(root, ward.patients)
        await asyncio.sleep(begins + 1 - time.monotonic())
        await patients.live(ends - 1)
        done = await asyncio.gather(*reading)
    found = patients.found
    reads = sum(count for count, _ in done)
    return [
        Figure(f"reads that saturate {WORKERS} workers", rate / SHARE, "/s"),
        Figure("reads while patients withdraw", reads / (ends - begins), "/s", note="half of that was asked for"),
        Figure("withdrawals", len(found.withdrawing), "", target="500 or more"),
        Figure("served after an acknowledgement", sum(too_late(each, found) for _, each in done), "", target="0"),
        *_latency("from a withdrawal until every worker sees it", found.withdrawing, target="100"),
        *_latency("a bare commit beside it", found.committing),
        *_latency("a bare sync of 4 KiB beside it", found.syncing),
    ]


def _latency(what: str, seconds: Sequence[float], *, target: str = "") -> list[Figure]:
    return [
        Figure(f"{what}, p{percent}", percentile(seconds, percent) * MS, "ms", target=target if percent == 99 else "")
        for percent in (50, 90, 99)
    ] + [Figure(f"{what}, longest", max(seconds) * MS, "ms")]


def measure(rounds: int) -> Iterable[Figure]:
    yield from uvloop.run(seeing(rounds))


if __name__ == "__main__":
    main(measure)
