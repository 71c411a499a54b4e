"""What a decision of the gate costs with 10,000 persons in the database, beside a bare Cedar call of the same run.

    .venv/bin/python bench/authorisation.py [--rounds N] [--json]

Bare: Cedar alone, policies parsed once, all of them, the two entities given as JSON at each call. Uncached: another person
at each call, so that identity and grants are read from the database and Cedar decides. Known person: her rights are
remembered, the decision is new. Cached: the same question again, which still asks the database for the version of rights.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from itertools import cycle
from pathlib import Path

import cedarpy
from harness import Figure, figure, latencies, main, percentile

from nexus.iam.actions import ACTIONS
from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.decisions import POLICY_FILES, SCHEMA_FILE, Circumstances, Principal, declare
from nexus.iam.gate import Gate, Question
from nexus.iam.migrations import MIGRATIONS
from nexus.iam.model import Grant, Identity, IdentityKind, IdentityState, Role
from nexus.iam.rules import facts_of
from nexus.iam.store import identities
from nexus.kernel.clock import DAY, Instant, SystemClock
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.operation import Actor, ActorKind, Resource
from nexus.kernel.secret import Secret

PERSONS = 10_000
CALLS = 2_000
"""Decisions a round; a round's figure is their median."""
ACTION = "objects.object.read"
CIRCUMSTANCES = Circumstances("research", signed_in=False)
MICROSECONDS = 1e6


class NoLog:
    """Nothing here is an operation to record."""

    def record(self, tx: Transaction, entries: object) -> None:
        raise AssertionError("this benchmark records nothing")


def population(now: Instant) -> Iterator[tuple[Identity, list[Grant]]]:
    """Persons with three rights each, as in a hub with a hundred projects."""
    for n in range(PERSONS):
        person = f"per_{n:026}"
        yield (
            Identity(person, IdentityKind.PERSON, f"Person {n}", IdentityState.ACTIVE, person, "founding", now),
            [
                Grant(f"grt_{n:020}{k:06}", person, role, scope, now, Instant(now + 30 * DAY), "founding")
                for k, (role, scope) in enumerate(
                    (
                        (Role.RESEARCHER, f"project:p{n % 100}"),
                        (Role.RESEARCHER, f"project:p{(n + 1) % 100}"),
                        (Role.OUTPUT_CHECKER, f"project:p{(n + 50) % 100}"),
                    )
                )
            ],
        )


def fill(tx: Transaction, now: Instant) -> None:
    for identity, grants in population(now):
        identities.add_identity(tx, identity)
        for grant in grants:
            identities.add_grant(tx, grant, now)


def question(n: int, bucket: str = "b") -> Question:
    person = f"per_{n:026}"
    resource = Resource("Bucket", bucket, {"site": "lyon", "project": f"p{n % 100}", "kind": "standard"})
    return Question(Actor(person, ActorKind.PERSON, person=person), ACTION, resource, "research")


def bare(now: Instant) -> Callable[[], object]:
    """One Cedar call without anything of ours around it."""
    room = files("nexus.iam") / "policy"
    policies = cedarpy.PolicySet.from_str("\n".join((room / name).read_text("utf-8") for name in POLICY_FILES))
    schema = cedarpy.Schema.from_str(f"{(room / SCHEMA_FILE).read_text('utf-8')}\n{declare(ACTIONS.values())}")
    identity, grants = next(population(now))
    rights = {role: frozenset(grant.scope for grant in grants if grant.role is role) for role in Role}
    principal = Principal(identity.id, "Person", identity.person, rights)
    entities = [principal.entity(), facts_of(question(0).resource).entity()]
    request = {
        "principal": {"type": "Person", "id": identity.id},
        "action": {"type": "Action", "id": ACTION},
        "resource": {"type": "Bucket", "id": "b"},
        "context": {"purpose": CIRCUMSTANCES.purpose, "signed_in": CIRCUMSTANCES.signed_in},
    }
    assert cedarpy.is_authorized(request, policies, entities, schema).allowed
    return lambda: cedarpy.is_authorized(request, policies, entities, schema)


def measure(rounds: int) -> Iterable[Figure]:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        db = Database(Path(folder) / "nexus.db", key=Secret(b"k" * 32), recorder=NoLog())
        db.migrate(MIGRATIONS)
        now = clock.now()
        asyncio.run(db.bookkeep(Bookkeeping.PROGRESS, lambda tx: fill(tx, now)))
        gate = Gate(db, clock, NO_CONDITIONS)
        cedar, others, names = bare(now), cycle(range(PERSONS)), cycle(range(10**9))
        same = question(7)
        calls: dict[str, Callable[[], object]] = {
            "bare Cedar": cedar,
            "uncached, another person": lambda: gate.permits(question(next(others))),
            "uncached, known person": lambda: gate.permits(question(7, f"b{next(names)}")),
            "cached": lambda: gate.permits(same),
            "version of rights": lambda: db.peek(identities.READ_VERSION),
        }
        assert all(call() for call in calls.values())
        yield from figures(calls, rounds)
        db.close()


def figures(calls: dict[str, Callable[[], object]], rounds: int) -> Iterator[Figure]:
    """The calls in turns, so that a slow moment of the machine hits all of them."""
    medians: dict[str, list[float]] = {what: [] for what in calls}
    slowest: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(rounds):
        for what, call in calls.items():
            took = latencies(call, CALLS)
            medians[what].append(percentile(took, 50) * MICROSECONDS)
            slowest[what].append(percentile(took, 99) * MICROSECONDS)
    targets = {"uncached, another person": "100 us uncached", "cached": "5 us cached"}
    for what in calls:
        note = f"p99 {sorted(slowest[what])[rounds // 2]:.3g} us"
        yield figure(what, medians[what], "us", target=targets.get(what, ""), note=note)


if __name__ == "__main__":
    main(measure)
