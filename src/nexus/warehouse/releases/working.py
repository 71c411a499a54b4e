"""Builds the releases that were asked for: the worker's, one at a time, beside everything else that the platform does.

1. The project is ready, at this moment; its permit says what is built.
2. The release has a bucket of its own, which nobody may read yet.
3. It is built, checked and signed on a thread (`crafting`), in a folder of its own.
4. Its files go into the bucket, each under the names of those whose data it holds.
5. It is built once that commits, if the project is still ready under the same permit. Whoever has decided since step 3 and refuses
   now is left out first; the commit holds only if nobody has decided after that. Whatever comes before it, a crash included, leaves
   a release that is asked for: it is built again, and what is there already is not written twice.

Files are removed of what nobody opens any more: of releases that were retired, or could not be built.
"""

import asyncio
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import msgspec

from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Damaged, NexusError, Sealed, Unavailable
from nexus.kernel.operation import Entry, Operation, Resource
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.releases import manifest, store, withdrawing
from nexus.warehouse.releases.crafting import Crafted, Named, Work, craft, manifest_bytes
from nexus.warehouse.releases.keeping import Keeping
from nexus.warehouse.releases.making import Signer, sign
from nexus.warehouse.releases.manifest import Release
from nexus.warehouse.releases.model import FOLLOWED, Progress, ReleaseRecord, ReleaseState
from nexus.warehouse.releases.parts import Parts
from nexus.warehouse.releases.people import Pseudonyms
from nexus.warehouse.releases.ports import Permitted, Projects
from nexus.warehouse.releases.rewriting import People, left

AGAIN: Final = frozenset({"release.decided", "release.source"})
"""Conflicts after which it is built again, since what they name has changed meanwhile."""
ATTEMPTS: Final = 20
"""Times that whoever decides while a release is stored is left out before it is built again."""
OF_THE_DATA: Final = ("warehouse.", "release.")
"""Codes of damage that is the warehouse's, not the platform's."""


class Consents(Protocol):
    """What patients allow, asked for one release."""

    def of(self, bucket: Bucket, purpose: str) -> Named:
        """As the store would rule at a read of this bucket for this purpose."""

    def state(self, tx: Transaction) -> str:
        """The state of everybody's decisions as of a transaction, as `Consent.state` says it."""

    def decided(self, tx: Transaction, since: str, now: str) -> Collection[str] | None:
        """Who decided between two states, by the names of consent; None if anybody may be concerned."""

    def refused(
        self, tx: Transaction, op: Operation, bucket: Bucket, project: str, subjects: Sequence[str]
    ) -> Collection[str]:
        """Those of these whose data of a bucket a project may not have for what it reads for."""


@dataclass(frozen=True, slots=True)
class Others:
    """Who does what for a build."""

    projects: Projects
    pseudonyms: Pseudonyms
    people: People
    consents: Consents
    signer: Signer
    declared: Declaration
    """What the data of releases are, in the words of consent."""


