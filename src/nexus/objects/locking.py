"""Stories about the retention and the legal hold of versions."""

from collections.abc import Callable, Mapping

from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.operation import Detail, Entry, Operation
from nexus.objects import retention, rules
from nexus.objects.committing import bucket_state
from nexus.objects.consenting import Consenting, Sieve, everything, refuse_secondary_writes
from nexus.objects.errors import IsDeleteMarker, no_such_key, no_such_version, not_lockable
from nexus.objects.model import ObjectRef
from nexus.objects.retention import Lock, Mode
from nexus.objects.store import locks, versions
from nexus.objects.store.versions import VersionRow

LOCK = "objects.object.lock"
LIFT = "objects.lock.lift"


class Locking:
    """Stories about locks. A lock is read and changed inside one transaction: nothing comes in between."""

    def __init__(self, database: Database, clock: Clock, consenting: Consenting) -> None:
        self._consenting = consenting
        self._database = database
        self._clock = clock

    async def find(self, op: Operation, ref: ObjectRef) -> Lock | None:
        """The lock of a version, if it ever had one. Raises NotFound, IsDeleteMarker, or Invalid without object lock."""
        rules.check_key(ref.key)
        if ref.bucket.lock is None:
            raise not_lockable()

        def gather(tx: Transaction, sieve: Sieve) -> tuple[VersionRow, Lock | None]:
            row = _version(tx, ref, sieve)
            return row, locks.find(tx, row.id)

        def entry(found: tuple[VersionRow, Lock | None]) -> Entry:
            where = ref.bucket.resource
            return op.allowed("objects.object.list", where, key=ref.key, version=found[0].id, lock=True)

        return (await self._consenting.listed(op, ref.bucket, gather, entry))[1]

    async def retain(
        self, op: Operation, ref: ObjectRef, mode: Mode | None, until: Instant, *, bypass: bool = False
    ) -> None:
        """Retain a version until a moment; `mode` None ends its retention. `bypass` may weaken a governance retention.

        Raises Denied, NotFound, IsDeleteMarker, Invalid.
        """

        def change(lock: Lock | None, now: Instant) -> Lock:
            return retention.retained(lock, mode, until, now, bypass=bypass)

        details: dict[str, Detail] = {"mode": mode.value if mode else "none", "until": until, "bypass": bypass}
        await self._change(op, ref, change, details)

    async def hold(self, op: Operation, ref: ObjectRef, *, held: bool, bypass: bool = False) -> None:
        """Lay a legal hold on a version, or (only with `bypass`) lift it. Raises as `retain` does."""

        def change(lock: Lock | None, now: Instant) -> Lock:
            return retention.hold(lock, held=held, bypass=bypass)

        await self._change(op, ref, change, {"held": held, "bypass": bypass})

    async def lift(self, op: Operation, ref: ObjectRef) -> Lock:
        """End a governance retention and a legal hold: what two persons agreed on. Raises Denied in compliance mode."""
        found: list[Lock] = []

        def change(lock: Lock | None, now: Instant) -> Lock:
            lifted = retention.hold(
                retention.retained(lock, None, Instant(0), now, bypass=True), held=False, bypass=True
            )
            found[:] = [lock or lifted]
            return lifted

        await self._change(op, ref, change, {"lifted": True})
        return found[0]

    async def _change(
        self,
        op: Operation,
        ref: ObjectRef,
        change: Callable[[Lock | None, Instant], Lock],
        details: Mapping[str, Detail],
    ) -> None:
        refuse_secondary_writes(op, ref.bucket)
        rules.check_key(ref.key)
        action = LIFT if details.get("lifted") else LOCK

        def work(tx: Transaction) -> Recorded[None]:
            if bucket_state(tx, ref.bucket).lock is None:
                raise not_lockable()
            row = _version(tx, ref)
            locks.put(tx, row.id, change(locks.find(tx, row.id), self._clock.now()))
            return Recorded(None, op.allowed(action, ref.bucket.resource, key=ref.key, version=row.id, **details))

        await self._database.write(work)


def _version(tx: Transaction, ref: ObjectRef, sieve: Sieve = everything) -> VersionRow:
    row = versions.version(tx, ref.bucket, ref.key, ref.version_id)
    named = ref.version_id is not None
    if row is None or not sieve([row]):
        raise no_such_version() if named else no_such_key()
    if row.marker:
        raise IsDeleteMarker(version_id=row.version_id, last_modified=row.modified_at, named=named)
    return row
