"""Elevation just in time: a person makes an eligible grant hold for a while, for a stated reason. Numbered steps:

1. The eligible grant is hers, holds now, is not suspended, and is not elevated already: an elevation is never extended.
2. She proved a factor in this session within `FRESH_FACTOR`.
3. A privileged role has been approved by a second person, unless two others agreed, when they made her eligible, that she
   elevates it alone.
4. It holds for the minutes that she asked for, `MAX_ELEVATION` at most and never beyond the eligible grant; the decision
   after its end refuses, without anybody doing anything.
"""

from nexus.iam.approvals import Approvals
from nexus.iam.duties import require_no_conflict
from nexus.iam.model import (
    MAX_ELEVATION,
    PRIVILEGED_ROLES,
    Elevation,
    ElevationApproval,
    Eligibility,
    EligibilityKind,
)
from nexus.iam.requests.elevations import Elevations, ElevationView, ListElevations, OpenElevation
from nexus.iam.requests.forms import ById
from nexus.iam.rules import check_reason, page_size, require_fresh_factor
from nexus.iam.store import duties, elevations
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Entry, Operation, Resource
from nexus.web import codec


class ElevationStories:
    """Elevations: opened by their holder, ended by time, by her or by those who supervise."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals

    async def open(self, op: Operation, request: OpenElevation) -> ElevationView:
        """Elevate alone. Raises Denied (privileged, stale factor), Invalid (reason, minutes), NotFound, Conflict."""

        def work(tx: Transaction) -> Recorded[ElevationView]:
            eligible = self._eligible(tx, op, request.eligibility)
            if eligible.role in PRIVILEGED_ROLES and eligible.approval is not ElevationApproval.ALONE:
                raise Denied(
                    f"{eligible.role.value} needs a second person",
                    code="iam.privileged-role",
                    hint="use `nexus iam elevation open-privileged`",
                )
            return self._open(tx, op, eligible, request, "iam.elevation.open")

        return await self._db.write(work)

    async def open_privileged(self, op: Operation, request: OpenElevation) -> ElevationView:
        """Elevate with the approval of a second person. Raises as `open` does."""
        name, exact = "iam.elevation.open-privileged", codec.encode(request, OpenElevation)

        def work(tx: Transaction) -> Recorded[ElevationView]:
            self._approvals.require(tx, op, name, exact)
            return self._open(tx, op, self._eligible(tx, op, request.eligibility), request, name)

        return await self._db.write(work)

    async def end(self, op: Operation, request: ById) -> None:
        """End an elevation before its time; every process obeys from its next decision on. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = elevations.elevation(tx, request.id)
            if found is None or not elevations.end_elevation(tx, found.id, self._clock.now()):
                raise NotFound("no such elevation is open", code="iam.no-elevation")
            return Recorded(None, _entry(op, "iam.elevation.end", found))

        await self._db.write(work)

    async def list_elevations(self, op: Operation, request: ListElevations) -> Elevations:
        """Elevations of one identity or of all."""
        open_at, limit = None if request.ended else self._clock.now(), page_size(request.limit)
        with self._db.read() as tx:
            found = elevations.elevations(tx, request.identity, request.after, limit, open_at=open_at)
        about = Resource("Identity", request.identity) if request.identity else PLATFORM
        await self._db.record(op.allowed("iam.elevation.list", about))
        return Elevations(elevations=tuple(view(each) for each in found))

    def _eligible(self, tx: Transaction, op: Operation, eligibility_id: str) -> Eligibility:
        """Step 1. The same answer for one that is not there and one that is somebody else's."""
        found, now = elevations.eligibility(tx, eligibility_id), self._clock.now()
        mine = found is not None and found.person == op.actor.id and found.kind is EligibilityKind.ELEVATION
        if found is None or not mine or not found.starts_at <= now < found.ends_at:
            raise NotFound("you hold no such eligible grant", code="iam.no-eligibility")
        if found.suspended:
            raise Denied("this eligible grant is suspended", code="iam.eligibility-suspended")
        if elevations.open_elevation(tx, found.id, now):
            raise Conflict(
                "it is elevated already", code="iam.elevated-already", hint="end it first; it cannot be extended"
            )
        return found

    def _open(
        self, tx: Transaction, op: Operation, eligible: Eligibility, request: OpenElevation, action: str
    ) -> Recorded[ElevationView]:
        now = self._clock.now()
        require_fresh_factor(op, now, action, eligible.id, request.reason)
        require_no_conflict(eligible.role, eligible.scope, duties.held_by(tx, eligible.person, now))
        new = elevation_of(op, eligible, request.reason, request.minutes * MINUTE, MAX_ELEVATION, now)
        elevations.add_elevation(tx, new)
        return Recorded(view(new), _entry(op, action, new))


def elevation_of(  # noqa: PLR0917 - one value, made of seven
    op: Operation, eligible: Eligibility, reason: str, lasts: int, longest: int, now: Instant, purpose: str = ""
) -> Elevation:
    """An elevation as it begins, for the purpose of the operation unless said otherwise; nothing is stored yet. Raises Invalid (reason, length)."""
    if not MINUTE <= lasts <= longest:
        raise Invalid(
            "that is no length of time for this", code="iam.elevation-length", hint=f"1 to {longest // MINUTE} minutes"
        )
    return Elevation(
        id=new_id("elv"),
        eligibility=eligible.id,
        person=eligible.person,
        role=eligible.role,
        scope=eligible.scope,
        kind=eligible.kind,
        reason=check_reason(reason),
        purpose=purpose or op.purpose,
        session=op.actor.session or "",
        starts_at=now,
        ends_at=Instant(min(now + lasts, eligible.ends_at)),
    )


def _entry(op: Operation, action: str, about: Elevation) -> Entry:
    return op.allowed(
        action,
        Resource("Identity", about.person),
        elevation=about.id,
        role=about.role.value,
        scope=about.scope,
        ends_at=about.ends_at,
        reason=about.reason,
    )


def view(elevation: Elevation) -> ElevationView:
    """An elevation as its operations show it."""
    return ElevationView(
        id=elevation.id,
        eligibility=elevation.eligibility,
        person=elevation.person,
        role=elevation.role,
        scope=elevation.scope,
        kind=elevation.kind,
        reason=elevation.reason,
        purpose=elevation.purpose,
        starts_at=elevation.starts_at,
        ends_at=elevation.ends_at,
        ended_at=elevation.ended_at,
    )
