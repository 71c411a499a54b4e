"""Break-glass: in an emergency a person opens access at once and alone, everybody hears of it, somebody else judges it.

1. **Open.** The holder of an emergency grant (a role that reads or brings data, within a site or a project; never the
   platform, never a role over keys or rights) opens it from a session with a fresh factor, with a reason and a purpose,
   for `MAX_BREAK_GLASS` at most. It cannot be extended.
2. **Marked.** While it is open, every audit entry of that person says so (`break_glass`), whatever credential she uses.
3. **Alarm.** The same commit raises an alarm and opens a review; the worker tells the alarm outside.
4. **Review.** A security officer or the data protection officer, another human being than the user, gives a verdict
   within `REVIEW_BREAK_GLASS`. Not justified: the person's emergency grants are suspended.
5. **No review.** The worker suspends them when the time is over, and raises a second alarm. A late verdict that it was
   justified lifts that suspension, if no other use speaks against it.
"""

from functools import partial

from nexus.iam.elevations import elevation_of
from nexus.iam.humans import require_other_human
from nexus.iam.model import Eligibility, EligibilityKind, Purpose
from nexus.iam.requests.break_glass import (
    BreakGlass,
    BreakGlassUses,
    BreakGlassView,
    ListBreakGlass,
    ReviewBreakGlass,
)
from nexus.iam.requests.forms import ById
from nexus.iam.rules import check_reason, page_size, require_fresh_factor
from nexus.iam.store import alarms, break_glass, elevations
from nexus.iam.store.break_glass import BreakGlassRow
from nexus.iam.supervision import EMERGENCY_ROLES, MAX_BREAK_GLASS, REVIEW_BREAK_GLASS, AlarmKind, Verdict
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.operation import PLATFORM, Entry, Operation, Resource


