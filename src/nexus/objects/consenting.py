"""The check at the moment of reading: does the patient allow this actor, for this purpose, now?

1. A bucket that declares no subjects is not concerned, and costs nothing. The bucket of a release is also asked whether it
   may be read at all: what it holds of nobody too.
2. For secondary use, a first look comes before anything else is told of an object: what is refused is missing.
3. The ruling that counts is made inside the transaction that records the read. A withdrawal is one of the transactions of
   the same database, so that each read stands either before it, served, or after it, refused.
4. A ruling is remembered until its patient decides again, until anything else changes that it rests on, and until the next
   date in it. Whether that has happened is read inside the same transaction.
5. While a stream runs, the question is asked again; a stream that is refused ends there.
6. No answer, no name, or an unknown purpose: refused for secondary use. For care without an answer it is allowed, and the
   entry says so.

Why, and what is not protected: docs/explanation/consent-enforcement.md.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import msgspec

from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, NexusError, Unavailable
from nexus.kernel.operation import Detail, Entry, Operation, Outcome
from nexus.objects.declaration import Declaration, is_care, is_secondary
from nexus.objects.errors import REFUSED_USE, Hidden, Refused, damaged
from nexus.objects.model import Bucket
from nexus.objects.ports import Ruled, Subjects, Version
from nexus.objects.remembering import Memory
from nexus.objects.store import subjects as rows
from nexus.objects.vaults import Vault, Vaults, erased

ATTEMPTS: Final = 5
"""Listings that one listing begins anew because decisions changed meanwhile."""
NAMELESS: Final = "no-subject"
NOBODY: Final = "nobody"
"""Of an object of a release that is about nobody, such as a vocabulary."""
UNANSWERED: Final = "unanswered"
PURPOSE: Final = "purpose"
ERASED: Final = "erased"
FOR_EVER: Final = Instant((1 << 63) - 1)


class NoSubjects:
    """Where nobody answers for patients: secondary use is refused, and no bucket declares subjects."""

    def version(self, tx: Transaction) -> Version:
        return (0,)

    def changed(self, tx: Transaction, since: Version, now: Version) -> Collection[str] | None:
        return ()

    def rulings(self, tx: Transaction, op: Operation, bucket: Bucket, subjects: Sequence[str]) -> Mapping[str, Ruled]:
        return {}

    def standing(self, tx: Transaction, bucket: Bucket, at: Instant) -> Ruled:
        return Ruled(True, "", None, FOR_EVER)

    def renew(self, tx: Transaction) -> None:
        """Nothing is remembered here."""

    def belong(self, tx: Transaction, site: str, subjects: Sequence[str]) -> bool:
        return False

    def check(self, declared: Declaration) -> None:
        raise Unavailable("nobody answers for patients here", code=REFUSED_USE)


class Owned(Protocol):
    """A row that belongs to somebody."""

    @property
    def subject(self) -> int | None: ...


R = TypeVar("R", bound=Owned)
T = TypeVar("T")


class Sieve(Protocol):
    """Leaves out the rows that must not be known."""

    def __call__(self, found: Sequence[R], /) -> Sequence[R]: ...


def everything(found: Sequence[R], /) -> Sequence[R]:
    """The sieve that leaves out nothing."""
    return found


class Consenting:
    """Asks `Subjects`, for the stories of the store."""

    def __init__(self, database: Database, vaults: Vaults, subjects: Subjects, clock: Clock) -> None:
        self.database = database
        self.vaults = vaults
        self.subjects = subjects
        self.clock = clock
        self.memory = Memory(subjects)
        self._asked: tuple[object, Version] = (None, ())

    async def watch(self, op: Operation, bucket: Bucket) -> "Watch | None":
        """For one operation on one bucket; None where nobody's data are there by name."""
        if bucket.subjects is None:
            return None
        return Watch(self, op, bucket, await self.vaults.open(op, bucket))

    async def listed(
        self, op: Operation, bucket: Bucket, gather: Callable[[Transaction, Sieve], T], entry: Callable[[T], Entry]
    ) -> T:
        """Gather a listing that holds nothing that must not be known, and record it.

        It is gathered from one snapshot, and counts only if no decision has changed by the time that its entry commits.
        """
        if bucket.subjects is None or not is_secondary(op.purpose):
            with self.database.read() as tx:
                found = gather(tx, everything)
            await self.database.record(entry(found))
            return found
        watch = Watch(self, op, bucket, await self.vaults.open(op, bucket))
        for _ in range(ATTEMPTS):
            with self.database.read() as tx:
                version = self.version(tx)
                found = gather(tx, watch.sieve(tx))
            if await self._recorded_if(entry(found), version):
                return found
        raise Unavailable("permissions are changing right now", code="objects.consent-busy", hint="try again")

    async def _recorded_if(self, entry: Entry, version: Version) -> bool:
        """Make an entry durable, if nothing that it rests on has changed since."""

        def work(tx: Transaction) -> Recorded[bool]:
            if self.version(tx) != version:
                raise _ChangedError
            return Recorded(True, entry)

        try:
            return await self.database.write(work)
        except _ChangedError:
            return False

    def version(self, tx: Transaction) -> Version:
        """That of all rulings, as of this moment of a transaction. Reads that share a commit share the question too; whoever
        changes anything in it makes another moment.
        """
        moment = tx.moment
        known, version = self._asked
        if known is not moment:
            version = self.subjects.version(tx)
            self._asked = moment, version
        return version


