"""What a decision of the gate costs with 10,000 persons and 500 projects, beside a bare Cedar call of the same run.

    .venv/bin/python bench/authorisation.py [--rounds N] [--json]
    .venv/bin/python bench/authorisation.py --differential 1000000 [--seed N]

Bare: Cedar alone, policies and schema parsed once, all of them, the entities given as JSON at each call. Uncached: another
person at each call, so that identity and grants are read from the database and the policies are evaluated. Known person:
her rights are remembered, the decision is new. Cached: the same question again, which still asks the database for the
version of rights.

With `--differential`, nothing is timed: that many random questions go through a gate with every condition in force, and to
Cedar, and the first difference ends the program.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, cycle, islice
from pathlib import Path
from random import SystemRandom

from harness import Figure, figure, latencies, main, percentile

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from nexus.iam.conditions import NO_CONDITIONS, Conditions
from nexus.iam.decisions import Circumstances, Policy
from nexus.iam.gate import Gate, Question
from nexus.iam.migrations import MIGRATIONS
from nexus.iam.model import Grant, Identity, IdentityKind, IdentityState, Role
from nexus.iam.rules import facts_of
from nexus.iam.store import identities
from nexus.kernel.clock import DAY, Instant, SystemClock
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.operation import Actor, ActorKind, Resource
from nexus.kernel.secret import Secret
from simulators.crowd import STRICT, Crowd, Member

SEED = 3
BATCH = 1_000
"""Questions that Cedar is asked at a time."""
CALLS = 2_000
"""Decisions a round; a round's figure is their median."""
ACTION = "objects.object.read"
CIRCUMSTANCES = Circumstances("research", signed_in=False)
MICROSECONDS = 1e6


class NoLog:
    """Nothing here is an operation to record."""

    def record(self, tx: Transaction, entries: object) -> None:
        raise AssertionError("this benchmark records nothing")


def fill(tx: Transaction, members: Iterable[Member], now: Instant) -> None:
    """The crowd into the database."""
    ids = count()
    for member in members:
        kind = IdentityKind.PERSON if member.kind is ActorKind.PERSON else IdentityKind.MACHINE
        identities.add_identity(
            tx, Identity(member.id, kind, member.id, IdentityState.ACTIVE, member.person, "founding", now)
        )
        for role, scope in member.rights:
            ends = Instant(now + 30 * DAY)
            identities.add_grant(tx, Grant(f"grt_{next(ids):026}", member.id, role, scope, now, ends, "founding"), now)


@contextmanager
def crowded(crowd: Crowd, conditions: Conditions) -> Iterator[tuple[Database, Gate]]:
    """A database full of people, and a gate over it."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        db = Database(Path(folder) / "nexus.db", key=Secret(b"k" * 32), recorder=NoLog())
        db.migrate(MIGRATIONS)
        now = clock.now()
        asyncio.run(db.bookkeep(Bookkeeping.PROGRESS, lambda tx: fill(tx, crowd.members, now)))
        try:
            yield db, Gate(db, clock, conditions)
        finally:
            db.close()


def question(member: Member, bucket: str = "b") -> Question:
    """May she read objects of a bucket of the project that her first right is for?"""
    project = member.rights[0][1].removeprefix("project:")
    resource = Resource("Bucket", bucket, {"site": "lyon", "project": project, "kind": "standard"})
    return Question(Actor(member.id, member.kind, person=member.person), ACTION, resource, "research")


def measure(rounds: int) -> Iterable[Figure]:
    crowd = Crowd(SEED)
    readers = [m for m in crowd.members if m.rights[0][0] is Role.RESEARCHER and m.rights[0][1].startswith("project:")]
    with crowded(crowd, NO_CONDITIONS) as (db, gate):
        cedar, others, names = Policy.shipped().cedar, cycle(readers), count()
        one = readers[0]
        same, facts, principal = question(one), facts_of(question(one).resource), one.principal()
        readers = [reader for reader in readers if gate.permits(question(reader))]
        gate.forget()
        others = cycle(readers)
        calls: dict[str, Callable[[], object]] = {
            "bare Cedar": lambda: cedar.decide(principal, ACTION, facts, CIRCUMSTANCES).allowed,
            "uncached, another person": lambda: gate.permits(question(next(others), f"b{next(names)}")),
            "uncached, known person": lambda: gate.permits(question(one, f"b{next(names)}")),
            "cached": lambda: gate.permits(same),
            "version of rights": lambda: db.peek(identities.READ_VERSION),
        }
        assert all(call() for call in calls.values())
        yield from figures(gate, calls, rounds)


def figures(gate: Gate, calls: dict[str, Callable[[], object]], rounds: int) -> Iterator[Figure]:
    """The calls in turns, so that a slow moment of the machine hits all of them."""
    medians: dict[str, list[float]] = {what: [] for what in calls}
    slowest: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(rounds):
        for what, call in calls.items():
            gate.forget()  # nobody is known at the beginning
            took = latencies(call, CALLS)
            medians[what].append(percentile(took, 50) * MICROSECONDS)
            slowest[what].append(percentile(took, 99) * MICROSECONDS)
    targets = {"uncached, another person": "100 us uncached", "cached": "5 us cached"}
    for what in calls:
        note = f"p99 {sorted(slowest[what])[rounds // 2]:.3g} us"
        yield figure(what, medians[what], "us", target=targets.get(what, ""), note=note)


def compare(gate: Gate, batch: Sequence[tuple[Member, Question]], answers: Counter[str], seed: int) -> None:
    """The gate and Cedar on the same questions; ends the program at the first that they answer differently."""
    ours, asked = [], []
    for number, (member, question) in enumerate(batch):
        at = SystemClock().now()
        decision, moment = gate.decide(question), gate.moment(question, at)
        if moment != gate.moment(question, SystemClock().now()):
            decision = gate.decide(question)  # a minute or an hour ended in between
            moment = gate.moment(question, SystemClock().now())
        ours.append(decision)
        facts = replace(facts_of(question.resource), id=f"r{number}")  # another thing each time, for Cedar
        asked.append((member.principal(), question.action, facts, moment))
    for mine, theirs, (_, question) in zip(ours, gate.policy.cedar.decide_all(asked), batch, strict=True):
        if (mine.allowed, mine.forbidden_by) != (theirs.allowed, theirs.forbidden_by):
            raise SystemExit(f"seed {seed}: {question} is {mine} here and {theirs} by Cedar")
        answers["denied by a condition alone" if mine.conditions else "allowed" if mine.allowed else "denied"] += 1


def differential(questions: int, seed: int) -> None:
    """Random questions to a gate and to Cedar; ends with an error at the first difference."""
    crowd, began = Crowd(seed), time.monotonic()
    answers: Counter[str] = Counter()
    with crowded(crowd, STRICT) as (_, gate):
        asking = crowd.questions(SystemClock().now())
        while batch := list(islice(asking, min(BATCH, questions - answers.total()))):
            compare(gate, batch, answers, seed)
    told = ", ".join(f"{number:,} {what}" for what, number in answers.items())
    sys.stdout.write(
        f"{questions:,} questions, seed {seed}: no difference ({told}; {time.monotonic() - began:.0f} s)\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--differential", type=int, default=0)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    wanted, rest = parser.parse_known_args()
    if wanted.differential:
        differential(wanted.differential, wanted.seed)
    else:
        sys.argv[1:] = rest
        main(measure)
