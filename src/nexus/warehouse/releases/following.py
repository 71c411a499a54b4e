"""A withdrawal reaches the releases that hold somebody: each is written anew without him, in the place of the one before.

From the withdrawal's commit on the store serves no file that names him (`objects.consenting`). What is done here brings the others of
those files back, without him:

1. Is he in it, and does he refuse what the project reads for? The rulings are asked; a message says only that something changed.
2. The files of his share of persons come here, are written anew without him, and a new manifest is signed.
3. The new files go into the bucket, those of his share that never had a row of him under the names that are left.
4. The new manifest takes the place of the old one, with its entry.
5. What is no part of it any more is destroyed.

Each step may be done again: a message is told until all of it is done.
"""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Operation
from nexus.objects.finding import Finding
from nexus.objects.model import Bucket
from nexus.objects.store import subjects as holdings
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.releases import manifest, store, withdrawing
from nexus.warehouse.releases.keeping import Keeping
from nexus.warehouse.releases.making import Signer
from nexus.warehouse.releases.manifest import Manifest, Part, Release, encode
from nexus.warehouse.releases.model import FOLLOWED, ReleaseRecord
from nexus.warehouse.releases.parts import Parts, keep
from nexus.warehouse.releases.rewriting import People, left, written_anew
from nexus.warehouse.releases.working import entry


class Refusals(Protocol):
    """Who refuses what."""

    def refused(
        self, tx: Transaction, op: Operation, bucket: Bucket, project: str, subjects: Sequence[str]
    ) -> Collection[str]:
        """Those of these whose data of a bucket a project may not have for what it reads for."""

    def state(self, tx: Transaction) -> str:
        """The state of everybody's decisions as of a transaction."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A release, its bucket, what its manifest says, and where it is written anew."""

    op: Operation
    record: ReleaseRecord
    bucket: Bucket
    release: Release
    parts: Parts


class Following:
    """Carries withdrawals to releases. There must be one for each platform: the worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keeping: Keeping,
        *,
        finding: Finding,
        people: People,
        refusals: Refusals,
        signer: Signer,
        warehouse: Layout,
        operation: Callable[[], Operation],
    ) -> None:
        self._database = database
        self._clock = clock
        self._keeping = keeping
        self._finding = finding
        self._people = people
        self._refusals = refusals
        self._signer = signer
        self._warehouse = warehouse
        self._operation = operation

    async def follow(self, subject: str) -> int:
        """Leave somebody out of every release that holds him against his will; returns of how many.

        Raises Conflict, once all else is done, while a key is disabled behind which there may be more.
        """
        op = self._operation()
        with self._database.read() as tx:
            followed = store.in_states(tx, FOLLOWED)
        if not followed:
            return 0
        known = await self._finding.known(op, subject)
        numbers = [row.number for _, row in known.rows]
        done = 0
        for record in followed:
            bucket = self._keeping.bucket(record.bucket)
            if bucket is None or not self._refuses(op, record, bucket, subject, numbers):
                continue
            await self._leave_out(op, record, bucket, (subject,))
            done += 1
            if self._refuses(op, record, bucket, subject, numbers):
                raise Conflict(
                    "a release holds somebody who refuses, and he is not found in it",
                    code="releases.not-left-out",
                    hint="its files stay unread; retire it, and have another one built",
                )
        if known.closed is not None:
            raise known.closed
        return done

    async def mend(self) -> int:
        """Look through every release for people who refuse without a message: a permission has ended by its date, somebody was
        erased. Returns how many people were left out. Raises what the key service raises.
        """
        op = self._operation()
        with self._database.read() as tx:
            followed = store.in_states(tx, FOLLOWED)
        done = 0
        for record in followed:
            bucket = self._keeping.bucket(record.bucket)
            named = () if bucket is None else await self._keeping.named(op, bucket)
            if bucket is None or not named:
                continue
            erased = await self._keeping.erased(op, bucket, named)
            with self._database.read() as tx:
                refuse = {*self._refusals.refused(tx, op, bucket, record.project, named), *erased}
            if refuse:
                await self._leave_out(op, record, bucket, sorted(refuse))
                done += len(refuse)
        return done

    def _refuses(
        self, op: Operation, record: ReleaseRecord, bucket: Bucket, subject: str, numbers: Sequence[int]
    ) -> bool:
        """Step 1."""
        with self._database.read() as tx:
            owners = [*numbers, *(-one for number in numbers for one in holdings.manifests_with(tx, number))]
            held = any(bucket.number == where for owner in owners for where, _ in holdings.counted(tx, owner))
            return held and bool(self._refusals.refused(tx, op, bucket, record.project, (subject,)))

    async def _leave_out(self, op: Operation, record: ReleaseRecord, bucket: Bucket, subjects: Sequence[str]) -> None:
        with self._database.read() as tx:
            kept = store.manifest(tx, record.digest)
            state = self._refusals.state(tx)
        assert kept is not None
        folder = self._warehouse.releasing / f"{record.id}-without"
        case = _Case(op, record, bucket, manifest.decode(kept).release, Parts(folder))
        keep(case.parts.manifest(record.digest), kept)
        theirs = withdrawing.found_by(case.release, await self._people.known_as(op, case.release.domain, subjects))
        shares = withdrawing.affected(case.release, theirs)
        wanted = [part for table in case.release.tables for part in table.parts if part.bucket in shares]
        await self._keeping.fetch(op, bucket, wanted, case.parts)
        made = await written_anew(
            op, case.release, theirs, case.parts, signer=self._signer, made=rfc3339(self._clock.now()), consent=state
        )
        now = case.release if made is None else made.release
        lists = await left(op, self._people, await self._lists(case, wanted), theirs, now)
        await self._keeping.put(op, bucket, now, case.parts, lists)
        if made is not None:
            await self._take_the_place(case, made)
        await self._keeping.sweep(op, bucket, now)
        shutil.rmtree(folder, ignore_errors=True)

    async def _lists(self, case: _Case, wanted: Sequence[Part]) -> Mapping[int, Collection[str]]:
        """Whose data each share says that it holds, before somebody is left out."""
        found: dict[int, set[str]] = {}
        for part in wanted:
            found.setdefault(part.bucket, set()).update(await self._keeping.subjects(case.op, case.bucket, part))
        return found

    async def _take_the_place(self, case: _Case, made: Manifest) -> None:
        """Step 4."""
        digest, now = made.release.digest(), self._clock.now()

        def work(tx: Transaction) -> Recorded[None]:
            found = store.by_id(tx, case.record.id)
            if found is None or found.state not in FOLLOWED or found.digest != case.record.digest:
                raise Conflict("the release has changed meanwhile", code="release.decided", hint="it is tried again")
            store.add_manifest(tx, found.id, digest, encode(made), now)
            after = replace(found, digest=digest, changed_by=case.op.actor.id, changed_at=now)
            store.update(tx, after)
            return Recorded(None, entry(case.op, "without", after, manifest=digest, parent=made.release.parent))

        await self._database.write(work)