class Watch:
    """What one operation may see of one bucket. Used on the event loop, but for `rule` and what calls it."""

    __slots__ = ("_bucket", "_care", "_home", "_manifests", "_names", "_op", "_secondary", "_who", "vault")

    def __init__(self, consenting: Consenting, op: Operation, bucket: Bucket, vault: Vault | None) -> None:
        self._home = consenting
        self._op = op
        self._bucket = bucket
        self.vault = vault
        self._secondary = is_secondary(op.purpose)
        self._care = is_care(op.purpose)
        self._who = (bucket.number, op.actor.id, op.purpose, op.actor.break_glass or "")
        self._names: dict[int, tuple[str, ...]] = {}
        self._manifests: dict[int, str] = {}

    @property
    def hides(self) -> bool:
        """Whether what is refused must look as if it were missing."""
        return self._secondary

    def look(self, number: int | None, *, named: bool, anew: bool = False) -> None:
        """Step 2. `named`: a version was asked for by its id. Raises Hidden.

        A permission that is remembered lets pass without a question, since step 3 asks; whatever ends the request before
        step 3 calls `look` again, `anew`.
        """
        known = None if self.vault is None or number is None else self.vault.remembered(number)
        if known is not None and number is not None and self._named(number):
            self._names[number] = known
            if not self._secondary or (not anew and self._home.memory.permits((number, self._who), self._op.at)):
                return
        with self._home.database.read() as tx:
            if number is not None:
                self._learn(tx, (number,))
            ruled = self.rule(tx, self._op, number)
        if self._secondary and not ruled.allowed:
            raise self._refusal(number, ruled, named=named)

    def check_name(self, number: int | None, subject: str | None) -> None:
        """The facts of an object name the one that its row does. Raises Damaged."""
        found = None if number is None or self.vault is None else self.vault.known_name(number)
        if found is None and number is not None and self.vault is not None:
            with self._home.database.read() as tx:
                found = self.vault.name(tx, number)
        if found != subject:
            raise damaged("the row of an object")

    async def record(
        self, op: Operation, action: str, details: Mapping[str, Detail], number: int | None, *, named: bool
    ) -> None:
        """Step 3: make the entry of a read durable, if it is allowed at that very moment. Raises Hidden or Refused."""

        def ask(tx: Transaction) -> Entry:
            ruled = self.rule(tx, op, number)
            if not ruled.allowed:
                raise self._refusal(number, ruled, named=named)
            told = op.marked({**details, **self._told(number, ruled)})
            return Entry(op, action, self._bucket.resource, Outcome.ALLOWED, told, self._whose(number))

        await self._home.database.record_if(ask)

    def rule(self, tx: Transaction | None, op: Operation, number: int | None) -> Ruled:
        """The ruling for whoever a number stands for; one refusal refuses all of them."""
        if not self._secondary and not self._care:
            return Ruled(False, PURPOSE)
        if number is None or tx is None:
            return Ruled(self._care, NAMELESS)
        key = number, self._who
        try:
            version = self._home.version(tx)
            known = self._home.memory.ruling(tx, version, key, op.at)
            if known is not None:
                return known
            if rows.is_erased(tx, number) if number > 0 else self._secondary and rows.names_erased(tx, -number):
                return Ruled(False, ERASED)
            ruled = self._joined(self._rulings(tx, op, number), number)
            ruled = _within(self._home.subjects.standing(tx, self._bucket, op.at), ruled)
        except NexusError:
            return Ruled(self._care, UNANSWERED)
        if op.at < ruled.until:
            self._home.memory.keep(version, key, self._names[number], ruled)
        return ruled

    def still(self, number: int | None) -> Callable[[], None]:
        """Step 5: raises Refused once the read that runs is allowed no more."""

        def ask() -> None:
            op = replace(self._op, at=self._home.clock.now())
            with self._home.database.read() as tx:
                ruled = self.rule(tx, op, number)
            if not ruled.allowed:
                raise Refused(subject=self._whose(number), reason=ruled.reason, decision=ruled.decision)

        return ask

    def sieve(self, tx: Transaction) -> Sieve:
        """Leaves out the rows that must not be known, as of a snapshot."""

        def shown(found: Sequence[R], /) -> Sequence[R]:
            visible = self.visible(tx, {row.subject for row in found})
            return [row for row in found if row.subject in visible]

        return shown

    def visible(self, tx: Transaction, numbers: Iterable[int | None]) -> frozenset[int]:
        """Those of the numbers whose data may be known."""
        distinct = {number for number in numbers if number is not None}
        self._learn(tx, distinct)
        return frozenset(number for number in distinct if self.rule(tx, self._op, number).allowed)

    def _learn(self, tx: Transaction, numbers: Iterable[int]) -> None:
        for number in numbers:
            if number in self._names:
                continue
            if self.vault is None:
                raise damaged("the row of an object")
            self._names[number] = self.vault.subjects(tx, number)
            if number < 0:
                self._manifests[number] = self.vault.name(tx, number)

    def _named(self, number: int) -> bool:
        """Whether the name of a manifest is at hand, without a question to the database."""
        name = None if number > 0 or self.vault is None else self.vault.known_name(number)
        if name is not None:
            self._manifests[number] = name
        return number > 0 or name is not None

    def _rulings(self, tx: Transaction, op: Operation, number: int) -> Mapping[str, Ruled]:
        whose = self._names[number]
        return self._home.subjects.rulings(tx, op, self._bucket, whose) if whose else {}

    # Words

    def _joined(self, rulings: Mapping[str, Ruled], number: int) -> Ruled:
        """The denial wins; the earliest end counts; who was not answered for is refused."""
        until: Instant | None = None if self._names[number] else FOR_EVER
        decisions: set[str | None] = set()
        reason = "" if self._names[number] else NOBODY
        for subject in self._names[number]:
            ruled = rulings.get(subject)
            if ruled is None:
                return Ruled(self._care, UNANSWERED)
            if not ruled.allowed:
                return ruled
            until = ruled.until if until is None else min(until, ruled.until)
            decisions.add(ruled.decision)
            reason = ruled.reason
        return Ruled(True, reason, decisions.pop() if len(decisions) == 1 else None, until or Instant(0))

    def _whose(self, number: int | None) -> str | None:
        """Under whose key an entry stands: the subject's, or that of the manifest which names several."""
        if number is None or number not in self._names:
            return None
        return self._names[number][0] if number > 0 else self._manifests.get(number)

    def _told(self, number: int | None, ruled: Ruled) -> Mapping[str, Detail]:
        """Why a read was allowed, as its entry says it."""
        told: dict[str, Detail] = {"consent": ruled.decision or ruled.reason}
        if ruled.decision is not None and ruled.reason:
            told["ruling"] = ruled.reason
        if number is not None and number < 0:
            told["subjects"] = len(self._names[number])
            told["manifest"] = -number
        return told

    def _refusal(self, number: int | None, ruled: Ruled, *, named: bool) -> NexusError:
        subject = self._whose(number)
        if self._secondary:
            return Hidden(named=named, subject=subject, reason=ruled.reason, decision=ruled.decision)
        if ruled.reason == ERASED:
            return erased()
        return Refused(subject=subject, reason=ruled.reason, decision=ruled.decision)


def _within(standing: Ruled, ruled: Ruled) -> Ruled:
    """A ruling as far as its bucket may be read at all."""
    if not standing.allowed or not ruled.allowed:
        return ruled if standing.allowed else standing
    return msgspec.structs.replace(ruled, until=min(standing.until, ruled.until))


class _ChangedError(Exception):
    """Decisions have changed while a listing was gathered."""


def refuse_secondary_writes(op: Operation, bucket: Bucket) -> None:
    """Nobody changes a bucket of patients' data for secondary use, whatever the key: no answer tells what is there.

    Raises Denied.
    """
    if bucket.subjects is not None and is_secondary(op.purpose):
        raise Denied("data of patients are not changed for secondary use", code=REFUSED_USE)