class Working:
    """There must be one for each platform: the worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keeping: Keeping,
        others: Others,
        *,
        warehouse: Layout,
        operation: Callable[[], Operation],
    ) -> None:
        """`operation`: one that the platform does by itself, now."""
        self._database = database
        self._clock = clock
        self._keeping = keeping
        self._others = others
        self._warehouse = warehouse
        self._operation = operation
        self._stopped = False
        self._at: tuple[str, Progress] | None = None

    async def run(self) -> bool:
        """Build what waits, the oldest first. Raises Sealed, Unavailable, and Conflict of what is to be built again."""
        with self._database.read() as tx:
            waiting = store.in_states(tx, (ReleaseState.REQUESTED,))
            ended = store.in_states(tx, (ReleaseState.RETIRED, ReleaseState.FAILED))
        for each in ended:
            await self._keeping.remove(self._operation(), each.bucket)
        again: NexusError | None = None
        for each in waiting:
            try:
                await self._build(each)
            except NexusError as error:
                if isinstance(error, Sealed | Unavailable) or not self._given_up(error):
                    again = error
                else:
                    await self._failed(each, error)
        if again is not None:
            raise again
        return False

    def _given_up(self, error: NexusError) -> bool:
        """Whether it can never be built so. Raises what is no release's fault."""
        if isinstance(error, Damaged) and not error.code.startswith(OF_THE_DATA):
            raise error
        return error.code not in AGAIN

    async def _build(self, record: ReleaseRecord) -> None:
        op = self._operation()
        with self._database.read() as tx:
            permitted = self._others.projects.ready(tx, record.project, self._clock.now())
        bucket = await self._keeping.prepare(op, record, self._others.declared)
        folder = self._warehouse.releasing / record.id
        work = self._work(op, record, permitted, folder_parts=Parts(folder))
        made = await self._crafted(work, bucket, permitted, record)
        await self._note(record, Progress("store", 0, 0))
        for _ in range(ATTEMPTS):
            await self._keeping.put(op, bucket, made.manifest.release, work.parts, made.lists)
            await self._keeping.sweep(op, bucket, made.manifest.release)
            if await self._built(op, record, permitted, made):
                break
            made = await self._without(work, bucket, permitted, made)
        else:
            raise Conflict("patients go on deciding while the release is stored", code="release.decided")
        shutil.rmtree(folder, ignore_errors=True)

    def _work(self, op: Operation, record: ReleaseRecord, permitted: Permitted, *, folder_parts: Parts) -> Work:
        now = self._clock.now()
        return Work(
            op=op,
            project=record.project,
            permit=permitted.permit,
            scope=permitted.scope,
            until=rfc3339(permitted.until),
            made=rfc3339(now),
            at=now,
            cohort=record.cohort,
            warehouse=self._warehouse,
            parts=folder_parts,
            parent=self._parent(record, permitted),
        )

    async def _crafted(self, work: Work, bucket: Bucket, permitted: Permitted, record: ReleaseRecord) -> Crafted:
        noting = asyncio.create_task(self._noting(record))
        try:
            return await craft(
                work,
                pseudonyms=self._others.pseudonyms,
                consent=self._others.consents.of(bucket, permitted.purpose),
                signer=self._others.signer,
                progress=self._progress(record),
            )
        except asyncio.CancelledError:  # the thread would go on to the end
            self._stopped = True
            raise
        finally:
            noting.cancel()

    def _parent(self, record: ReleaseRecord, permitted: Permitted) -> Release | None:
        """The newest other release of the project under the same pseudonyms."""
        with self._database.read() as tx:
            for other in reversed(store.in_states(tx, FOLLOWED)):
                kept = store.manifest(tx, other.digest) if other.project == record.project else None
                if kept is not None:
                    found = manifest.decode(kept).release
                    if found.domain == permitted.scope.pseudonym_domain:
                        return found
        return None

    async def _without(self, work: Work, bucket: Bucket, permitted: Permitted, made: Crafted) -> Crafted:
        """It, without whoever has decided since it was asked about and refuses now. Raises Conflict where anybody may be concerned."""
        release = made.manifest.release
        with self._database.read() as tx:
            state = self._others.consents.state(tx)
            decided = self._others.consents.decided(tx, release.consent, state)
            if decided is None:
                raise Conflict("more than patients' decisions has changed meanwhile", code="release.decided")
            refuse = self._others.consents.refused(tx, work.op, bucket, work.project, sorted(decided))
        known = await self._others.people.known_as(work.op, release.domain, sorted(refuse)) if refuse else ()
        theirs = withdrawing.found_by(release, known)
        parts, when = work.parts, {"made": rfc3339(self._clock.now()), "consent": state}
        tables = await asyncio.to_thread(withdrawing.without, release, theirs, parts)
        anew = msgspec.structs.replace(release, tables=tables, **when)
        manifest_now = await sign(work.op, anew, parts, self._others.signer)
        lists = await left(work.op, self._others.people, made.lists, theirs, anew)
        return replace(made, manifest=manifest_now, lists=lists)

    async def _built(self, op: Operation, record: ReleaseRecord, permitted: Permitted, made: Crafted) -> bool:
        """Step 5; False if patients have decided since step 3. Raises Conflict."""
        release = made.manifest.release
        digest, now = release.digest(), self._clock.now()

        def work(tx: Transaction) -> Recorded[None]:
            found = _waiting(tx, record)
            if self._others.consents.state(tx) != release.consent:
                raise _DecidedError
            if self._others.projects.ready(tx, record.project, now).permit != permitted.permit:
                raise Conflict("the project has another permit meanwhile", code="release.decided")
            store.add_manifest(tx, found.id, digest, manifest_bytes(made), now)
            done = replace(
                found,
                state=ReleaseState.BUILT,
                changed_by=op.actor.id,
                changed_at=now,
                digest=digest,
                risk=made.told.risk,
                found=made.told.cohort,
            )
            store.update(tx, done)
            rows = sum(table.rows for table in release.tables)
            return Recorded(None, entry(op, "built", done, manifest=digest, parent=release.parent, rows=rows))

        try:
            await self._database.write(work)
        except _DecidedError:
            return False
        return True

    async def _failed(self, record: ReleaseRecord, error: NexusError) -> None:
        """It cannot be built so; what says why holds nothing of anybody."""
        op, now = self._operation(), self._clock.now()

        def work(tx: Transaction) -> Recorded[None]:
            found = _waiting(tx, record)
            failed = replace(found, state=ReleaseState.FAILED, code=error.code, message=error.message)
            store.update(tx, replace(failed, changed_by=op.actor.id, changed_at=now))
            resource = Resource("Project", record.project, {"project": record.project})
            return Recorded(None, op.failed("releases.release.built", resource, release=record.id, code=error.code))

        await self._database.write(work)
        shutil.rmtree(self._warehouse.releasing / record.id, ignore_errors=True)

    def _progress(self, record: ReleaseRecord) -> Callable[[str, int, int], None]:
        def told(step: str, done: int, total: int) -> None:
            if self._stopped:
                raise InterruptedError
            self._at = record.id, Progress(step, done, total)

        return told

    async def _noting(self, record: ReleaseRecord) -> None:
        """Write down how far the thread is, every second."""
        while True:
            await asyncio.sleep(1)
            if self._at is not None and self._at[0] == record.id:
                await self._note(record, self._at[1])

    async def _note(self, record: ReleaseRecord, at: Progress) -> None:
        await self._database.bookkeep(Bookkeeping.PROGRESS, lambda tx: store.note_progress(tx, record.id, at))


def entry(op: Operation, verb: str, found: ReleaseRecord, **details: str | int) -> Entry:
    """What the platform did with a release by itself."""
    resource = Resource("Project", found.project, {"project": found.project})
    return op.allowed(f"releases.release.{verb}", resource, release=found.id, bucket=found.bucket, **details)


class _DecidedError(Exception):
    """Patients have decided since they were asked."""


def _waiting(tx: Transaction, record: ReleaseRecord) -> ReleaseRecord:
    """It, if it still waits. Raises Conflict."""
    found = store.by_id(tx, record.id)
    if found is None or found.state is not ReleaseState.REQUESTED:
        raise Conflict("the release waits no more", code="release.decided")
    return found
