"""What a ruling costs with a million patients, beside a bare read of one row by its key in the same file.

    .venv/bin/python bench/consent.py [--rounds N] [--json]

The database holds NEXUS_CONSENT_PATIENTS subjects (a million), one in five with decisions: permissions for projects and categories,
denials, objections, withdrawals. Questions ask about patients at random, so that most pages come from the disk's cache and are
decrypted anew. A ruling is asked as a read asks it, inside a transaction, which counts into its time; so does the transaction of the bare read.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness import Figure, figure, main, percentile

from nexus.consent import store
from nexus.consent.migrations import MIGRATIONS
from nexus.consent.model import (
    Capacity,
    DataCategory,
    Decision,
    DecisionKind,
    Effect,
    LegalBasis,
    Provision,
    Question,
    Recipient,
    Subject,
)
from nexus.consent.rules import Bases
from nexus.consent.rulings import Rulings
from nexus.iam.model import Purpose
from nexus.kernel.clock import DAY, SystemClock
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.secret import Secret

PATIENTS = int(os.environ.get("NEXUS_CONSENT_PATIENTS", "1000000"))
DECIDED = 5
"""One patient in so many has decided something."""
CALLS = 5_000
MANY = 1_000
"""Subjects of one question about an object of many."""
BATCH = 20_000
SEED = 4
MILLISECONDS = 1e3
NOW = SystemClock().now()


class NoLog:
    """Nothing here is an operation to record."""

    def record(self, tx: Transaction, entries: object) -> None:
        raise AssertionError("this benchmark records nothing")


def name(number: int) -> str:
    """The subject of this number; as long as a real one."""
    return f"sub_{number:026d}"


def history(number: int, chance: random.Random) -> Iterator[Decision]:
    """What one patient decided."""
    kinds = chance.choice(
        [
            (DecisionKind.PERMISSIONS,),
            (DecisionKind.PERMISSIONS, DecisionKind.PERMISSIONS),
            (DecisionKind.OBJECTION,),
            (DecisionKind.PERMISSIONS, DecisionKind.WITHDRAWAL),
            (DecisionKind.PERMISSIONS, DecisionKind.OBJECTION, DecisionKind.LIFTING, DecisionKind.PERMISSIONS),
        ]
    )
    first = f"dec_{number:023d}_01"
    for place, kind in enumerate(kinds, start=1):
        gives = kind is DecisionKind.PERMISSIONS
        yield Decision(
            id=f"dec_{number:023d}_{place:02d}",
            subject=name(number),
            number=place,
            kind=kind,
            provisions=_provisions(chance) if gives else (),
            about=(first,) if kind is DecisionKind.WITHDRAWAL else (),
            capacity=Capacity.SELF,
            account="per_00000000000000000000000000",
            recorded_by="per_00000000000000000000000000",
            decided_at=NOW,
            recorded_at=NOW,
        )


def _provisions(chance: random.Random) -> tuple[Provision, ...]:
    return (
        Provision(effect=Effect.PERMIT, purposes=(Purpose.RESEARCH,), projects=(f"project-{chance.randrange(50)}",)),
        Provision(
            effect=chance.choice([Effect.PERMIT, Effect.DENY]),
            purposes=(Purpose.STATISTICS, Purpose.CARE_IMPROVEMENT),
            categories=(DataCategory.LABORATORY, DataCategory.IMAGING),
        ),
        Provision(effect=Effect.DENY, purposes=(Purpose.EDUCATION,)),
    )


def fill(database: Database) -> int:
    """The patients; returns how many decisions they made."""
    chance = random.Random(SEED)
    decisions = 0
    for start in range(0, PATIENTS, BATCH):
        numbers = range(start, min(start + BATCH, PATIENTS))
        made = [decision for n in numbers if n % DECIDED == 0 for decision in history(n, chance)]
        decisions += len(made)

        def work(tx: Transaction, numbers: range = numbers, made: list[Decision] = made) -> None:
            for number in numbers:
                blind = number.to_bytes(32, "big")
                store.add_subject(tx, Subject(name(number), "chu", 0, NOW), blind, bytes(80))
            for decision in made:
                store.add_decision(tx, decision, "", "", "")

        database.bookkeep_later(Bookkeeping.MIGRATION, work).result()
    return decisions


def timed(calls: Iterable[Callable[[], object]]) -> tuple[list[float], list[float]]:
    """Milliseconds of each: by the wall, and of this thread's processor. On a machine that others use, the latter is ours."""
    wall, processor = [], []
    for call in calls:
        start, busy = time.perf_counter(), time.thread_time()
        call()
        wall.append((time.perf_counter() - start) * MILLISECONDS)
        processor.append((time.thread_time() - busy) * MILLISECONDS)
    return wall, processor


def measure(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        database = Database(Path(folder) / "nexus.db", key=Secret(bytes(32)), recorder=NoLog())
        try:
            database.migrate(MIGRATIONS)
            decisions = fill(database)
            yield Figure("patients", PATIENTS, "", target="1,000,000")
            yield Figure("decisions", decisions, "")
            yield from _figures(database, rounds)
        finally:
            database.close()


def _figures(database: Database, rounds: int) -> Iterable[Figure]:
    rulings = Rulings(Bases(by_purpose={Purpose.STATISTICS: LegalBasis.PUBLIC_INTEREST}))
    chance = random.Random(SEED + 1)

    def bare() -> Callable[[], object]:
        subject = name(chance.randrange(PATIENTS))

        def call() -> object:
            with database.read() as tx:
                return tx.one("SELECT version FROM consent_subject WHERE id = ?", (subject,))

        return call

    def ruled(count: int, *, decided: bool) -> Callable[[], object]:
        numbers = [
            chance.randrange(PATIENTS // DECIDED) * DECIDED if decided else chance.randrange(PATIENTS)
            for _ in range(count)
        ]
        question = Question(
            subjects=tuple({name(number): None for number in numbers}),
            purpose=chance.choice(["research", "statistics", "care"]),
            recipient=Recipient("other", f"project-{chance.randrange(50)}", "per_reader"),
            at=NOW + DAY,
            categories=("laboratory",),
            source="chu",
        )

        def call() -> object:
            with database.read() as tx:
                return rulings.of(tx, question)

        return call

    kinds = {
        "bare: one row by its key": bare,
        "ruling, one patient of all": lambda: ruled(1, decided=False),
        "ruling, one patient who has decided": lambda: ruled(1, decided=True),
    }
    samples: dict[str, list[tuple[list[float], list[float]]]] = {what: [] for what in kinds}
    for _ in range(rounds):
        for what, make in kinds.items():
            samples[what].append(timed([make() for _ in range(CALLS)]))
    for what, taken in samples.items():
        target = "1 ms p99" if what.startswith("ruling") else ""
        yield figure(f"{what}, median", [percentile(wall, 50) for wall, _ in taken], "ms")
        yield figure(f"{what}, p99", [percentile(wall, 99) for wall, _ in taken], "ms", target=target)
        yield figure(f"{what}, p99 of processor time", [percentile(busy, 99) for _, busy in taken], "ms")
    many = [percentile(timed([ruled(MANY, decided=False) for _ in range(20)])[0], 50) for _ in range(rounds)]
    yield figure(f"rulings, {MANY} patients in one question, median", many, "ms")


if __name__ == "__main__":
    main(measure)
