"""Patients as the object store knows them: each permits some purposes, changes their mind, or cannot be asked."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid, Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket
from nexus.objects.ports import Ruled, Version

FOREVER = Instant(1 << 60)


class SimulatedPatients:
    """Decisions in memory. `asked` counts rulings that were made; a test sets `silent` where nobody answers."""

    def __init__(self, *, site: str = "chu") -> None:
        self.site = site
        self.decisions: dict[str, set[str]] = {}
        self.changes: list[str] = []
        """Who decided, in order; empty where everybody is to be asked anew."""
        self.asked = 0
        self.silent = False
        self.until = FOREVER
        self.shut: set[str] = set()
        """Names of buckets that may not be read at all; whoever changes it appends to `changes`."""

    def new(self, *purposes: str) -> str:
        """A patient who permits these purposes."""
        subject = new_id("sub")
        self.decisions[subject] = set(purposes)
        return subject

    def decide(self, subject: str, *purposes: str) -> None:
        """From now on the patient permits these purposes and no other."""
        self.decisions[subject] = set(purposes)
        self.changes.append(subject)

    # The port

    def version(self, tx: Transaction) -> Version:
        if self.silent:
            raise Unavailable("patients cannot be asked", code="consent.unreachable")
        return (len(self.changes),)

    def changed(self, tx: Transaction, since: Version, now: Version) -> Collection[str] | None:
        return self.changes[since[0] : now[0]] if all(self.changes[since[0] : now[0]]) else None

    def rulings(self, tx: Transaction, op: Operation, bucket: Bucket, subjects: Sequence[str]) -> Mapping[str, Ruled]:
        self.asked += 1
        return {each: self._ruled(op, each) for each in subjects if each in self.decisions}

    def standing(self, tx: Transaction, bucket: Bucket, at: Instant) -> Ruled:
        """Whether the bucket may be read at all: `shut` says of which it is not."""
        return Ruled(bucket.name not in self.shut, "project", None, FOREVER)

    def renew(self, tx: Transaction) -> None:
        self.changes.append("")

    def belong(self, tx: Transaction, site: str, subjects: Iterable[str]) -> bool:
        return site in {"", self.site} and all(each in self.decisions for each in subjects)

    def check(self, declared: Declaration) -> None:
        if "weather" in declared.categories:
            raise Invalid("patients do not decide about this", code="consent.category")

    def _ruled(self, op: Operation, subject: str) -> Ruled:
        if op.actor.break_glass is not None and op.purpose == "care":
            return Ruled(True, "emergency", None, self.until)
        allowed = op.purpose in self.decisions[subject]
        return Ruled(allowed, "permitted" if allowed else "denied", f"dec_{subject[4:]}", self.until)
