"""What a withdrawal reaches: data of the patient that were derived for projects, and what becomes of them.

New use has stopped already: every read asks. What is left is to say what a withdrawal touches, and to carry out what the bucket
declares for it (`on_withdrawal`): *stop* new use, the default, which leaves what was derived where a law or a finished study
needs it (GDPR, article 17(3)(d)), hidden; or *erase* it.

1. Derived is what lies in the bucket of a project under the name of the subject, or of a manifest that names him.
2. The rulings are asked again, purpose by purpose: a message says that something changed, never what is allowed. Where
   nothing is refused for that project, nothing was reached.
3. What was reached is written down, once for each decision and bucket, under the patient's key.
4. Erased is only what no secondary purpose may have any more, and what no lock keeps.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import msgspec

from nexus.iam.model import SECONDARY_USE
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied
from nexus.kernel.operation import Operation, Resource
from nexus.objects.blobs.port import BlobStore
from nexus.objects.declaration import OnWithdrawal
from nexus.objects.finding import Finding
from nexus.objects.model import Bucket
from nexus.objects.naming import checked
from nexus.objects.ports import Subjects
from nexus.objects.store import buckets as bucket_rows
from nexus.objects.store import subjects as rows
from nexus.objects.store import versions

REACHED: Final = "objects.withdrawal.reached"
BATCH: Final = 200
"""Versions that are removed in one transaction."""
MAX_SHOWN: Final = 1_000


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """What one decision reached in one bucket."""

    decision: str
    bucket: str
    project: str
    versions: int
    """Versions that hold data of the patient, when it was reached."""
    erased: int
    kept: int
    """Versions that a lock keeps."""
    at: Instant


class Reaching:
    """Carries withdrawals to what was derived."""

    def __init__(
        self, database: Database, blobs: BlobStore, clock: Clock, subjects: Subjects, finding: Finding
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._finding = finding
        self._subjects = subjects

    async def carry(self, op: Operation, subject: str, decision: str, purposes: Iterable[str]) -> int:
        """Carry a decision to what was derived; returns how many buckets it reached. May be told the same twice.

        Raises Conflict, once all else is done, while a key is disabled behind which there may be more.
        """
        told, count = tuple(purposes), 0
        known = await self._finding.known(op, checked(subject))
        for _, row in known.rows:
            with self._database.read() as tx:
                owners = [row.number, *(-manifest for manifest in rows.manifests_with(tx, row.number))]
                found = self._derived(tx, owners)
                reached = [
                    (bucket, versions_there, self._refused(tx, op, bucket, subject, SECONDARY_USE) == SECONDARY_USE)
                    for bucket, versions_there in found
                    if self._refused(tx, op, bucket, subject, told)
                ]
            for bucket, versions_there, everything in reached:
                erased = kept = 0
                if everything and bucket.subjects is not None and bucket.subjects.on_withdrawal is OnWithdrawal.ERASE:
                    erased, kept = await self._erase(op, bucket, owners)
                line = rows.ReachedRow(
                    row.number, decision, bucket.number, versions_there, erased, kept, self._clock.now()
                )
                await self._note(op, bucket, subject, line)
            count += len(reached)
        if known.closed is not None:
            raise known.closed
        return count

    async def of(self, op: Operation, where: Resource, subject: str) -> Sequence[Reached]:
        """What the withdrawals of a subject have reached, newest first; `MAX_SHOWN` at most."""
        found = await self._finding.everywhere(op, checked(subject))
        with self._database.read() as tx:
            known = {bucket.number: bucket for bucket in bucket_rows.every(tx)}
            lines = [line for _, row in found for line in rows.reached(tx, row.number, MAX_SHOWN)]
        shown = [_shown(line, known[line.bucket]) for line in lines if line.bucket in known]
        await self._database.record(replace(op.allowed(REACHED, where, shown=len(shown)), subject=subject))
        return sorted(shown, key=lambda each: each.at, reverse=True)[:MAX_SHOWN]

    def _derived(self, tx: Transaction, owners: Sequence[int]) -> list[tuple[Bucket, int]]:
        """Step 1."""
        counted: dict[int, int] = {}
        for owner in owners:
            for bucket, number in rows.counted(tx, owner):
                counted[bucket] = counted.get(bucket, 0) + number
        return [
            (each, counted[each.number]) for each in bucket_rows.every(tx) if each.project and each.number in counted
        ]

    def _refused(
        self, tx: Transaction, op: Operation, bucket: Bucket, subject: str, purposes: Iterable[str]
    ) -> frozenset[str]:
        """Step 2: those secondary purposes of a list that the project may not have the subject's data for."""
        refused = set()
        for purpose in purposes:
            ruled = self._subjects.rulings(tx, replace(op, purpose=purpose), bucket, (subject,)).get(subject)
            if purpose in SECONDARY_USE and (ruled is None or not ruled.allowed):
                refused.add(purpose)
        return frozenset(refused)

    async def _note(self, op: Operation, bucket: Bucket, subject: str, line: rows.ReachedRow) -> None:
        """Step 3. What was written down before, and is carried again because its message was, is no news."""
        entry = op.allowed(
            REACHED,
            bucket.resource,
            decision=line.decision,
            versions=line.versions,
            erased=line.erased,
            kept=line.kept,
        )

        def work(tx: Transaction) -> Recorded[None]:
            if not rows.note_reached(tx, line) and not line.erased:
                raise _ToldError
            return Recorded(None, replace(entry, subject=subject))

        with suppress(_ToldError):
            await self._database.write(work)

    async def _erase(self, op: Operation, bucket: Bucket, owners: Sequence[int]) -> tuple[int, int]:
        """Step 4: (erased, kept)."""
        erased = kept = 0
        for owner in owners:
            after = ""
            while True:
                with self._database.read() as tx:
                    some = rows.in_bucket(tx, owner, bucket.number, after, BATCH)
                if not some:
                    break
                after = some[-1][1]
                done, files = await self._remove(op, bucket, some)
                erased, kept = erased + done, kept + len(some) - done
                self._blobs.discard(files)
        return erased, kept

    async def _remove(self, op: Operation, bucket: Bucket, some: Sequence[tuple[str, str]]) -> tuple[int, list[str]]:
        def work(tx: Transaction) -> Recorded[tuple[int, list[str]]]:
            files: list[str] = []
            done = 0
            for key, version_id in some:
                row = versions.by_id(tx, bucket, key, version_id)
                if row is None:
                    continue
                try:
                    files += versions.delete_version(tx, bucket, row, self._clock.now())
                except Denied:
                    continue
                done += 1
                if row.latest and (heir := versions.top(tx, bucket, key)) is not None:
                    versions.set_latest(tx, bucket, heir, latest=True)
            return Recorded((done, files), op.allowed(REACHED, bucket.resource, removed=done))

        return await self._database.write(work)


class _ToldError(Exception):
    """It was written down before."""


def _shown(line: rows.ReachedRow, bucket: Bucket) -> Reached:
    return Reached(
        decision=line.decision,
        bucket=bucket.name,
        project=bucket.project,
        versions=line.versions,
        erased=line.erased,
        kept=line.kept,
        at=line.at,
    )