class BreakGlassStories:
    """Uses of break-glass and their reviews."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def open(self, op: Operation, request: BreakGlass) -> BreakGlassView:
        """Open an emergency grant at once. Raises Invalid, Denied (suspended, stale factor), NotFound, Conflict (open)."""
        if request.purpose is Purpose.OPERATION:
            raise Invalid(
                "the running of the platform is no purpose of an emergency access",
                code="iam.break-glass-purpose",
                hint="care, research, quality, security, audit or compliance",
            )

        def work(tx: Transaction) -> Recorded[BreakGlassView]:
            now = self._clock.now()
            eligible = self._eligible(tx, op, request.eligibility, now)
            require_fresh_factor(op, now, "iam.break-glass.open", eligible.id, request.reason)
            access = elevation_of(
                op, eligible, request.reason, request.minutes * MINUTE, MAX_BREAK_GLASS, now, request.purpose
            )
            elevations.add_elevation(tx, access)
            break_glass.add(tx, access.id, access.person, Instant(now + REVIEW_BREAK_GLASS))
            alarms.sound(tx, AlarmKind.BREAK_GLASS, access.person, access.id, now)
            opened = _find(tx, access.id)
            return Recorded(_view(opened), _entry(op, "iam.break-glass.open", opened))

        return await self._db.write(work)

    async def end(self, op: Operation, request: ById) -> None:
        """End the access before its time; its review goes on. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = _find(tx, request.id)
            if not elevations.end_elevation(tx, found.access.id, self._clock.now()):
                raise NotFound("that access is not open", code="iam.no-elevation")
            return Recorded(None, _entry(op, "iam.break-glass.end", found))

        await self._db.write(work)

    async def list_uses(self, op: Operation, request: ListBreakGlass) -> BreakGlassUses:
        """Uses of one identity or of all."""
        with self._db.read() as tx:
            found = break_glass.uses(
                tx, request.identity, request.after, page_size(request.limit), reviewed=request.reviewed
            )
        about = Resource("Identity", request.identity) if request.identity else PLATFORM
        await self._db.record(op.allowed("iam.break-glass.list", about))
        return BreakGlassUses(uses=tuple(_view(each) for each in found))

    async def review(self, op: Operation, request: ReviewBreakGlass) -> BreakGlassView:
        """Close the review of a use by somebody else. Raises Invalid, Denied (one's own), NotFound, Conflict (closed)."""
        comment = check_reason(request.comment)
        if request.verdict is Verdict.NONE:
            raise Invalid("a review ends with a verdict", code="iam.verdict", hint="justified or unjustified")

        def work(tx: Transaction) -> Recorded[BreakGlassView]:
            found, now = _find(tx, request.id), self._clock.now()
            person = found.access.person
            require_other_human(tx, op, person)
            if not break_glass.judge(tx, request.id, request.verdict, op.actor.id, comment, now):
                raise Conflict("this use was reviewed before", code="iam.reviewed-before")
            if request.verdict is Verdict.UNJUSTIFIED:
                break_glass.suspend(tx, person, now)
            elif not break_glass.blamed(tx, person):
                break_glass.reinstate(tx, person)
            judged = _find(tx, request.id)
            return Recorded(_view(judged), _entry(op, "iam.break-glass.review", judged))

        return await self._db.write(work)

    async def escalate(self, op: Operation) -> int:
        """Suspend the emergency grants of those whose use nobody reviewed in time. Returns how many uses that were."""
        with self._db.read() as tx:
            late = break_glass.late(tx, self._clock.now())
        for use in late:
            await self._db.write(partial(self._call_overdue, op, use))
        return len(late)

    def _call_overdue(self, op: Operation, use: BreakGlassRow, tx: Transaction) -> Recorded[None]:
        now = self._clock.now()
        if not break_glass.call_overdue(tx, use.access.id, now):
            return Recorded(None, op.failed("iam.break-glass.overdue", _about(use), code="iam.reviewed-before"))
        break_glass.suspend(tx, use.access.person, now)
        alarms.sound(tx, AlarmKind.BREAK_GLASS_OVERDUE, use.access.person, use.access.id, now)
        return Recorded(None, _entry(op, "iam.break-glass.overdue", use))

    @staticmethod
    def _eligible(tx: Transaction, op: Operation, eligibility_id: str, now: Instant) -> Eligibility:
        """Step 1. The same answer for one that is not there and one that is somebody else's."""
        found = elevations.eligibility(tx, eligibility_id)
        mine = found is not None and found.person == op.actor.id and found.kind is EligibilityKind.EMERGENCY
        if found is None or not mine or found.role not in EMERGENCY_ROLES or not found.starts_at <= now < found.ends_at:
            raise NotFound("you hold no such emergency grant", code="iam.no-eligibility")
        if found.suspended:
            raise Denied(
                "your emergency grants are suspended",
                code="iam.eligibility-suspended",
                hint="an earlier use waits for its review, or was not justified",
            )
        if elevations.open_elevation(tx, found.id, now):
            raise Conflict("it is open already", code="iam.elevated-already", hint="it cannot be extended")
        return found


def _find(tx: Transaction, use_id: str) -> BreakGlassRow:
    found = break_glass.find(tx, use_id)
    if found is None:
        raise NotFound("no such use of break-glass", code="iam.no-break-glass")
    return found


def _about(use: BreakGlassRow) -> Resource:
    return Resource("Identity", use.access.person)


def _entry(op: Operation, action: str, use: BreakGlassRow) -> Entry:
    return op.allowed(
        action,
        _about(use),
        use=use.access.id,
        role=use.access.role.value,
        scope=use.access.scope,
        access_for=use.access.purpose,
        ends_at=use.access.ends_at,
        reason=use.access.reason,
        verdict=use.verdict.value,
    )


def _view(use: BreakGlassRow) -> BreakGlassView:
    access = use.access
    return BreakGlassView(
        id=access.id,
        eligibility=access.eligibility,
        person=access.person,
        role=access.role,
        scope=access.scope,
        reason=access.reason,
        purpose=access.purpose,
        starts_at=access.starts_at,
        ends_at=access.ends_at,
        ended_at=access.ended_at,
        review_due_at=use.due_at,
        overdue=use.overdue,
        verdict=use.verdict,
        reviewed_by=use.reviewed_by,
        reviewed_at=use.reviewed_at,
        comment=use.comment,
    )
